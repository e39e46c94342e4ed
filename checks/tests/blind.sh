#!/usr/bin/env bash
# With each witness switched off in turn, the checks that need it are not passed, and nothing fails that was good: the setup is good.
# shellcheck source=checks/tests/lib.sh
. "$(dirname "$0")/lib.sh"

cp -r "$CLIENT_TESTS/lego-standalone" "$work/setup"
chmod 755 "$work/setup"

# who needs whom: from the catalogue's rule 3.1 and what each check says it reads
declare -A needs=(
    [probe]="preflight-reach http-port80-open http-token-served http-not-https-only http-all-names redirect-hsts-irrelevant bootstrap-starts-bare"
    [tls]="bootstrap-reaches-https reload-serves-new-cert persist-restart persist-offline-start chain-complete chain-as-issued names-covered cert-times"
    [log]="preflight-safe preflight-clock bootstrap-reaches-https bootstrap-once renewal-unattended renewal-when-due renewal-not-early renewal-fresh-validation
        renewal-twice renewal-names-kept renewal-port-free reload-serves-new-cert persist-restart persist-offline-start chain-as-issued"
    [files]="preflight-safe persist-volatile-path files-not-copied"
    [clock]="preflight-clock renewal-when-due renewal-not-early"
)
for witness in "${!needs[@]}"; do
    code=0
    "$check" "$work/setup/setup.json" --blind "$witness" --format text --format "json=$work/report.json" >"$work/out.txt" 2>&1 || code=$?
    [ "$code" -eq 3 ] || fail "exit code $code without $witness"
    for id in ${needs[$witness]}; do
        [ "$(result "$id")" = inconclusive ] || fail "without $witness $id is $(result "$id")"
    done
done
