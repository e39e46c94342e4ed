#!/bin/sh
# Starts nginx with lego's certificate, or with a placeholder while there is none.
set -eu
PATH=/usr/sbin:$PATH
cert=lego/certificates/api.rehearsal.test.crt key=lego/certificates/api.rehearsal.test.key
if [ ! -e "$cert" ]; then
    cert=placeholder.crt key=placeholder.key
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=placeholder \
        -keyout "$key" -out "$cert" 2>/dev/null
fi
mkdir -p tmp
sed "s/@HTTP@/$FAKECA_HTTP_PORT/; s/@HTTPS@/$FAKECA_HTTPS_PORT/; s|@CERT@|$cert|; s|@KEY@|$key|" nginx.conf.in >nginx.conf
exec nginx -e error.log -p . -c nginx.conf
