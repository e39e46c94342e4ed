#!/bin/sh
# Stops nginx and waits until it is gone.
[ -s nginx.pid ] || exit 0
pid=$(cat nginx.pid)
# again and again: nginx sleeps on when the signal comes between its pid file and its first wait
while kill "$pid" 2>/dev/null; do sleep 0.05; done
