#!/usr/bin/env bash
# Servers that renew by themselves, under fakeca run: an untouched Caddy renews within 5 s of a skip with --monotonic, and not within 10 s
# without it (the control); Apache with mod_md renews and serves the new certificate after a graceful restart.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/run_lib.sh
. "$(dirname "$0")/programs/run_lib.sh"
need caddy apache2

http=$(free_port) https=$(free_port)
start_ca --port-map "80=$http,443=$https"
orders() { ca status --json | jq .counts.certificates; }
more_than() { [ "$(orders)" -gt "$1" ]; }
serves_other() { local now; now=$(served_serial "$1") && [ -n "$now" ] && [ "$now" != "$2" ]; }

caddy_file() { # NAME
    cat <<CONF
{
    admin off
    default_bind 127.0.0.1
    storage file_system $work/caddy-$1
    http_port $http
    https_port $https
    acme_ca $directory
    acme_ca_root $ca_file
}
$1 {
    tls {
        issuer acme {
            disable_tlsalpn_challenge
        }
    }
    respond "hello"
}
CONF
}
start_caddy() { # NAME OPTIONS...
    local name=$1
    shift
    caddy_file "$name" >"$work/Caddyfile"
    XDG_DATA_HOME=$work XDG_CONFIG_HOME=$work run_background "$@" -- caddy run --config "$work/Caddyfile" --adapter caddyfile >"$work/caddy.log" 2>&1
    server=$!
    wait_for 30 served "$name" || fail "caddy obtains nothing"
    first=$(served_serial "$name")
}
stop_server() {
    kill -TERM "$server"
    wait "$server" || true
}

start_caddy moved.test --monotonic
count=$(orders)
ca clock advance 65d >/dev/null
wait_for 5 more_than "$count" || fail "caddy does not renew within 5 s of the skip"
wait_for 10 serves_other moved.test "$first" || fail "caddy does not serve the new certificate"
echo "row: caddy --monotonic"
stop_server

start_caddy still.test
count=$(orders)
ca clock advance 65d >/dev/null
wait_for 10 more_than "$count" && fail "the control: caddy renewed without --monotonic; the documentation is wrong"
same "$(served_serial still.test)" "$first" "the control"
echo "row: caddy, the control"
stop_server

# ---- Apache

mkdir -p "$work/md" "$work/apache"
if [ "$(id -u)" = 0 ]; then
    user=$'User www-data\nGroup www-data'
    chmod 755 "$work" "$work/apache" # the certificates are fetched by a worker
else
    user=''
fi
install -m 644 "$ca_file" "$work/root.pem"
cat >"$work/apache.conf" <<CONF
ServerRoot $work/apache
DefaultRuntimeDir $work/apache
PidFile $work/apache.pid
Mutex file:$work/apache default
ErrorLog $work/apache.log
ServerName md.test
$user
$(for m in mpm_event authz_core ssl md unixd watchdog; do [ -e /usr/lib/apache2/modules/mod_$m.so ] && echo "LoadModule ${m}_module /usr/lib/apache2/modules/mod_$m.so"; done)
Listen 127.0.0.1:$http
Listen 127.0.0.1:$https
MDStoreDir $work/md
MDPortMap http:$http https:$https
MDCertificateAuthority $directory
MDCACertificateFile $work/root.pem
MDCertificateAgreement accepted
MDContactEmail ops@rehearsal.dev
MDCAChallenges http-01
MDCheckInterval 5s
MDomain md.test
<VirtualHost *:$https>
    ServerName md.test
    SSLEngine on
</VirtualHost>
CONF
run_background --monotonic -- apache2 -f "$work/apache.conf" -D FOREGROUND >"$work/apache-start.log" 2>&1
server=$!
staged() { grep -rlsq 'BEGIN CERTIFICATE' "$work/md/staging" --include 'pubcert*.pem'; }
serves_ours() { served md.test | openssl x509 -noout -issuer | grep -q fakeca; }
count=$(orders)
wait_for 30 more_than "$count" || fail "mod_md obtains nothing"
wait_for 10 staged || fail "mod_md has nothing to serve"
kill -USR1 "$(cat "$work/apache.pid")" # graceful
wait_for 10 serves_ours || fail "apache does not serve the certificate after a graceful restart"
first=$(served_serial md.test)
count=$(orders)
ca clock advance 65d >/dev/null
wait_for 20 more_than "$count" || fail "mod_md does not renew"
wait_for 10 staged || fail "mod_md has nothing new to serve"
same "$(served_serial md.test)" "$first" "apache before the graceful restart"
kill -USR1 "$(cat "$work/apache.pid")"
wait_for 15 serves_other md.test "$first" || fail "apache does not serve the new certificate after a graceful restart"
echo "row: apache mod_md"
stop_server
