#!/usr/bin/env bash
# A CA that starts in the past: clients that nobody shifts find certificates that are due when it comes to the present; fresh ones are
# not (the control). And what a skip says of each client.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
programs=$(cd "$(dirname "$0")/programs" && pwd)
for program in certbot lego caddy; do
    command -v "$program" >/dev/null || fail "the program '$program' is not installed"
done

start_nginx
start_ca --clock -61d --port-map "80=$http,443=$https"
to_nginx() { api PUT /api/v1/port-map "{\"map\":\"80=127.0.0.1:$http,443=127.0.0.1:$https\"}" >/dev/null; }

certbot_renew() { certbot_run renew --no-random-sleep-on-renew; }
lego() { # ARGS...
    LEGO_CA_CERTIFICATES=$ca_file command lego --path "$work/lego" --server "$directory" --accept-tos --email ops@rehearsal.dev --domains lego.test --http \
        --http.webroot "$work/www" "$@" </dev/null >"$work/lego.log" 2>&1
}
caddy_http=$(free_port) caddy_https=$(free_port)
cat >"$work/Caddyfile" <<CONF
{
    admin off
    default_bind 127.0.0.1
    storage file_system $work/caddy
    http_port $caddy_http
    https_port $caddy_https
    acme_ca $directory
    acme_ca_root $ca_file
}
caddy.test {
    tls {
        issuer acme {
            disable_tlsalpn_challenge
        }
    }
    respond ok
}
CONF
caddy_pid=''
start_caddy() {
    api PUT /api/v1/port-map "{\"map\":\"80=127.0.0.1:$caddy_http,443=127.0.0.1:$caddy_https\"}" >/dev/null
    HOME=$work command caddy run --config "$work/Caddyfile" --adapter caddyfile >"$work/caddy.log" 2>&1 &
    caddy_pid=$!
    pids+=("$caddy_pid")
}
stop_caddy() {
    kill -TERM "$caddy_pid"
    wait "$caddy_pid" || true
}
issued() { ca certs --json --name "$1" | jq '.certificates | length'; }
caddy_issued() { [ "$(issued caddy.test)" -ge "$1" ]; }
# lacme is not needed to know its rule: a client that calls itself so
sed 's|user_agent="[^"]*"|user_agent="lacme-client/0.8.2"|' "$programs/acme_client.py" >"$work/lacme.py"
grep -q lacme-client "$work/lacme.py" || fail "acme_client.py calls itself in another way"

certbot_run certonly --agree-tos --register-unsafely-without-email --server "$directory" --webroot -w "$work/www" -d certbot.test ||
    fail "certbot obtains nothing of a CA in the past"
lego run || fail "lego obtains nothing of a CA in the past"
/usr/bin/python3 "$work/lacme.py" "$directory" "$ca_file" "$work/lacme" "$work/www" lacme.test issue >"$work/lacme.log" 2>&1 || fail "python3-acme"
start_caddy
wait_for 60 caddy_issued 1 || fail "Caddy obtains nothing of a CA in the past"
stop_caddy
to_nginx
days_left() { echo $((($(date -d "$(openssl x509 -noout -enddate -in "$1" | cut -d= -f2)" +%s) - $(date +%s)) / 86400)); }
same "$(days_left "$work/le/live/certbot.test/cert.pem")" 28 "whole days left of certbot's new certificate by the real clock"
declare -A first=([certbot]=$(certbot_serial certbot.test) [lego]=$(lego_serial lego.test))

# ---- to the present, and what is said of each client

said=$("$fakeca" --state "$work/ca" --advance-days 61)
line() { grep -A 2 "^$1" <<<"$said" || true; }
contains "$(line certbot/2)" "its newest certificate is 61.0 days old, and it renews from day 60 of 90 on"
contains "$(line certbot/2)" "its command, under 'fakeca run'; or a CA that was started in the past (fakeca serve --clock -61d)"
contains "$(line certbot/2)" "it knows no ARI"
contains "$(line lego/4)" "and it renews from day 59 of 90 on"
contains "$(line caddy/2)" "--monotonic"
contains "$(line lacme/0.8.2)" "too young: it renews from day 69 of 90 on"
contains "$(line lacme/0.8.2)" "fakeca serve --clock -70d"
same "$(grep -c '^[a-z].*newest certificate' <<<"$said")" 4 "clients that are told of"
same "$(ca clock show --json | jq .offset_s)" 0 "the CA's clock is the real one"

certbot_renew || fail "certbot renew"
lego renew --no-random-sleep || fail "lego renew"
differs "$(certbot_serial certbot.test)" "${first[certbot]}" "certbot's aged certificate"
differs "$(lego_serial lego.test)" "${first[lego]}" "lego's aged certificate"
count=$(issued caddy.test)
start_caddy
wait_for 60 caddy_issued $((count + 1)) || fail "Caddy does not renew an aged certificate at its start"
stop_caddy
to_nginx

# ---- the control: what is fresh is not renewed

first=([certbot]=$(certbot_serial certbot.test) [lego]=$(lego_serial lego.test))
certbot_renew || fail "certbot renew a second time"
lego renew --no-random-sleep || fail "lego renew a second time"
same "$(certbot_serial certbot.test)" "${first[certbot]}" "certbot's fresh certificate"
same "$(lego_serial lego.test)" "${first[lego]}" "lego's fresh certificate"

# ---- a client that nobody knows

sed 's|user_agent="[^"]*"|user_agent="homemade/7"|' "$programs/acme_client.py" >"$work/homemade.py"
/usr/bin/python3 "$work/homemade.py" "$directory" "$ca_file" "$work/homemade" "$work/www" homemade.test issue >"$work/homemade.log" 2>&1 || fail "python3-acme"
said=$(ca clock advance 1h)
contains "$said" "homemade/7: not known to us; 'fakeca clock find-due' tells when it renews"
