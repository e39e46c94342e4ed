#!/usr/bin/env bash
# lego and certbot against `fakeca pebble`, started as Pebble is, with the challenge server of Debian's package for its DNS.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/pebble_lib.sh
. "$(dirname "$0")/programs/pebble_lib.sh"

ln -s "$fakeca" "$work/pebble"
client_port=$(free_port)
start_challtestsrv pebble-challtestsrv --
http_port=$client_port pebble_config pebble
start_pebble pebble "$work/pebble" -- -dnsserver "127.0.0.1:$dns_port"
directory=$pebble_directory first_management=$pebble_management

curl -sSk "$pebble_management/roots/0" >"$work/root.pem"
curl -sSk "$pebble_management/intermediates/0" >"$work/intermediate.pem"
cat "$work/cert.pem" "$work/root.pem" >"$work/trust.pem"
ca_file=$work/trust.pem trust_file=$work/trust.pem

lego_run "$client_port" lego.example.com run || fail "lego does not obtain"
openssl verify -CAfile "$work/root.pem" -untrusted "$work/intermediate.pem" "$work/lego/certificates/lego.example.com.crt" \
    >"$work/verify.log" 2>&1 || fail "the chain of Pebble's management paths does not verify lego's certificate"
first=$(lego_serial lego.example.com)
lego_run "$client_port" lego.example.com renew --no-random-sleep --days 3650 || fail "lego does not renew"
differs "$(lego_serial lego.example.com)" "$first" "lego's certificate after its renewal"
serial=$(lego_serial lego.example.com)
lego_run "$client_port" lego.example.com revoke || fail "lego does not revoke"
same "$(curl -sSk "$pebble_management/cert-status-by-serial/$serial" | jq -r .Status)" Revoked "the status of lego's certificate"

certbot_run certonly --standalone --http-01-port "$client_port" --agree-tos -m ops@example.com --server "$directory" -d certbot.localhost.test -d single ||
    fail "certbot does not obtain"
serial=$(certbot_serial certbot.localhost.test)
same "$(curl -sSk "$pebble_management/cert-status-by-serial/$serial" | jq -r .Status)" Valid "the status of certbot's certificate"

# external accounts: keys of the config file, each for any number of accounts
first_directory=$directory
pebble_config eab '.pebble.externalAccountBindingRequired = true | .pebble.externalAccountMACKeys = {"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}'
PEBBLE_VA_ALWAYS_VALID=1 start_pebble eab "$work/pebble" --
directory=$pebble_directory pebble_management=$first_management
if lego_run "$client_port" none.example.com run; then
    fail "lego registers without an external account"
fi
contains "$(cat "$work/lego.log")" "requires External Account Binding" "the report of lego"
for mail in one two; do
    LEGO_CA_CERTIFICATES=$ca_file lego --path "$work/lego-$mail" --server "$directory" --accept-tos --email "$mail@example.com" --domains eab.example.com \
        --eab --kid kid-1 --hmac zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W --http --http.port "127.0.0.1:$client_port" run \
        </dev/null >"$work/lego.log" 2>&1 || fail "lego does not obtain with an external account ($mail)"
done
directory=$first_directory

# the clock of it, from the default place
"$fakeca" --advance-days 60 >"$work/advance.log" 2>&1 || fail "the clock of fakeca pebble does not move"
"$fakeca" run -- env REQUESTS_CA_BUNDLE="$trust_file" certbot renew --no-random-sleep-on-renew --config-dir "$work/le" --work-dir "$work/le-work" \
    --logs-dir "$work/le-log" -n </dev/null >"$work/certbot-renew.log" 2>&1 || fail "certbot does not renew after 60 days"
differs "$(certbot_serial certbot.localhost.test)" "$serial" "certbot's certificate 60 days later"

# the management API at a place of one's own, by variable and by option, and the clock and state that variables name
own=$(free_port)
pebble_config own
FAKECA_MANAGEMENT_LISTEN=localhost:$own FAKECA_STATE=$work/own FAKECA_CLOCK=-10d PEBBLE_VA_ALWAYS_VALID=1 start_pebble own "$work/pebble" --
own_pid=$pebble_pid
contains "$(cat "$work/own.log")" "fakeca's own management API: http://localhost:$own/" "the log"
grep -q "other machines" "$work/own.err.log" && fail "a warning about listeners on loopback"
now() { curl -sS "http://localhost:$own/api/v1/clock" | jq -r .now; }
same "$(date -d "$(now)" +%F)" "$(date -d '-10 days' +%F)" "a clock that begins ten days ago"
"$fakeca" --advance-days 60 --management "http://localhost:$own" >"$work/advance-own.log" 2>&1 || fail "the clock does not move by --management"
"$fakeca" --advance-days 10 --state "$work/own" >"$work/advance-own.log" 2>&1 || fail "the clock does not move by --state"
same "$(date -d "$(now)" +%F)" "$(date -d '+60 days' +%F)" "the clock 70 days later"
lego_own() { LEGO_CA_CERTIFICATES=$ca_file lego --path "$work/lego-own" --server "$pebble_directory" --accept-tos --email own@example.com --domains own.example.com \
    --http --http.port "127.0.0.1:$client_port" "$@" </dev/null >"$work/lego.log" 2>&1; }
lego_own run || fail "lego does not obtain"
kill -TERM "$own_pid"
wait "$own_pid" || fail "fakeca pebble ends with $? when it is asked to"
FAKECA_STATE=$work/own PEBBLE_VA_ALWAYS_VALID=1 start_pebble own "$work/pebble" -- --management-listen "localhost:$own"
same "$(date -d "$(now)" +%F)" "$(date -d '+60 days' +%F)" "the clock after a restart"
first=$(serial_of "$work/lego-own/certificates/own.example.com.crt")
lego_own renew --no-random-sleep --days 3650 || fail "lego's account is gone after a restart on a state folder"
differs "$(serial_of "$work/lego-own/certificates/own.example.com.crt")" "$first" "lego's certificate after a restart"
pebble_management=$first_management

certbot_run revoke --cert-path "$work/le/live/certbot.localhost.test/cert.pem" --server "$directory" --no-delete-after-revoke --reason keycompromise ||
    fail "certbot does not revoke"
answer=$(curl -sSk "$pebble_management/cert-status-by-serial/$(certbot_serial certbot.localhost.test)")
same "$(jq -r '.Status + " " + (.Reason | tostring)' <<<"$answer")" "Revoked 1" "the status of certbot's revoked certificate"
