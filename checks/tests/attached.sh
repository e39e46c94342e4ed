#!/usr/bin/env bash
# A client that points at a running CA and renews by itself, no commands: what it does is judged from the CA's log and the wire.
# shellcheck source=checks/tests/lib.sh
. "$(dirname "$0")/lib.sh"
bin=$(dirname "$check")
ca_pid='' caddy_pid=''
# shellcheck disable=SC2329 # called by the trap
stop_all() {
    [ -z "$caddy_pid" ] || kill "$caddy_pid" 2>/dev/null || true
    [ -z "$ca_pid" ] || kill "$ca_pid" 2>/dev/null || true
    wait 2>/dev/null || true
}
# shellcheck disable=SC2154 # set in the trap itself
trap 'code=$?; stop_all; (exit $code); finish' EXIT

FAKECA_HTTP_PORT=$(free_port) FAKECA_HTTPS_PORT=$(free_port)
export FAKECA_HTTP_PORT FAKECA_HTTPS_PORT
map=80=127.0.0.1:$FAKECA_HTTP_PORT,443=127.0.0.1:$FAKECA_HTTPS_PORT
"$bin/fakeca" serve --state "$work/ca" --acme-listen localhost:0 --management-listen localhost:0 --dns-listen 127.0.0.1:0 --log none \
    --port-map "$map" --print json >"$work/run.json" 2>"$work/ca.txt" &
ca_pid=$!
"$bin/fakeca" health --state "$work/ca" --wait 30s >/dev/null || fail "the CA does not start"
management=$(jq -r .management "$work/run.json")
mkdir "$work/setup" "$work/caddy"
FAKECA_DIRECTORY=$(jq -r .directory "$work/run.json") FAKECA_ROOT=$(jq -r .ca_file "$work/run.json") FAKECA_EMAIL=nobody@fakeca-check.net \
    XDG_DATA_HOME=$work/caddy XDG_CONFIG_HOME=$work/caddy "$bin/fakeca-run" --clock-file "$work/ca/clock" --monotonic -- \
    caddy run --config "$CLIENT_TESTS/caddy/Caddyfile" --adapter caddyfile >"$work/caddy.txt" 2>&1 &
caddy_pid=$!
echo "{\"hosts\":[\"caddy.rehearsal.test\"],\"http\":\"127.0.0.1:$FAKECA_HTTP_PORT\",\"https\":\"127.0.0.1:$FAKECA_HTTPS_PORT\",
    \"timeouts\":{\"bootstrap\":40,\"reload\":10}}" >"$work/setup/setup.json"

expect 0 "$check" "$work/setup/setup.json" --ca "$management" --format text --format "json=$work/report.json" -v
for id in preflight-safe preflight-clock http-token-served bootstrap-reaches-https renewal-unattended renewal-when-due renewal-fresh-validation renewal-twice \
    reload-serves-new-cert cert-times; do
    is "$id" pass
done
is persist-restart skip
kill -0 "$ca_pid" || fail "the CA was ended"
[ "$(curl -s "${management}api/v1/port-map" | jq -r .map)" = "$map" ] || fail "the port map was not put back"
expect 3 "$check" "$work/setup/setup.json" --ca "http://127.0.0.1:$(free_port)/"
says "option '--ca': cannot reach the CA"
expect 2 "$check" "$work/setup/setup.json" --ca "$management" --from 2027-01-01
