#!/usr/bin/env bash
# certbot standalone: obtains and renews with a server of its own on the mapped port, over IPv4 and with a published IPv6.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

http=$(free_port)
start_ca --port-map "80=$http"
certbot_run certonly --agree-tos --register-unsafely-without-email --server "$directory" --standalone --http-01-port "$http" \
    -d s.test || fail "certbot does not obtain"
first=$(certbot_serial s.test)
openssl verify -CAfile "$ca_file" -untrusted "$work/le/live/s.test/chain.pem" "$work/le/live/s.test/cert.pem" >"$work/verify.log" 2>&1 ||
    fail "the chain does not verify"
"$fakeca" --state "$work/ca" --advance-days 60 >/dev/null
CERTBOT_TIME="-f +60d" certbot_run renew --no-random-sleep-on-renew || fail "certbot does not renew"
differs "$(certbot_serial s.test)" "$first" "the certificate after 60 days"

# a name that leads nowhere: the client is told why, in Let's Encrypt's words
ca dns set gone.test NXDOMAIN >/dev/null
if certbot_run certonly --server "$directory" --standalone --http-01-port "$http" -d gone.test; then
    fail "certbot obtains a certificate for a name that does not exist"
fi
contains "$(cat "$work/certbot.log")" "DNS problem: NXDOMAIN looking up A for gone.test" "certbot's report"
