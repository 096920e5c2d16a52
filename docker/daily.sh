#!/bin/sh
# Run a command every day: daily.sh HH:MM COMMAND...; what failed is tried again a quarter of an hour later. At the start it
# is run at once, unless its last success is younger than 20 hours: each restart would evict a backup.
# /backups/done is as old as the last success, which is what the health check looks at; it outlives the container.
# /backups/failed is as old as the first failure since. Whoever tells of alerts looks at both (jobs/alerts/backups.py).
set -u
at=$1
shift
runs=
trap 'kill "${!-}" 2>/dev/null; [ -z "$runs" ] || wait "$!"; exit 0' TERM INT

wait_for() {
  sleep "$1" &
  wait "$!"
}
until_next() {
  pause=$(($(date -d "$at" +%s) - $(date +%s)))
  [ "$pause" -gt 0 ] || pause=$((pause + 86400))
  echo "$(date -Is) next at $at"
  wait_for "$pause"
}

[ -z "$(find /backups -maxdepth 1 -name 'done' -mmin -1200)" ] || until_next
while :; do
  echo "$(date -Is) begins: $*"
  runs=yes
  "$@" &
  if wait "$!"; then
    runs=
    rm -f /backups/failed
    touch /backups/done
    echo "$(date -Is) done"
    until_next
  else
    runs=
    [ -e /backups/failed ] || touch /backups/failed
    echo "$(date -Is) failed; tried again in a quarter of an hour" >&2
    wait_for 900
  fi
done
