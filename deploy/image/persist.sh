#!/bin/sh
# Runs a command, and again where it fails, twice at most: what it needs comes over a network.
#
#   persist.sh COMMAND…
#
# Npm and apt try requests again themselves, but give up at once where a name is not resolved in time, as happens on a busy machine.
set -eu

for pause in 1 10; do
  status=0
  "$@" || status=$?
  [ "$status" != 0 ] || exit 0
  echo "$1 ended with $status; again in $pause s" >&2
  sleep "$pause"
done
exec "$@"
