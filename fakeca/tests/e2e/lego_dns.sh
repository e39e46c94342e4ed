#!/usr/bin/env bash
# dns-01 with real clients and the mock DNS: lego with an exec hook, which looks the record up itself first, and certbot with manual
# hooks, a wildcard beside its own name (two values at one name).
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

start_ca
dns=$(run_json dns)

# hook present|add|cleanup NAME VALUE: the values of a name are kept in a file, for a rule holds all of them
cat >"$work/hook" <<HOOK
#!/usr/bin/env bash
set -euo pipefail
name=\${2%.} values=$work/txt.\${2%.}
if [ "\$1" = cleanup ]; then
    rm -f "\$values"
    exec "$fakeca" dns --state "$work/ca" clear "\$name" TXT
fi
printf '%s\n' "\$3" >>"\$values"
mapfile -t all <"\$values"
exec "$fakeca" dns --state "$work/ca" set -- "\$name" TXT "\${all[@]}"
HOOK
for word in add cleanup; do
    # shellcheck disable=SC2016 # certbot sets the variables
    printf '#!/usr/bin/env bash\nexec "%s/hook" %s "_acme-challenge.$CERTBOT_DOMAIN" "$CERTBOT_VALIDATION"\n' "$work" "$word" >"$work/certbot-$word"
done
chmod +x "$work"/hook "$work"/certbot-*

lego_dns() { # ARGS...
    EXEC_PATH=$work/hook EXEC_POLLING_INTERVAL=1 EXEC_SEQUENCE_INTERVAL=1 LEGO_CA_CERTIFICATES=$ca_file lego --path "$work/lego" \
        --server "$directory" --accept-tos --email ops@rehearsal.dev --dns exec --dns.disable-cp --dns.resolvers "$dns" "$@" \
        </dev/null >"$work/lego.log" 2>&1
}
names_of() { openssl x509 -noout -ext subjectAltName -in "$1" | tr -d ' ' | grep -o 'DNS:[^,]*' | sort | tr '\n' ' '; }
no_txt_rules() { same "$(ca dns --json | jq '[.rules[] | select(.type == "TXT")] | length')" 0 "TXT rules left by $1"; }

lego_dns --domains a.test --domains www.a.test run || fail "lego does not obtain with dns-01"
same "$(names_of "$work/lego/certificates/a.test.crt")" "DNS:a.test DNS:www.a.test " "lego's names"
no_txt_rules lego
lego_dns --domains '*.w.test' run || fail "lego does not obtain a wildcard"
same "$(names_of "$work/lego/certificates/_.w.test.crt")" "DNS:*.w.test " "lego's wildcard"
first=$(lego_serial a.test)
lego_dns --domains a.test --domains www.a.test renew --no-random-sleep --days 365 || fail "lego does not renew"
differs "$(lego_serial a.test)" "$first" "lego's certificate after its renewal"

certbot_dns() { # ARGS...
    certbot_run certonly --agree-tos --register-unsafely-without-email --server "$directory" --manual --preferred-challenges dns \
        --manual-auth-hook "$work/certbot-add" --manual-cleanup-hook "$work/certbot-cleanup" "$@"
}
certbot_dns -d c.test -d '*.c.test' || fail "certbot does not obtain with dns-01"
same "$(names_of "$work/le/live/c.test/cert.pem")" "DNS:*.c.test DNS:c.test " "certbot's names"
openssl verify -CAfile "$ca_file" -untrusted "$work/le/live/c.test/chain.pem" "$work/le/live/c.test/cert.pem" >"$work/verify.log" 2>&1 ||
    fail "the chain does not verify"
no_txt_rules certbot

# the record of another zone, by CNAME, as many delegate it
ca dns set _acme-challenge.d.test CNAME _acme-challenge.c.test >/dev/null
# shellcheck disable=SC2016
printf '#!/usr/bin/env bash\nexec "%s/hook" add _acme-challenge.c.test "$CERTBOT_VALIDATION"\n' "$work" >"$work/certbot-add"
certbot_dns -d d.test || fail "certbot does not obtain by a delegated name"

# nothing published, then a name server in trouble: the client is told which
printf '#!/usr/bin/env bash\n' >"$work/certbot-add"
if certbot_dns -d none.test; then
    fail "certbot obtains a certificate without a record"
fi
contains "$(tr -s ' \n' ' ' <"$work/certbot.log")" "No TXT record found at _acme-challenge.none.test" "certbot's report"
ca dns set _acme-challenge.sick.test TXT SERVFAIL >/dev/null
if certbot_dns -d sick.test; then
    fail "certbot obtains a certificate by a name server in trouble"
fi
contains "$(tr -s ' \n' ' ' <"$work/certbot.log")" "DNS problem: SERVFAIL looking up TXT for _acme-challenge.sick.test" "certbot's report"
