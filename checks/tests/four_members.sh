#!/usr/bin/env bash
# The description of four members that somebody with nginx and certbot writes first: every check is judged, or skipped with the
# member that would enable it; the setup is good. At the default ports, 5002 and 5003.
# shellcheck source=checks/tests/lib.sh
. "$(dirname "$0")/lib.sh"

cp -r "$CLIENT_TESTS/nginx-certbot" "$work/setup"
chmod 755 "$work/setup"
jq '{hosts, webroot, state, run: (.run | del(.redeploy))}' "$work/setup/setup.json" >"$work/setup/four.json"
picture "$work/setup" >"$work/before.list"
begin=$SECONDS
expect 0 "$check" "$work/setup/four.json" --format text --format "json=$work/report.json" --format "junit=$work/report.xml" --format "tap=$work/report.tap" -v
echo "$((SECONDS - begin)) s"
says "READY   0 failed"
[ "$(jq '.checks | length' "$work/report.json")" -eq 37 ] || fail "37 checks"
[ "$(jq '[.checks[] | select(.result == "inconclusive" or .result == "error" or .result == "fail")] | length' "$work/report.json")" -eq 0 ] || fail "all are judged"
# a skip names a member, or what of the setup makes the check needless
[ "$(jq '[.checks[] | select(.result == "skip" and (.skipped_for | length) == 0) | .id] | sort | join(",")' "$work/report.json")" = '"renewal-port-free"' ] ||
    fail "skips without a member"
grep -q '^TAP version 14$' "$work/report.tap" || fail "TAP"
! grep '^not ok' "$work/report.tap" || fail "TAP"
grep -q '</testsuites>' "$work/report.xml" || fail "JUnit"
picture "$work/setup" >"$work/after.list"
cmp -s "$work/before.list" "$work/after.list" || fail "the folder is not as before"
