#!/usr/bin/env bash
# Each client under each trouble, with the outcome that clients.md part 5 reports or a better one: fixtures/clients/faults.tsv says which
# (programs/client_faults.py). Under the sanitizers lego and uacme alone: they are the quickest, and the CA's side is the same.
# timeout: 900
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)

some=()
grep -q __asan_init "$fakeca" && some=(lego uacme)
/usr/bin/python3 "$here/programs/client_faults.py" "$fakeca" "$work" "$here/../../../fixtures/clients/faults.tsv" \
    "$here/../../../build/npm/node_modules" "${some[@]}" || fail "a client under trouble"
