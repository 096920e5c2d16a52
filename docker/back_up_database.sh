#!/bin/sh
# Airflow's database as /backups/airflow-<moment>.dump, which appears whole; the newest $KEEP_BACKUPS stay.
set -eu
umask 077
PGPASSWORD=$(cat /run/secrets/database_password)
export PGPASSWORD
file=/backups/airflow-$(date -u +%Y-%m-%dT%H-%M-%SZ).dump
trap 'rm -f "$file.part"' EXIT
pg_dump --host="${PGHOST:-postgres}" --username=airflow --format=custom --file="$file.part" "${PGDATABASE:-airflow}"
pg_restore --list "$file.part" >/dev/null
mv "$file.part" "$file"
find /backups -name 'airflow-*.dump' | sort -r | tail -n "+$((${KEEP_BACKUPS:-14} + 1))" | while read -r old; do
  rm "$old"
done
echo "$file: $(stat -c %s "$file") bytes"
