#!/bin/sh
# A deploy hook that leaves a note.
touch renewed
exec ./deploy.sh
