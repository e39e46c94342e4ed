#!/usr/bin/env bash
# lego, which no faked clock reaches: a CA that starts in the past and is advanced to today makes its certificates due. The control
# comes first: what a CA of today issues is not due.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

http=$(free_port)
start_ca --port-map "80=$http"
lego_run "$http" fresh.test run || fail "lego does not obtain"
control=$(lego_serial fresh.test)
lego_run "$http" fresh.test renew --no-random-sleep || fail "lego renew ends badly"
same "$(lego_serial fresh.test)" "$control" "a fresh certificate was renewed"

ca clock advance -60d >/dev/null
lego_run "$http" old.test run || fail "lego does not obtain in the past"
first=$(lego_serial old.test)
contains "$(ca clock advance 60d)" "1 certificate became due" "the skip to today"
lego_run "$http" old.test renew --no-random-sleep || fail "lego does not renew"
differs "$(lego_serial old.test)" "$first" "the certificate after 60 days"
openssl verify -CAfile "$ca_file" -untrusted "$work/lego/certificates/old.test.issuer.crt" "$work/lego/certificates/old.test.crt" \
    >"$work/verify.log" 2>&1 || fail "the chain does not verify"

# kill -9 under load: several clients at once, cut in the middle; afterwards everything that was acknowledged is there
load() {
    local i
    for i in 1 2 3 4 5 6 7 8 9; do
        LEGO_CA_CERTIFICATES=$ca_file lego --path "$work/load$1" --server "$directory" --accept-tos --email "ops$1@rehearsal.dev" \
            --domains "l$i.load$1.test" --http --http.webroot "$work/www" run </dev/null >>"$work/load$1.log" 2>&1 &&
            echo "l$i.load$1" >>"$work/done.txt"
    done
}
acknowledged() { [ "$(wc -l <"$work/done.txt")" -ge "$1" ]; }
before=$directory
stop_ca
start_nginx
touch "$work/done.txt"
start_ca --port-map "80=$http,443=$https"
same "$directory" "$before" "the directory after a restart"
for n in 1 2 3; do
    load "$n" &
    pids+=($!)
done
wait_for 60 acknowledged 4 || fail "no load"
kill_ca
mapfile -t acked <"$work/done.txt"
start_ca --port-map "80=$http,443=$https"
same "$directory" "$before" "the directory after a crash"
for done in "${acked[@]}"; do
    n=${done##*.load}
    serial=$(openssl x509 -noout -serial -in "$work/load$n/certificates/$done.test.crt" | sed 's/serial=//' | tr '[:upper:]' '[:lower:]')
    same "$(ca certs "$serial" --json | jq -r '.identifiers[0]')" "$done.test" "a certificate that was acknowledged before the crash"
done
kill "${pids[@]}" 2>/dev/null || true
wait "${pids[@]}" 2>/dev/null || true
http=$(free_port)
api PUT /api/v1/port-map "{\"map\":\"80=$http\"}" >/dev/null
lego_run "$http" old.test renew --no-random-sleep --days 365 || fail "lego does not renew after the crash"
