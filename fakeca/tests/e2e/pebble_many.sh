#!/usr/bin/env bash
# What Pebble hangs or panics at: 16, 64 and 256 clients that poll without a pause, and the requests of pebble_hangs.py. Both programs
# are ours.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/pebble_lib.sh
. "$(dirname "$0")/programs/pebble_lib.sh"

programs=$(dirname "$0")/programs
start_challtestsrv "$fakeca" pebble-challtestsrv --
pebble_config pebble '.pebble.domainBlocklist = ["blocked.test"]'
PEBBLE_AUTHZREUSE=0 start_pebble pebble "$fakeca" pebble -- -dnsserver "127.0.0.1:$dns_port" -strict false
many() { # CLIENTS ORDERS [NAMES]
    "$python" "$programs/pebble_many.py" "$pebble_directory" "$pebble_management" "$chall" "$@" >"$work/many.log" 2>&1 || fail "$1 clients at once"
    tail -n 1 "$work/many.log"
}
many 16 4
many 64 2
many 256 1
many 8 2 10
"$python" "$programs/pebble_hangs.py" "$pebble_directory" "$pebble_management" "$chall" blocked.test >"$work/hangs.log" 2>&1 ||
    fail "what Pebble hangs at"
grep -c good "$work/hangs.log"

# what Pebble leaves to chance: with 30 % of good nonces refused a client that tries again gets its certificate
pebble_config chance
PEBBLE_WFE_NONCEREJECT=30 start_pebble chance "$fakeca" pebble -- -dnsserver "127.0.0.1:$dns_port"
directory=$pebble_directory ca_file=$work/cert.pem
refused=0 new_account=$(curl -sSk "$pebble_directory" | jq -r .newAccount)
for _ in $(seq 60); do
    status=$(curl -sSk -o /dev/null -w '%{http_code}' -H 'content-type: application/jose+json' --data x "$new_account")
    [ "$status" = 400 ] || fail "a POST is answered by $status"
done
curl -sSk -H 'content-type: application/json' --data x -o "$work/type.json" "$new_account"
same "$(jq .status "$work/type.json")" 415 "another content type"
for _ in $(seq 60); do
    curl -sSk -H 'content-type: application/jose+json' --data x "$new_account" | grep -q badNonce && refused=$((refused + 1))
done
if [ "$refused" -lt 5 ] || [ "$refused" -gt 35 ]; then
    fail "of 60 requests $refused are refused by chance, not about 18"
fi

# always valid: nobody answers the challenge
pebble_config always
PEBBLE_VA_ALWAYS_VALID=1 PEBBLE_CHAIN_LENGTH=3 start_pebble always "$fakeca" pebble -- -dnsserver "127.0.0.1:$dns_port"
directory=$pebble_directory
lego_run "$(free_port)" nobody.example.com run || fail "lego does not obtain from a CA whose answers are always valid"
same "$(grep -c BEGIN "$work/lego/certificates/nobody.example.com.crt")" 4 "certificates in a chain of length 3"

# validations that begin later, each at its own time: nobody waits for another's
pebble_config late
PEBBLE_VA_NOSLEEP='' PEBBLE_VA_SLEEPTIME=3 start_pebble late "$fakeca" pebble -- -dnsserver "127.0.0.1:$dns_port"
contains "$(cat "$work/late.log")" "Setting maximum random VA sleep time to 3 seconds" "the log"
many 32 1

# a log that nobody reads: requests are answered all the same, and the program ends when it is asked to
pebble_config unread
mkfifo "$work/unread.fifo"
exec 9<>"$work/unread.fifo"
"$fakeca" pebble -config "$work/unread.json" -dnsserver "127.0.0.1:$dns_port" >&9 2>&1 &
unread=$!
pids+=("$unread")
wait_for 20 listening "$acme_port" || fail "one whose log nobody reads does not start"
pebble_directory=https://127.0.0.1:$acme_port/dir pebble_management=https://127.0.0.1:$management_port
many 8 15
kill -TERM "$unread"
ended() { ! kill -0 "$unread"; }
wait_for 30 ended || fail "one whose log nobody reads does not end"
wait "$unread" || fail "one whose log nobody reads ends with $?"
exec 9>&-
