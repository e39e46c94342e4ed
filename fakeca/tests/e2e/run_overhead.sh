#!/usr/bin/env bash
# What the shift costs, as ratios to the same program without it: reads of the clock, starting programs, a build of a part of this
# project. Fails above 1.5 for reads through the image and above 2.5 for starting a program.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fakeca/tests/e2e/programs/run_lib.sh
. "$(dirname "$0")/programs/run_lib.sh"

start_ca
ca clock advance 60d >/dev/null
clock=$(run_json clock_file)
bench=$(compile clock_bench)
top=$(cd "$programs/../../../.." && pwd)
value() { awk -v name="$1" '$1 == name { print $2 }' "$2"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
measure() {
    "$bench" >"$work/native"
    "$fakeca_run" --clock-file "$clock" -- "$bench" >"$work/shifted"
}
within() { # NAME LIMIT
    awk -v r="$(ratio "$(value "$1" "$work/shifted")" "$(value "$1" "$work/native")")" -v limit="$2" 'BEGIN { exit !(r <= limit) }'
}
good() { measure && within wall 1.5 && within mono 1.5 && within spawn 2.5; }
# another test beside this one may take the processor: three tries
good || good || good || bad=true
for name in wall time mono raw other spawn; do
    printf '%-6s %10s ns -> %10s ns  x %s\n' "$name" "$(value "$name" "$work/native")" "$(value "$name" "$work/shifted")" \
        "$(ratio "$(value "$name" "$work/shifted")" "$(value "$name" "$work/native")")"
done
[ -z "${bad-}" ] || fail "the shift costs too much"

build() { # the folder base, one compiler a file
    local file
    for file in "$top"/fakeca/base/*.c; do
        printf '%s\0' "$file"
    done | xargs -0 -P 2 -n 1 "${CC:-cc}" -std=c11 -O1 -DFAKECA_VERSION='"x"' -D_DEFAULT_SOURCE -D_POSIX_C_SOURCE=200809L -I"$top/fakeca" -fsyntax-only
}
export -f build
export top
since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }'; }
build
at=$EPOCHREALTIME
build
native=$(since "$at")
at=$EPOCHREALTIME
"$fakeca_run" --clock-file "$clock" -- bash -c build
shifted=$(since "$at")
printf 'build  %10s s  -> %10s s   x %s\n' "$native" "$shifted" "$(ratio "$shifted" "$native")"
