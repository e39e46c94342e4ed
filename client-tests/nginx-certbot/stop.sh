#!/bin/sh
# Stops nginx and waits until it is gone.
[ -s nginx.pid ] || exit 0
pid=$(cat nginx.pid)
kill "$pid"
while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
