#!/usr/bin/env bash
# All rows of the RFCs in rfc8555 and in production; at least nine in ten are run.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp)
trap 'rm -f "$out"' EXIT

"$here/../../../ci/conformance" >"$out" 2>&1 || {
    grep -E 'FAILED|rows:' "$out" >&2
    tail -n 5 "$out" >&2
    exit 1
}
grep 'rows:' "$out"
awk '/^(rfc8555|production): / { if ($8 * 10 > $2) { print $1, "too many rows are not tested" > "/dev/stderr"; bad = 1 } seen++ }
     END { exit bad || seen != 5 }' "$out"
echo ok
