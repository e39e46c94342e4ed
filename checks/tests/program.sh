#!/usr/bin/env bash
# Options, descriptions, exit codes; nothing is run.
# shellcheck source=checks/tests/lib.sh
. "$(dirname "$0")/lib.sh"

expect 0 "$check" --help
says "usage: fakeca check"
expect 0 "$check" --list
says "reload-serves-new-cert"
expect 0 "$check" --list --group reload
[ "$(wc -l <"$work/out.txt")" -eq 2 ] || fail "two checks in the group"
expect 0 "$(dirname "$check")/fakeca" check --list --only cert-times
says "cert-times"
expect 2 "$check"
expect 2 "$check" --only reload-serves-new-crt x.json
says "did you mean 'reload-serves-new-cert'"
expect 2 "$check" --group reloads x.json
expect 2 "$check" --format html x.json
expect 2 "$check" --blind nobody x.json
expect 2 "$check" --from someday x.json
says "option '--from': 'someday' is neither a duration such as -60d nor a point in time"
expect 2 "$check" --from 1999-12-31 x.json
says "'1999-12-31' is not between 2000 and 2199"
expect 2 "$check" --mutant no-reload x.json
says "--mutant and --results go with --self-test"
expect 2 "$check" "$work/absent.json"

mkdir "$work/setup"
echo '{"hosts":["a.test"],"run":{"renew":"touch ran","strt":"x"},"webrot":"w"}' >"$work/setup/bad.json"
expect 2 "$check" "$work/setup/bad.json"
says "did you mean 'start'"
says "did you mean 'webroot'"
echo '{"hosts":["a.test"],"policy":{"cert-tims":{"as":"warn","why":"w","until":"2030-01-01"}}}' >"$work/setup/policy.json"
expect 2 "$check" "$work/setup/policy.json"
says "did you mean 'cert-times'"

echo '{"hosts":["a.test"],"run":{"renew":"touch ran"}}' >"$work/setup/good.json"
expect 0 "$check" --explain "$work/setup/good.json"
says 'skip  bootstrap-starts-bare      add "run.start", "run.reset"'
says 'skip  http-all-backends          add "http (several addresses)"'
# a server that asks by itself, and is not told whom
echo '{"hosts":["a.test"],"http":"127.0.0.1:0","run":{"start":"touch ran; apachectl -f httpd.conf","stop":"true"}}' >"$work/setup/server.json"
printf 'MDomain a.test\nMDCertificateAgreement accepted\n' >"$work/setup/httpd.conf"
expect 1 "$check" "$work/setup/server.json" --only preflight-safe
says "'httpd.conf' has MDomain without MDCertificateAuthority"
printf 'MDomain a.test\nMDCertificateAuthority letsencrypt\n' >"$work/setup/httpd.conf"
expect 1 "$check" "$work/setup/server.json" --only preflight-safe
says "leads to letsencrypt"
printf 'certificatesResolvers:\n  le:\n    acme:\n      email: a@b.c\n' >"$work/setup/traefik.yml"
# shellcheck disable=SC2016 # Apache's variable
printf 'MDomain a.test\nMDCertificateAuthority ${FAKECA_DIRECTORY}\n' >"$work/setup/httpd.conf"
expect 1 "$check" "$work/setup/server.json" --only preflight-safe
says "'traefik.yml' has certificatesResolvers without caServer"
rm "$work/setup/traefik.yml" "$work/setup/httpd.conf"
[ ! -e "$work/setup/ran" ] || fail "something was run"

# what the README shows of a failing run is what the rehearsal of that setup must say (client.nginx-certbot.no-reload)
readme=$(dirname "$0")/../../README.md
jq -r '.mutants[] | select(.name == "no-reload").says[]' "$CLIENT_TESTS/nginx-certbot/mutants.json" >"$work/says.list"
[ "$(wc -l <"$work/says.list")" -gt 10 ] || fail "what no-reload must say"
while IFS= read -r line; do
    grep -qF -- "$line" "$readme" || fail "the README does not have: $line"
done <"$work/says.list"

# what leaves the machine is not run: each of these would ask a public CA
n=0
while read -r command; do
    n=$((n + 1))
    jq -n --arg c "touch ran; $command" '{hosts: ["a.test"], http: "127.0.0.1:0", run: {renew: $c}}' >"$work/setup/away.json"
    expect 1 "$check" "$work/setup/away.json" --only preflight-safe,renewal-twice --format text --format "json=$work/report.json"
    is preflight-safe fail
    is renewal-twice inconclusive
    [ ! -e "$work/setup/ran" ] || fail "it was run: $command"
done <<'COMMANDS'
certbot renew --dry-run
certbot certonly --webroot -w www -d a.test
certbot renew --server https://acme-v02.api.letsencrypt.org/directory
certbot certonly --server https://ca.internal.example/dir -d a.test
lego --email a@b.c -d a.test --http run
acme.sh --issue -d a.test -w www
dehydrated -c
uacme issue a.test
acme-tiny --account-key k --csr c --acme-dir d
/usr/bin/certbot renew --test-cert
COMMANDS
[ "$n" -eq 10 ] || fail "ten commands"
# a stored renewal file that points at production, and a script
mkdir -p "$work/setup/state/renewal"
printf '[renewalparams]\nserver = https://acme-v02.api.letsencrypt.org/directory\n' >"$work/setup/state/renewal/a.test.conf"
echo '{"hosts":["a.test"],"http":"127.0.0.1:0","state":["state"],"run":{"renew":"touch ran; certbot renew"}}' >"$work/setup/stored.json"
expect 1 "$check" "$work/setup/stored.json" --only preflight-safe
says "acme-v02.api.letsencrypt.org"
rm -r "$work/setup/state"
printf '#!/bin/sh\ncertbot renew \\\n  --dry-run\n' >"$work/setup/renew.sh"
echo '{"hosts":["a.test"],"http":"127.0.0.1:0","run":{"renew":"touch ran; ./renew.sh"}}' >"$work/setup/script.json"
expect 1 "$check" "$work/setup/script.json" --only preflight-safe
says "renew.sh"
[ ! -e "$work/setup/ran" ] || fail "something was run"
