#!/usr/bin/env bash
# Unusual programs under fakeca run: execs from threads, by descriptor, after failures, by a vfork; programs that forbid new code, cannot
# be looked into, have filters of their own; a storm of signals, waits and execs.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/run_lib.sh
. "$(dirname "$0")/programs/run_lib.sh"

start_ca
ca clock advance 60d >/dev/null
offset=5184000
odd=$(compile clock_odd)
for policy in '' --monotonic; do
    for way in thread vfork descriptor memfd failures no-new-code undumpable own-filter; do
        out=$(timeout 20 "$fakeca" run --state "$work/ca" ${policy:+"$policy"} -- "$odd" "$way" 2>"$work/odd.log") || fail "$way $policy"
        [ -n "$out" ] || fail "$way $policy: no time"
        for value in $out; do
            near "$value" $(($(real_now) + offset)) $(($(real_now) + offset)) "$way $policy"
        done
    done
    same "$(timeout 60 "$fakeca" run --state "$work/ca" ${policy:+"$policy"} -- "$odd" storm)" "wrong 0 off 0" "the storm $policy"
done

if [ "$(id -u)" = 0 ]; then
    chmod 755 "$work" "$work/ca"
    cp "$fakeca_run" "$work/fakeca-run"
    out=$(cd / && setpriv --reuid 65534 --regid 65534 --clear-groups "$work/fakeca-run" --clock-file "$(run_json clock_file)" --strict -- "$odd" undumpable \
        2>"$work/odd.log") && fail "--strict: a time that could not be shifted ends with 0"
    for value in $out; do
        near "$value" $(($(real_now) + offset)) $(($(real_now) + offset)) "undumpable, as an ordinary user"
    done
    contains "$(cat "$work/odd.log")" "has made itself undumpable: time that it reads by system calls is real" "the message"
fi
