#!/usr/bin/env bash
# The setup is left as it was found: after a good end, Ctrl-C, the death of the process that rehearses, and commands of every
# bad kind; and each time a report is written.
# shellcheck source=checks/tests/lib.sh
. "$(dirname "$0")/lib.sh"

mkdir -p "$work/setup/state/deep" "$work/setup/www"
echo old >"$work/setup/state/deep/file"
echo page >"$work/setup/www/index.html"
ln -s deep/file "$work/setup/state/link"
chmod 640 "$work/setup/state/deep/file"

# in a copy of the folder; or in the folder itself, when the description names it by its absolute path
place=copy
ran() { compgen -G "$work/setup/state/new" || compgen -G "$TMPDIR/fakeca-check-*/setup/state/new"; }

describe() { # RENEW-COMMAND [MORE-JSON]
    local name=$place
    [ "$place" = copy ] || name="in $work/setup"
    jq -n --arg name "$name" --arg renew "$1" "{name: \$name, hosts: [\"a.test\"], http: \"127.0.0.1:0\", state: [\"state\"], webroot: \"www\", run: {renew: \$renew},
        timeouts: {renew: 2, restart: 2, bootstrap: 1, reload: 1}} * ${2:-{\}}" >"$work/setup/setup.json"
    picture "$work/setup" >"$work/before.list"
}
as_before() {
    picture "$work/setup" >"$work/after.list"
    diff "$work/before.list" "$work/after.list" >"$work/diff.txt" || fail "the folder is not as before: $1"
    wait_for 5 nothing_left || fail "still running: $(ps -o pid,args -p "$(left_over | paste -sd,)"): $1"
    [ -z "$(ls -A "$TMPDIR")" ] || fail "left in TMPDIR: $(ls "$TMPDIR"): $1"
}
run() { expect "$1" "$check" "$work/setup/setup.json" --format text --format "json=$work/report.json"; }

mess='rm -rf state/deep; echo new >state/new; mkdir -p www/x/y; echo changed >www/index.html; chmod 700 state'

for place in copy here; do
    describe "$mess"
    run 1
    is bootstrap-reaches-https fail
    as_before "a command that makes a mess"

    describe "$mess; sleep 1000"
    run 1
    as_before "a command that hangs"
    grep -q "out of time" "$work/report.json" || fail "the report does not tell of the time limit"

    describe "trap '' TERM; (trap '' TERM; setsid sleep 1000 & setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &) ; $mess; while :; do sleep 1; done"
    run 1
    as_before "daemons that ignore TERM"

    describe "head -c 1000000000 /dev/zero | tr '\\0' x; echo; echo the end; $mess"
    run 1
    as_before "a gigabyte of output"
    [ "$(stat -c %s "$work/report.json")" -lt 3000000 ] || fail "the report is large"

    describe "kill -9 \$PPID; $mess"
    run 1
    as_before "a command that kills its parent"

    # the process that rehearses dies in the middle
    describe "$mess; kill -9 \$(pgrep -f -- '^[^ ]*fakeca-check .*${work##*/}/setup/setup.json' | tail -n 1); sleep 1"
    run 4
    is bootstrap-reaches-https error
    as_before "the death of the process that rehearses"

    # Ctrl-C
    # shellcheck disable=SC2016 # the command's own variables
    describe "$mess; sleep 1000" '{timeouts: {renew: 60}, run: {start: "sleep 1000 & echo $! >pid", stop: "kill $(cat pid); echo stopped >>'"$work"'/stopped"}}'
    "$check" "$work/setup/setup.json" --format text --format "json=$work/report.json" >"$work/out.txt" 2>&1 &
    pid=$!
    wait_for 30 ran || fail "the command was not run"
    kill -INT "$pid"
    code=0
    wait "$pid" || code=$?
    [ "$code" -eq 130 ] || fail "exit code $code after Ctrl-C"
    says "interrupted"
    is renewal-twice inconclusive
    [ -s "$work/stopped" ] || fail "run.stop was not run"
    as_before "Ctrl-C"
    rm "$work/stopped"
done

# kill -9 of all of it: the next rehearsal puts the folder back first
describe "$mess; sleep 1000" '{timeouts: {renew: 60}}'
"$check" "$work/setup/setup.json" >"$work/first.txt" 2>&1 &
pid=$!
wait_for 30 ran || fail "the command was not run"
kill -KILL "$pid" "$(pgrep -P "$pid" | head -n 1)"
wait "$pid" || true
[ -e "$work/setup/state/new" ] || fail "who put it back?"
expect 2 "$check" "$work/setup/setup.json" --only bootstrap-reaches-https,nonsense
expect 124 "$check" "$work/setup/setup.json" --timeout 3s
as_before "the death of everything"
grep -q "it is put back first" "$work/out.txt" || fail "it does not tell that it put things back"

# a link in the path that the setup's files name
ln -s "$work/setup" "$work/alias"
jq -n "{name: \"in $work/alias\", hosts: [\"a.test\"], http: \"127.0.0.1:0\", run: {renew: \"touch made-in; pwd\"}, timeouts: {bootstrap: 1}}" >"$work/setup/setup.json"
picture "$work/setup" >"$work/before.list"
expect 1 "$check" "$work/alias/setup.json" --format "json=$work/report.json"
jq -r '.events[].data.output? // empty' "$work/report.json" | grep -qx "$work/setup" || fail "it ran in a copy, although the setup names its folder"
as_before "a link in the path"

# two at once in one folder
describe "$mess; sleep 1000" '{timeouts: {renew: 60}}'
"$check" "$work/setup/setup.json" >"$work/first.txt" 2>&1 &
pid=$!
wait_for 30 ran || fail "the first does not run"
expect 3 "$check" "$work/setup/setup.json"
says "another rehearsal runs"
kill -TERM "$pid"
wait "$pid" || true
as_before "a second rehearsal at once"

# a state outside of the folder is neither emptied nor put back: the client's own commands are all that touch it
mkdir -p "$work/outside/live"
echo mine >"$work/outside/live/key"
describe "test -s $work/outside/live/key && echo found; echo renewed >>$work/outside/log" '{state: ["../outside"]}'
"$check" "$work/setup/setup.json" --explain >"$work/out.txt"
says 'skip  bootstrap-starts-bare      add "run.start", "run.reset"'
run 1
[ "$(cat "$work/outside/live/key")" = mine ] || fail "the state outside was touched"
[ -s "$work/outside/log" ] || fail "what the client wrote outside was taken away"
as_before "a state outside"

# secrets
describe "echo password=geheim; certbot --version; : --eab-hmac-key GEHEIM2"
run 1
! grep -qi geheim "$work/report.json" "$work/out.txt" || fail "a secret is in the report"
