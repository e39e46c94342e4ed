#!/usr/bin/env bash
# Living every scheduled run and bisecting for the one that orders first come to the same verdicts, on the same day; nothing that the
# search tried stays behind.
# shellcheck source=checks/tests/lib.sh
. "$(dirname "$0")/lib.sh"

# a client that renews 20 days before the end, where no known client does: the day must be searched for
for way in searched lived; do
    cp -r "$CLIENT_TESTS/lego-standalone" "$work/$way"
    chmod 755 "$work/$way"
    # and whose line does not start the service again after a failure, which only the search brings about, and needs it to run
    sed -i '/trap/d; s/^    .\/stop.sh/    test -s nginx.pid \&\& .\/stop.sh || exit 1/; s/no-random-sleep/no-random-sleep --days 20 \&\& .\/start.sh/' "$work/$way/renew.sh"
    jq '.schedule = "2d"' "$CLIENT_TESTS/lego-standalone/setup.json" >"$work/$way/setup.json"
done
ids=preflight-clock,renewal-unattended,renewal-when-due,renewal-not-early,renewal-no-terminal,reload-serves-new-cert,files-not-copied
"$check" "$work/searched/setup.json" --only $ids --format "json=$work/searched.json" >"$work/searched.txt" 2>&1 &
searched=$!
expect 0 "$check" "$work/lived/setup.json" --only $ids --every-run --format "json=$work/lived.json"
wait "$searched" || fail "the search ends with $?"

verdicts() { jq -r '.checks[] | "\(.id) \(.result) \(.headline)"' "$work/$1.json" | sed 's/^\(renewal-no-terminal pass\).*/\1/'; }
diff <(verdicts lived) <(verdicts searched) || fail "other verdicts"
[ "$(jq -r '.checks[] | select(.id == "renewal-when-due") | .headline' "$work/searched.json")" = "Renewed on day 70 of 90: 20 days left for trouble." ] ||
    fail "lego renews from 20 days before the end on"
number() { jq ".clock.$2" "$work/$1.json"; }
[ "$(number lived runs_inferred)" -eq 0 ] || fail "--every-run infers"
[ "$(number searched runs_inferred)" -gt 10 ] || fail "nothing was inferred"
[ "$(($(number searched runs_lived) + $(number searched runs_inferred)))" -eq "$(number lived runs_lived)" ] || fail "the runs do not add up"
# both issued the same number of certificates: what the search wanted to order was taken back
[ "$(jq '.certificates | length' "$work/searched.json")" -eq "$(jq '.certificates | length' "$work/lived.json")" ] || fail "other certificates"
[ "$(jq '[.events[] | select(.text | startswith("the state is put back after a run that would have ordered"))] | length' "$work/searched.json")" -gt 0 ] ||
    fail "nothing was taken back"
