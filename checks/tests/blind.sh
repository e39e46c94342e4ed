#!/usr/bin/env bash
# With each witness switched off in turn, no check that needs it passes, and nothing fails: the setup is good. It is one that has every
# member, so that all checks but renewal-port-free (no client that listens itself) are judged when nobody is blind.
# shellcheck source=checks/tests/lib.sh
. "$(dirname "$0")/lib.sh"

# who needs whom: from the catalogue's rule 3.1; what the program says of itself (--list -v) may only be more
declare -A needs=(
    [probe]="preflight-reach http-port80-open http-token-served http-not-https-only http-all-names http-ipv6-agrees http-all-backends
        redirect-hsts-irrelevant bootstrap-starts-bare"
    [tls]="bootstrap-reaches-https reload-serves-new-cert reload-all-endpoints persist-restart persist-redeploy persist-offline-start chain-complete
        chain-as-issued names-covered cert-times"
    [log]="preflight-safe preflight-clock bootstrap-reaches-https bootstrap-once renewal-unattended renewal-when-due renewal-not-early
        renewal-fresh-validation renewal-twice renewal-names-kept renewal-port-free renewal-no-terminal reload-serves-new-cert reload-all-endpoints
        persist-restart persist-redeploy persist-offline-start chain-as-issued"
    [files]="preflight-safe persist-volatile-path files-not-copied"
    [clock]="preflight-clock renewal-when-due renewal-not-early cert-times"
    [probe,log]="redirect-https-followed redirect-cert-unverified redirect-port redirect-keeps-path redirect-no-loop" # one of the two is enough
)
"$check" --list -v >"$work/list.txt"
[ "$(wc -l <"$work/list.txt")" -eq 37 ] || fail "37 checks"
[ "$(tr ' ' '\n' <<<"${needs[*]}" | grep -c . | cat)" -ge 37 ] || fail "the list of needs"
while read -r id rest; do
    # shellcheck disable=SC2076 # a text, not a pattern
    [[ " ${needs[*]//$'\n'/ } " =~ " $id " ]] || fail "no witness is named for $id: $rest"
done <"$work/list.txt"

# all at once: they mostly wait
n=10
for witness in "${!needs[@]}"; do
    n=$((n + 1))
    cp -r "$CLIENT_TESTS/nginx-certbot" "$work/$witness"
    chmod 755 "$work/$witness"
    jq -s --arg at "127.83.1.$n" '(.[0] * (.[1].good[] | select(.name == "everything").change)) | .run[] |= gsub("127.83.1.2"; $at) | .endpoints[0].at = $at + ":9994"' \
        "$work/$witness/setup.json" "$work/$witness/mutants.json" >"$work/$witness/everything.json"
    "$check" "$work/$witness/everything.json" --blind "$witness" --format "text=$work/$witness.txt" --format "json=$work/$witness.json" >"$work/$witness.out.txt" 2>&1 &
    pids[n]=$! names[n]=$witness
done
for n in "${!pids[@]}"; do
    witness=${names[n]} code=0
    wait "${pids[n]}" || code=$?
    [ "$code" -eq 3 ] || fail "exit code $code without $witness"
    cp "$work/$witness.json" "$work/report.json"
    for id in ${needs[$witness]}; do
        is "$id" inconclusive
    done
    [ "$(jq '[.checks[] | select(.result == "fail" or .result == "error")] | length' "$work/report.json")" -eq 0 ] || fail "something fails without $witness"
    [[ $witness != *,* ]] || continue
    # what the program itself says that it needs: all of "a+b", not "a|b"
    while read -r id; do
        is "$id" inconclusive
    done < <(awk -v w="$witness" '$NF !~ /[|]/ && ("+" $NF "+") ~ ("[+]" w "[+]") { print $1 }' "$work/list.txt")
done
