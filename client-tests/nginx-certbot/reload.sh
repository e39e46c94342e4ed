#!/bin/sh
# A hook that reloads, and nothing else.
exec /usr/sbin/nginx -e error.log -p . -c nginx.conf -s reload
