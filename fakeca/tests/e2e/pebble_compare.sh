#!/usr/bin/env bash
# Debian's pebble and `fakeca pebble`, started with the same flags and the same config file but for the ports, are asked the same
# requests; every difference in their answers must have its reason in compat/README.md.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/pebble_lib.sh
. "$(dirname "$0")/programs/pebble_lib.sh"

ln -s "$fakeca" "$work/pebble"
export PEBBLE_AUTHZREUSE=0
start_challtestsrv pebble-challtestsrv --
for side in theirs ours; do
    peer=pebble
    [ "$side" = theirs ] || peer=$work/pebble
    pebble_config "$side" '.pebble.domainBlocklist = ["blocked.test"] | .pebble.externalAccountMACKeys =
        {"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}'
    start_pebble "$side" "$peer" -- -dnsserver "127.0.0.1:$dns_port"
    "$python" "$asker" "$pebble_directory" "$pebble_management" "$chall" >"$work/$side.txt" 2>"$work/$side.ask.log" ||
        fail "the requests to $side end with $?"
    # each side finds a challenge server without answers to the other one's challenges
    for name in dns-01.a.test http-01.a.test wrong.a.test; do
        chall_post clear-txt "{\"host\":\"_acme-challenge.$name.\"}" >/dev/null
    done
    sed -n 's/^Pebble [0-9/]* [0-9:]* //p' "$work/$side.log" | sed -E "s/(127.0.0.1):[0-9]+/\1:PORT/g" >"$work/$side.said"
done
"$python" "$(dirname "$0")/programs/pebble_compare.py" "$work/theirs.txt" "$work/ours.txt" "$(dirname "$0")/../../compat/README.md" \
    >"$work/differences.log" || fail "the answers differ"
cat "$work/differences.log"

# what other projects wait for in the log: each line of the original about its listeners and settings
sed -n '/Generated/d; 1,25p' "$work/theirs.said" | grep -E 'Starting|DNS resolver|VA sleeps|good nonces|authz reuse|orders per page|Management interface|Root CA|Listening|ACME directory' \
    >"$work/awaited"
while read -r line; do
    grep -qF "$line" "$work/ours.said" || fail "the log of fakeca pebble lacks: $line"
done <"$work/awaited"
[ "$(wc -l <"$work/awaited")" -ge 10 ] || fail "the original says other lines than it did"
