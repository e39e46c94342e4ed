#!/usr/bin/env bash
# The clients of Debian and npm through a certificate's life: issue, renewal when it is due, key rollover, revocation, each as far as it
# can; in production and in staging; lego by http-01, tls-alpn-01 and dns-01 (programs/client_life.py).
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)

for program in lego node dehydrated uacme acme-tiny caddy; do
    command -v "$program" >/dev/null || fail "the program '$program' is not installed"
done
/usr/bin/python3 "$here/programs/client_life.py" "$fakeca" "$work" "$here/../../../build/npm/node_modules" || fail "a client's life"
