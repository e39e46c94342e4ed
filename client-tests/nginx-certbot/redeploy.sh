#!/bin/sh
# As a container that is removed and made anew: everything is gone but the volume.
set -eu
./stop.sh
rm -rf nginx.conf nginx.pid error.log tmp cert placeholder
exec ./start.sh
