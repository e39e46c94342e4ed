#!/usr/bin/env bash
# fakeca clock find-due: the day from which on a client renews, on the CA's clock and with aged certificates; its controls; everything
# is as it was afterwards, also after Ctrl-C.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/run_lib.sh
. "$(dirname "$0")/programs/run_lib.sh"
need lego

port=$(free_port)
start_ca --port-map "80=$port"
ca clock advance 3d >/dev/null # an offset to be kept
lego=(lego --path "$work/lego" --server "$directory" --accept-tos --email ops@rehearsal.dev --domains lego.test --http --http.port "127.0.0.1:$port")
"${lego[@]}" --version >/dev/null
run -- "${lego[@]}" run >"$work/lego.log" 2>&1 || fail "lego obtains nothing"
cp -a "$work/lego" "$work/lego-before"
export TMPDIR=$work/tmp
mkdir "$TMPDIR"

said='' code=0
due() { # options -- CMD
    code=0
    said=$(ca clock find-due "$@" 2>"$work/due.log") || code=$?
}
untouched() {
    diff -r "$work/lego-before" "$work/lego" >"$work/diff.log" || fail "$1: the client's folder is not what it was"
    same "$(ca clock show --json | jq .offset_s)" 259200 "$1: the offset of the CA's clock"
    same "$(ls "$TMPDIR")" '' "$1: copies left behind"
}

# lego 4.9 cuts what is left to whole days: it renews on day 59 (clients.md 1.4)
due --json --restore "$work/lego" -- "${lego[@]}" renew --no-random-sleep
same "$code $(jq -r '"\(.outcome) \(.way) \(.unit) \(.due)"' <<<"$said")" "0 found run day 59" "lego on the CA's clock"
same "$(jq '[.tries[] | select(.ordered)] | map(.day) | min | round' <<<"$said")" 59 "the earliest day on which it was seen to order"
same "$(jq '[.tries[] | select(.ordered | not)] | map(.day) | max | round' <<<"$said")" 58 "the last day on which it was seen not to"
untouched "lego on the CA's clock"

due --json --aged --issue "${lego[*]} renew --days 300 --no-random-sleep" --restore "$work/lego" -- "${lego[@]}" renew --no-random-sleep
same "$code $(jq -r '"\(.outcome) \(.way) \(.unit) \(.due)"' <<<"$said")" "0 found aged day 59" "lego with aged certificates"
untouched "lego with aged certificates"

# its other rule: five days before the end
due --restore "$work/lego" -- "${lego[@]}" renew --days 5 --no-random-sleep
same "$code" 0 "lego --days 5"
contains "$said" "renews       from day 84 on"
contains "$said" "not on day 83"

# ---- the controls

due --restore "$work/lego" -- sh -c 'echo nothing to do'
same "$code" 1 "a command that never renews"
contains "$said" "renews       NEVER"
contains "$said" "CMD said at last: nothing to do"
same "$(grep -c '^day' "$work/due.log")" 2 "nothing else is tried when the first control fails"
due --restore "$work/lego" -- "${lego[@]}" renew --days 100 --no-random-sleep
same "$code" 1 "a command that renews at each run"
contains "$said" "AT EACH RUN"
# an order of somebody else meanwhile is none of the client's
due --restore "$work/lego" -- "${lego[@]/lego.test/other.test}" run
same "$code" 1 "an order for another name"
contains "$said" "NEVER"
untouched "the controls"

# ---- what is refused, and Ctrl-C

due -- true
same "$code" 2 "without --restore"
contains "$(cat "$work/due.log")" "name what CMD changes with --restore PATH"
due --restore "$work/lego"
same "$code" 2 "without a command"
due --restore "$work/none" -- true
contains "$(cat "$work/due.log")" "cannot find '$work/none'"
due --restore "$work/ca" -- true
same "$code" 2 "the CA's own folder"
due --restore "$work" -- true
same "$code" 2 "a folder with the CA's own in it"
contains "$(cat "$work/due.log")" "lie in one another"
due --issue x --restore "$work/lego" -- true
same "$code" 2 "--issue without --aged"
due --serial 0000 --restore "$work/lego" -- true
[ "$code" -ne 0 ] || fail "a certificate that does not exist"
due --restore "$work/lego" -- no-such-program
same "$code" 3 "a command that is not there"
contains "$(cat "$work/due.log")" "no-such-program: not found"
due --restore "$work/lego" --timeout 1s -- sleep 1000
same "$code" 3 "a command that does not end"
contains "$(cat "$work/due.log")" "out of time"
ca clock freeze >/dev/null
due --restore "$work/lego" -- true
same "$code" 2 "a frozen clock"
contains "$(cat "$work/due.log")" "fakeca clock follow"
ca clock follow >/dev/null
ca clock advance $((259200 - $(ca clock show --json | jq .offset_s)))s >/dev/null

"$fakeca" clock --state "$work/ca" find-due --restore "$work/lego" -- sh -c "rm -rf '$work/lego'; touch '$work/began'; exec sleep 1000" \
    >"$work/interrupted.out" 2>"$work/interrupted.log" &
pid=$!
wait_for 20 test -e "$work/began" || fail "the command is not run"
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
same "$code" 130 "interrupted"
untouched "interrupted"

# the certificates of the tries are nothing that the client has
contains "$(ca clock advance 20d)" "its newest certificate is 20." "the client's age after a skip"
