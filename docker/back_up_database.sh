#!/bin/sh
# Airflow's database as /backups/airflow-<moment>.dump, which appears whole; the newest $KEEP_BACKUPS stay. A database
# without runs where the newest dump has some was lost: its dump would be the one that is restored, and evict the others.
set -eu
umask 077
PGPASSWORD=$(cat /run/secrets/database_password)
export PGPASSWORD
has_runs() { pg_restore --data-only --table=dag_run --file=- "$1" | grep -q '^[0-9]'; }

newest=$(find /backups -name 'airflow-*.dump' | sort | tail -n 1)
find /backups -name 'airflow-*.dump.part' -mmin +60 -delete # of one that was killed
file=/backups/airflow-$(date -u +%Y-%m-%dT%H-%M-%SZ).dump
trap 'rm -f "$file.part"' EXIT
# In the background, for a shell heeds no signal before what it waits for in the foreground ends.
pg_dump --host="${PGHOST:-postgres}" --username=airflow --format=custom --file="$file.part" "${PGDATABASE:-airflow}" &
trap 'kill "$!"; wait "$!"; exit 143' TERM INT
wait "$!"
pg_restore --list "$file.part" >/dev/null
if [ -n "$newest" ] && has_runs "$newest" && ! has_runs "$file.part"; then
  echo "the database has no runs, $newest has: restore it, or take it away if the database is to be new" >&2
  exit 1
fi
mv "$file.part" "$file"
find /backups -name 'airflow-*.dump' | sort -r | tail -n "+$((${KEEP_BACKUPS:-14} + 1))" | while read -r old; do
  rm "$old"
done
echo "$file: $(stat -c %s "$file") bytes"
