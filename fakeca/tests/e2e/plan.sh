#!/usr/bin/env bash
# fakeca plan: exit codes, formats, files, and the page as a real browser reads it (where one is installed).
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

fixtures=$(cd "$(dirname "$0")/../../../fixtures/plan" && pwd)
ends() { # CODE COMMAND...: ends with that code; what it said is in $said
    local code=$1 status=0
    shift
    said=$("$@" 2>&1 </dev/null) || status=$?
    [ "$status" -eq "$code" ] || fail "'$*' ended with $status, not $code: $said"
}
period=(--from 2026-12-01 --to 2029-12-01)

# ---- 0 nothing breaks, 1 something does, 2 the estate or the call is wrong ----

ends 1 "$fakeca" plan "$fixtures/small.json" "${period[@]}"
contains "$said" "this breaks: 1 certificate is lost at a redeploy"
contains "$said" "limit CertificatesPerFQDNSet denies 3 orders"
contains "$said" "renewed by the rule 'every 60d', and valid for 45d"
contains "$said" "2028-02-16  orders"
ends 0 "$fakeca" plan "$fixtures/small.json" --from 2026-12-01 --to 2027-03-01
contains "$said" "nothing breaks"
ends 1 "$fakeca" plan "$fixtures/small.json" "${period[@]}" --limits off
contains "$said" "no limits are enforced here"
ends 2 "$fakeca" plan "$fixtures/wrong.json" "${period[@]}"
for text in "line 2: environment: there is no 'productoin', did you mean 'production'?" \
    "line 4: certificates[0].names: the CA would refuse 'shop_1.test'" "certificates[0].renew: 'monthly' is no renewal rule" \
    "certificates[1].name: there are certificates 'web' already" "exactly the names of 'a.test' are in another certificate" \
    "unknown key 'replica', did you mean 'replicas'?"; do
    contains "$said" "$text" "all errors at once"
done
ends 2 "$fakeca" plan "$work/none.json"
contains "$said" "none.json"
ends 2 "$fakeca" plan
ends 2 "$fakeca" plan "$fixtures/small.json" --from 2029-01-01 --to 2028-01-01
ends 2 "$fakeca" plan "$fixtures/small.json" --from 2026-12-01 --to 2046-12-01
contains "$said" "longer than ten years"
ends 2 "$fakeca" plan "$fixtures/small.json" --format jsn
contains "$said" "did you mean 'json'?"
ends 2 "$fakeca" plan "$fixtures/small.json" --format html=
ends 2 "$fakeca" plan "$fixtures/small.json" --format html --json
contains "$said" "two formats on standard output"
ends 2 "$fakeca" plan "$fixtures/small.json" --environment prodution
contains "$said" "did you mean 'production'?"
ends 2 "$fakeca" plan "$fixtures/small.json" --limits much
ends 3 "$fakeca" plan "$fixtures/small.json" "${period[@]}" --format "html=$work/no/such/folder.html"
ends 0 "$fakeca" help plan
contains "$said" "usage: fakeca plan ESTATE.json"
contains "$said" "example"

# ---- the estate of the help text is one ----

"$fakeca" help plan | sed -n '/^  {"certificates"/,/]}$/p' >"$work/help.json"
ends 0 "$fakeca" plan "$work/help.json" --from 2026-12-01 --to 2027-12-01

# ---- formats and files ----

said=$("$fakeca" plan "$fixtures/small.json" "${period[@]}" --json) || true
same "$(jq -r '.findings[0].kind, .totals.denied, .good' <<<"$said" | paste -sd' ')" "missing 3 false" "--json"
same "$("$fakeca" plan "$fixtures/small.json" "${period[@]}" --json || true)" "$said" "the same plan again"
"$fakeca" plan "$fixtures/small.json" "${period[@]}" --format "html=$work/plan.html" --format "json=$work/plan.json" >"$work/text" || true
contains "$(cat "$work/text")" "this breaks" "the text besides the files"
same "$(jq -S . "$work/plan.json")" "$(jq -S . <<<"$said")" "the JSON in a file"
[ -s "$work/plan.html" ] || fail "no page"

# ---- a policy of one's own: an invented change takes effect on its day ----

"$fakeca" plan "$fixtures/small.json" --from 2026-12-01 --to 2027-02-01 --json >"$work/before.json"
same "$(jq '.changes | length' "$work/before.json")" 0 "no change in this time"
jq '.changes += [{"on": "2027-01-01", "what": "an invented one", "set": {"profiles.classic.validity": "30d"},
    "source": "this test"}] | .changes |= sort_by(.on)' "$(dirname "$0")/../../policy/production.json" >"$work/policy.json"
"$fakeca" plan "$fixtures/small.json" --policy "$work/policy.json" --from 2026-12-01 --to 2027-02-01 --json >"$work/after.json" || true
same "$(jq -r '.changes[0].what' "$work/after.json")" "an invented one" "the invented change"
[ "$(jq .totals.orders "$work/after.json")" -gt "$(jq .totals.orders "$work/before.json")" ] || fail "it changes nothing"

# ---- the page in a browser: the elements that it makes of it, and no request ----

if chromium=$(command -v chromium); then
    dom=$("$chromium" --headless --no-sandbox --disable-gpu --user-data-dir="$work/chromium" --dump-dom "file://$work/plan.html" 2>/dev/null)
    same "$(grep -c '<svg ' <<<"$dom")" 1 "the picture in the browser's document"
    same "$(grep -o 'class="change"' <<<"$dom" | wc -l)" 2 "the changes in the picture"
    contains "$dom" "What each change does"
else
    echo "not looked at: the page in a browser (chromium is not installed)"
fi
