#!/usr/bin/env bash
# State folders that cannot be used: each is named and left as it was.
# shellcheck disable=SC2119
# shellcheck source=fakeca/tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

refused() { # WHAT: serve on $work/ca ends with 3, names WHAT, and changes no byte of the database
    local status=0 before after said
    before=$(sha256sum "$work/ca/fakeca.db" 2>/dev/null || echo none)
    said=$("$fakeca" serve --state "$work/ca" --acme-listen localhost:0 --management-listen localhost:0 --dns-listen none 2>&1 </dev/null) || status=$?
    after=$(sha256sum "$work/ca/fakeca.db" 2>/dev/null || echo none)
    same "$status" 3 "the exit code ($said)"
    contains "$said" "$1" "the message"
    same "$after" "$before" "the database's content"
}

start_ca
stop_ca

cp "$work/ca/fakeca.db" "$work/good.db"
head -c 5000 /dev/urandom >"$work/ca/fakeca.db"
refused "fakeca.db"
head -c 20000 "$work/good.db" >"$work/ca/fakeca.db"
refused "fakeca.db"
rm "$work/ca/fakeca.db"
sqlite3 "$work/ca/fakeca.db" 'CREATE TABLE t (x); INSERT INTO t VALUES (1)'
refused "fakeca.db"
cp "$work/good.db" "$work/ca/fakeca.db"
sqlite3 "$work/ca/fakeca.db" 'PRAGMA user_version = 9999'
refused "9999"

# a clock file that is none
cp "$work/good.db" "$work/ca/fakeca.db"
cp "$work/ca/clock" "$work/clock"
echo "not a clock" >"$work/ca/clock"
refused "clock"
cp "$work/clock" "$work/ca/clock"

# a folder that cannot be written (root may write anywhere but into a file)
status=0
said=$("$fakeca" serve --state "$work/good.db/x" --acme-listen localhost:0 2>&1 </dev/null) || status=$?
same "$status" 3 "the exit code for a state under a file"
contains "$said" "good.db"

# a limit on the size of files (ulimit -f) is a full disk, not the end: what cannot be kept is refused
printf '#!/bin/bash\nulimit -f 1024\nexec %q "$@"\n' "$fakeca" >"$work/limited"
chmod +x "$work/limited"
mv "$work/ca" "$work/kept"
unlimited=$fakeca fakeca=$work/limited
start_ca
fakeca=$unlimited
full() {
    local answer
    answer=$(api PUT /api/v1/dns '{"name":"a.test","type":"A","values":["127.0.0.1"]}') || fail "the CA ended at the limit"
    case $answer in *'"status": 500'*) return 0 ;; esac
    return 1
}
for ((tries = 0; tries < 2000; tries++)); do
    ! full || break
done
[ "$tries" -lt 2000 ] || fail "the limit was never met"
ca status >/dev/null || fail "the CA does not answer at the limit"
stop_ca
rm -r "$work/ca"
mv "$work/kept" "$work/ca"

# and the good one still works
start_ca
ca status >/dev/null
