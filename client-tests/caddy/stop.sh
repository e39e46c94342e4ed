#!/bin/sh
# Stops Caddy and waits until it is gone.
[ -s caddy.pid ] || exit 0
pid=$(cat caddy.pid)
kill "$pid"
while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
rm -f caddy.pid
