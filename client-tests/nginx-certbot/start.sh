#!/bin/sh
# Starts nginx; with a placeholder while there is no certificate. What the mutants change is in LIVE, CONF, REPLACE, NO_PLACEHOLDER.
set -eu
live=${LIVE:-state/live/www.rehearsal.test}
if [ -e "$live/fullchain.pem" ]; then
    ln -sfn "$live" cert
elif [ ! -e cert ] && [ -z "${NO_PLACEHOLDER-}" ]; then
    mkdir -p placeholder
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=placeholder \
        -keyout placeholder/privkey.pem -out placeholder/fullchain.pem 2>/dev/null
    ln -sfn fullchain.pem placeholder/cert.pem
    ln -sfn placeholder cert
fi
mkdir -p tmp
sed "s/@HTTP@/$FAKECA_HTTP_PORT/; s/@HTTPS@/$FAKECA_HTTPS_PORT/; ${REPLACE-}" "${CONF:-nginx.conf.in}" >nginx.conf
exec nginx -e error.log -p . -c nginx.conf
