#!/usr/bin/env bash
# A real certbot orders the same set a sixth time: it is told what Let's Encrypt would tell it, keeps what it has, and succeeds once
# the clock stands where it was told to come back. A change of a policy file takes effect on its date.
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

order() { # certbot is told to replace what it has
    certbot_run certonly --agree-tos --register-unsafely-without-email --server "$directory" --webroot -w "$work/www" \
        --force-renewal -d a.test -d www.a.test
}

start_nginx
start_ca --port-map "80=$http,443=$https"
for i in 1 2 3 4 5; do
    order || fail "certbot does not obtain the certificate $i"
done
fifth=$(certbot_serial a.test)
set=$(ca limits show | grep '^CertificatesPerFQDNSet ')
contains "$set" "a.test and 1 more" "the bucket of the set"
contains "$set" "5 of 5" "the bucket of the set"
contains "$(ca limits would --names www.a.test,a.test --account 1)" "would be denied" "what is foreseen"

order && fail "certbot obtains a sixth certificate for the same set"
# certbot 2.1 trips over its own error on Python 3.11 ("can't set attribute") before it can print it: its log has what it was told
said=$(cat "$work/certbot.log" "$work/le-log/letsencrypt.log")
contains "$said" "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2" "certbot"
contains "$said" "see https://letsencrypt.org/docs/rate-limits/#new-certificates-per-exact-set-of-identifiers" "certbot"
same "$(certbot_serial a.test)" "$fifth" "the certificate after the refusal"

# the header is in certbot's debug log: the moment of the text, and between 33 h 36 m (less what has passed) and 3 % more
retry_after=$(cat "$work"/le-log/letsencrypt.log* | tr -d '\r' | sed -n 's/^Retry-After: \([0-9]\{5,\}\)$/\1/p' | sed -n 1p)
if [ "$retry_after" -lt $((33 * 3600 + 36 * 60 - 300)) ] || [ "$retry_after" -gt 124660 ]; then
    fail "Retry-After: $retry_after"
fi
denied=$(ca log --json | jq -sc 'map(select(.type == "limit.denied"))[0]')
contains "$denied" '"limit":"CertificatesPerFQDNSet"' "the event"

contains "$(ca clock advance --to retry-after)" "what was denied by a rate limit may be tried again" "the skip"
contains "$(ca limits would --names www.a.test,a.test --account 1)" "would pass" "what is foreseen after the skip"
CERTBOT_TIME="-f +40h" order || fail "certbot does not obtain after the time that it was told"
differs "$(certbot_serial a.test)" "$fifth" "the certificate after the wait"
[ "$(ca limits show --json | jq '.buckets[] | select(.limit == "CertificatesPerFQDNSet") | .remaining')" = 0 ] || fail "the set has room left"

# a skip of 34 hours frees one slot, a restart frees none
stop_ca
start_ca --port-map "80=$http,443=$https"
contains "$(ca limits would --names www.a.test,a.test --account 1)" "would be denied" "after a restart"
ca clock advance 34h >/dev/null
contains "$(ca limits would --names www.a.test,a.test --account 1)" "would pass" "34 hours later"
ca limits fill CertificatesPerDomain --names b.test --leave 1 >/dev/null
contains "$(ca limits would --names x.b.test --account 1)" "49 of 50" "a bucket that was filled"

# an invented change and overrides, each by one row of a file
jq '.limits.overrides = [
        {"limit": "NewOrdersPerAccount", "key": "1", "count": 1000, "period": "3h", "burst": 1000, "source": "invented"},
        {"limit": "CertificatesPerDomain", "key": "c.test", "count": 1, "period": "7d", "burst": 1, "source": "invented"}] |
    .changes += [{"on": "2030-01-01", "what": "a day", "set": {"profiles.classic.validity": "1d"}, "source": "invented"}]' \
    "$(dirname "$0")/../../policy/production.json" >"$work/policy.json"
contains "$("$fakeca" policy show --policy "$work/policy.json" --at 2029-12-31)" "profiles.classic.validity = 45d" "the day before"
contains "$("$fakeca" policy show --policy "$work/policy.json" --at 2030-01-01)" "profiles.classic.validity = 1d" "the day"
stop_ca
start_ca --port-map "80=$http,443=$https" --policy "$work/policy.json"
ca clock set 2029-12-31T23:00:00Z >/dev/null
contains "$(ca clock advance --to next-change)" "2030-01-01" "the next change"
certbot_run certonly --server "$directory" --webroot -w "$work/www" -d c.test || fail "certbot does not obtain in 2030"
not_before=$(date -u -d "$(openssl x509 -noout -startdate -in "$work/le/live/c.test/cert.pem" | sed 's/notBefore=//')" +%s)
not_after=$(date -u -d "$(openssl x509 -noout -enddate -in "$work/le/live/c.test/cert.pem" | sed 's/notAfter=//')" +%s)
same $((not_after - not_before + 1)) 86400 "the lifetime after the change"
shown=$(ca limits show | tr -s ' ')
contains "$shown" "CertificatesPerDomain c.test 1 of 1 in 7d room at 2030-01-0" "the override of a domain"
contains "$shown" "NewOrdersPerAccount 1 1 of 1000 in 3h" "the override of an account"
same "$(ca limits show --json | jq -c '[.buckets[] | select(.override) | .limit] | sort')" \
    '["CertificatesPerDomain","NewOrdersPerAccount"]' "the buckets with overrides"
certbot_run certonly --server "$directory" --webroot -w "$work/www" -d d.c.test && fail "certbot obtains past an override"
contains "$(cat "$work/certbot.log" "$work/le-log/letsencrypt.log")" \
    'too many certificates (1) already issued for \"c.test\" in the last 168h0m0s' "certbot"
