#!/bin/sh
# A deploy hook that puts a chain behind the leaf which came with another certificate.
set -eu
PATH=/usr/sbin:$PATH
mkdir -p merged
[ -s merged/chain.pem ] || curl -sf "${FAKECA_MANAGEMENT_URL}api/v1/trust/intermediates.pem" |
    awk '/BEGIN/ { n = "" } { n = n $0 "\n" } END { printf "%s", n }' >merged/chain.pem
cat state/live/www.rehearsal.test/cert.pem merged/chain.pem >merged/fullchain.pem
cp state/live/www.rehearsal.test/privkey.pem merged/privkey.pem
ln -sfn merged cert
exec nginx -e error.log -p . -c nginx.conf -s reload
