#!/bin/sh
# A day's upkeep: the lake into /backups, old rows out of Airflow's database, old logs off the disk. One that fails does
# not keep the others from being done; the exit code tells. When it is tried again the lake is not backed up again, for
# every backup evicts the oldest.
set -u
failed=0
if [ -z "$(find /backups -maxdepth 1 -name backed-up -mmin -1200)" ]; then
  { sentinela lake backup /backups --keep "${KEEP_BACKUPS:-14}" && touch /backups/backed-up; } || failed=1
fi
airflow db clean --clean-before-timestamp "$(date -u -d "${KEEP_RUNS_DAYS:-90} days ago" -Is)" --skip-archive --yes \
  || failed=1
logs=$AIRFLOW_HOME/logs
find "$logs" -type f -mtime "+${KEEP_LOGS_DAYS:-30}" -delete || failed=1
find "$logs" -mindepth 1 -type d -empty -mtime +1 -delete || failed=1
exit "$failed"
