#!/usr/bin/env bash
# certbot webroot behind a real nginx: obtains, has nothing to do, renews 60 days later; again after kill -9 of the CA.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

start_nginx
start_ca --port-map "80=$http,443=$https"
certbot_run certonly --agree-tos --register-unsafely-without-email --server "$directory" --webroot -w "$work/www" \
    -d a.test -d www.a.test || fail "certbot does not obtain"
first=$(certbot_serial a.test)
reload_nginx "$work/le/live/a.test/fullchain.pem" "$work/le/live/a.test/privkey.pem" a.test
verify_served a.test
verify_served www.a.test

certbot_run renew --no-random-sleep-on-renew || fail "certbot renew ends badly"
same "$(certbot_serial a.test)" "$first" "a fresh certificate was renewed"

contains "$("$fakeca" --advance-days 60 --state "$work/ca")" "1 certificate became due for renewal, 0 expired" "the skip"
CERTBOT_TIME="-f +60d" certbot_run renew --no-random-sleep-on-renew || fail "certbot does not renew"
second=$(certbot_serial a.test)
differs "$second" "$first" "the certificate after 60 days"
reload_nginx "$work/le/live/a.test/fullchain.pem" "$work/le/live/a.test/privkey.pem" a.test
verify_served a.test

# a crash: account, clock and ports are those of before
before=$directory
kill_ca
start_ca --port-map "80=$http,443=$https"
same "$directory" "$before" "the directory after a crash"
contains "$("$fakeca" --advance-days 60 --state "$work/ca")" "1 certificate became due for renewal" "the second skip"
CERTBOT_TIME="-f +120d" certbot_run renew --no-random-sleep-on-renew || fail "certbot does not renew after the crash"
differs "$(certbot_serial a.test)" "$second" "the certificate after 120 days"
same "$(ca status --json | jq .counts.accounts)" 1 "accounts"
same "$(ca status --json | jq .counts.certificates)" 3 "certificates"

# revoked by its owner, and in the CRL of the certificate's own distribution point
certbot_run revoke --server "$directory" --cert-name a.test --no-delete-after-revoke || fail "certbot does not revoke"
url=$(openssl x509 -noout -ext crlDistributionPoints -in "$work/le/live/a.test/cert.pem" | sed -n 's/.*URI:\(.*\)/\1/p')
curl -sS "$url" -o "$work/a.crl"
contains "$(openssl crl -inform DER -in "$work/a.crl" -noout -text)" "$(certbot_serial a.test)" "the CRL"
