#!/usr/bin/env bash
# Every pitfall of the reference page has its line in tests/timeshift/pitfalls.tsv, and every test that it names is there.
set -euo pipefail
tests=$(cd "$(dirname "$0")/.." && pwd)
top=$(cd "$tests/../.." && pwd)
list=$tests/timeshift/pitfalls.tsv
bad=0
complain() {
    printf '%s\n' "$*" >&2
    bad=1
}
while IFS=$'\t' read -r id file text; do
    case $id in '' | '#'*) continue ;; esac
    [ -n "$text" ] || complain "$id: no text"
    [ "$file" != - ] || continue
    path=$tests/$file
    case $file in ci/*) path=$top/$file ;; esac
    grep -qF -- "$text" "$path" || complain "$id: '$text' is not in $file"
done <"$list"
for id in T{1..53} L{1..13} B{1..15}; do
    [ "$(cut -f 1 "$list" | grep -cx "$id")" = 1 ] || complain "$id: not exactly one line"
done
[ "$bad" = 0 ] && echo ok
exit "$bad"
