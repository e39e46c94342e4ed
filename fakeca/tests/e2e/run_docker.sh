#!/usr/bin/env bash
# fakeca-run under Docker's default seccomp profile, loaded as a filter, without capabilities and (as root) as an ordinary user: programs,
# waits, a live skip, waking. And what the probe says where a profile forbids what is needed.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/run_lib.sh
. "$(dirname "$0")/programs/run_lib.sh"
need python3 busybox jq

include=$(dirname "$(echo '#include <asm/unistd_64.h>' | "${CC:-cc}" -E - | sed -n 's/^# 1 "\(.*unistd_64.h\)".*/\1/p' | head -n 1)")
awk '/#define __NR_/ { name = substr($2, 6); if (FILENAME ~ /unistd_64/) wide[name] = $3; else narrow[name] = $3; all[name] = 1 }
     END { for (n in all) printf "NAME(%s, %s, %s)\n", n, n in wide ? wide[n] : -1, n in narrow ? narrow[n] : -1 }' \
    "$include/unistd_64.h" "$include/unistd_32.h" >"$work/names.h"
profile=$(compile seccomp_profile)
names=$(cd "$programs/../../../../fixtures/seccomp" && pwd)/docker-default.txt
cp "$names" "$work/docker.txt"
grep -v '^ptrace$' "$names" >"$work/no-ptrace.txt"
grep -v '^process_vm_' "$names" >"$work/no-memory.txt"
grep -v '^seccomp$' "$names" >"$work/no-seccomp.txt"

start_ca
ca clock advance 60d >/dev/null
offset=5184000
chmod 755 "$work" "$work/ca"
user=()
if [ "$(id -u)" = 0 ]; then
    user=(setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all --)
fi
cp "$fakeca_run" "$work/fakeca-run" # where an ordinary user can reach it
inside() { # PROFILE [options of fakeca-run] -- CMD
    local list=$1
    shift
    (cd / && exec "${user[@]}" "$profile" "$work/$list.txt" "$work/fakeca-run" --clock-file "$(run_json clock_file)" "$@")
}
shifted() { near "$1" $(($(real_now) + offset)) $(($(real_now) + offset)) "$2"; }

# the filter is there
same "$("${user[@]}" "$profile" "$work/docker.txt" unshare -U true 2>/dev/null && echo allowed)" "" "namespaces under the profile"
shifted "$(inside docker -- date +%s)" date
shifted "$(inside docker -- python3 -c 'import time; print(int(time.time()))')" python
shifted "$(inside docker -- busybox date +%s)" busybox
for flag in '' -static -m32; do
    reads=$(compile clock_reads ${flag:+"$flag"})
    inside docker -- "$reads" >"$work/reads.out" || fail "reads $flag"
    while read -r kind value; do
        case $kind in start | libc | raw | thread | child) shifted "$value" "reads $flag: $kind" ;; esac
    done <"$work/reads.out"
    waits=$(compile clock_waits ${flag:+"$flag"})
    inside docker --monotonic -- "$waits" >"$work/waits.out" 2>"$work/waits.log" || fail "waits $flag"
    awk '$2 < 800 || $2 > 1400 { print; bad = 1 } END { exit bad }' "$work/waits.out" >"$work/bad.log" || fail "waits $flag that do not last what they should"
done

inside docker --kill-rest -- "$(compile clock_sleepers)" >"$work/sleepers.out" 2>"$work/sleepers.log" &
pids+=($!)
wait_for 10 grep -q started "$work/sleepers.out" || fail "no sleepers"
settled() { [ "$(pgrep -c --runstates S -f "^$work/clock_sleepers")" -ge 13 ]; }
wait_for 10 settled || fail "the sleepers do not sleep"
ca clock advance 13h >/dev/null
lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }
wait_for 10 lines "$work/sleepers.out" 12 || fail "asleep after 13 of 12 hours; awake are: $(sort "$work/sleepers.out" | tr '\n' ' ')"

# ---- profiles that forbid what is needed: said before anything starts

refused() { # PROFILE TEXT
    same "$(status_of inside "$1" -- touch "$work/ran" 2>"$work/e.txt")" 125 "under $1"
    contains "$(cat "$work/e.txt")" "$2"
    contains "$(cat "$work/e.txt")" "fakeca serve --clock -61d"
    [ ! -e "$work/ran" ] || fail "the command ran although $1"
}
refused no-ptrace "this system forbids tracing own children"
refused no-memory "this system forbids reading the memory of own children"
refused no-seccomp "this system forbids seccomp filters"
