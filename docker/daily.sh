#!/bin/sh
# Run a command now and then every day: daily.sh HH:MM COMMAND...; what failed is tried again a quarter of an hour later.
# /tmp/done is as old as the last success, which is what the health check looks at.
set -u
at=$1
shift
trap 'kill "$!" 2>/dev/null; exit 0' TERM INT

seconds_until() {
  wait_for=$(($(date -d "$1" +%s) - $(date +%s)))
  [ "$wait_for" -gt 0 ] || wait_for=$((wait_for + 86400))
  echo "$wait_for"
}

while :; do
  echo "$(date -Is) begins: $*"
  "$@" &
  if wait "$!"; then
    touch /tmp/done
    echo "$(date -Is) done; next at $at"
    pause=$(seconds_until "$at")
  else
    echo "$(date -Is) failed; tried again in a quarter of an hour" >&2
    pause=900
  fi
  sleep "$pause" &
  wait "$!"
done
