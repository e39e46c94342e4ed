#!/bin/sh
# What cron runs: the port is lego's while it asks; the application comes back whatever happened.
[ -n "${KEEP_RUNNING-}" ] || {
    ./stop.sh
    trap ./start.sh EXIT
}
lego --path lego --server "$FAKECA_DIRECTORY" -m "$FAKECA_EMAIL" -d api.rehearsal.test --http --http.port "127.0.0.1:$FAKECA_HTTP_PORT" \
    renew --no-random-sleep
