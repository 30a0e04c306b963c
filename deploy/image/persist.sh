#!/bin/sh
# Runs a command, and again where it fails, twice at most: what it needs comes over a network.
#
#   persist.sh COMMAND…
#
# npm goes on by itself for more than a minute; apt gives up seven seconds after a mirror first refused a connection.
set -eu

for pause in 1 10; do
  status=0
  "$@" || status=$?
  [ "$status" != 0 ] || exit 0
  echo "$1 ended with $status; again in $pause s" >&2
  sleep "$pause"
done
exec "$@"
