#!/usr/bin/env bash
# A server that renews by itself and never does: without --patient nobody can tell whether its timers follow the clock, so nothing is
# judged; with it, it is waited for in real time, and then it is found.
# One that the launcher does not move is moved by the age of its certificate, and its own timers are waited for.
# shellcheck source=checks/tests/lib.sh
. "$(dirname "$0")/lib.sh"

for way in quick patient; do
    cp -r "$CLIENT_TESTS/caddy" "$work/$way"
    chmod 755 "$work/$way"
    jq '.schedule = "20d" | .run.start = "RENEW_INTERVAL=8760h " + .run.start' "$CLIENT_TESTS/caddy/setup.json" >"$work/$way/setup.json"
done
ids=preflight-clock,renewal-unattended,renewal-when-due
cp -r "$CLIENT_TESTS/caddy" "$work/aged"
chmod 755 "$work/aged"
jq '.clock = {how: "aged"} | .run.start = "RENEW_INTERVAL=2s " + .run.start' "$CLIENT_TESTS/caddy/setup.json" >"$work/aged/setup.json"
"$check" "$work/aged/setup.json" --only $ids,reload-serves-new-cert,renewal-fresh-validation --patient 60s --format "json=$work/aged.json" >"$work/aged.txt" 2>&1 &
aged=$!
"$check" "$work/quick/setup.json" --only $ids --format "json=$work/quick.json" >"$work/quick.txt" 2>&1 &
quick=$!
begin=$SECONDS
expect 1 "$check" "$work/patient/setup.json" --only $ids --patient 6s --format text --format "json=$work/report.json"
[ "$((SECONDS - begin))" -ge 6 ] || fail "it did not wait"
is preflight-clock inconclusive
is renewal-unattended fail
is renewal-when-due fail
code=0
wait "$quick" || code=$?
[ "$code" -eq 3 ] || fail "exit code $code without patience"
cp "$work/quick.json" "$work/report.json"
for id in ${ids//,/ }; do
    is "$id" inconclusive
done
jq -r '.checks[].remedy' "$work/report.json" | grep -q -- --patient || fail "--patient is not proposed"

wait "$aged" || fail "exit code $? of a server whose certificates grow old"
cp "$work/aged.json" "$work/report.json"
[ "$(jq -r .clock.way "$work/report.json")" = aged ] || fail "time was not moved by age"
for id in ${ids//,/ } reload-serves-new-cert renewal-fresh-validation; do
    is "$id" pass
done
