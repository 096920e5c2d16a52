#!/bin/sh
# Make the folder of a deployment: env, settings/, secrets/ and backups/; what is there already stays as it is, but for
# files/, which is copied anew from this version: a checkout may be closed to the accounts of the containers.
#   docker/prepare.sh FOLDER
# A secret is a file that its service alone is given. To rotate one, delete its file and run this again (README.md).
set -eu
[ "$#" = 1 ] || { echo "say which folder: docker/prepare.sh /srv/sentinela" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
umask 077
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$here/../pyproject.toml")

random() { head -c 48 /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_'; }
hexadecimal() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
keep() { # the standard input as the secret $1, unless there is one; readable in a container by whatever account
  if [ -e "$folder/secrets/$1" ]; then cat >/dev/null; return; fi
  cat >"$folder/secrets/$1.new"
  chmod 444 "$folder/secrets/$1.new"
  mv "$folder/secrets/$1.new" "$folder/secrets/$1"
  echo "made secrets/$1"
}

mkdir -p "$folder/secrets" "$folder/settings" "$folder/files" "$folder/backups/lake" "$folder/backups/database"
chmod 755 "$folder" "$folder/settings" "$folder/files" "$folder/backups"
chmod 711 "$folder/backups/lake" "$folder/backups/database" # the scheduler looks at the marks, and at no dump
chmod 700 "$folder/secrets"
if [ "$(id -u)" = 0 ]; then
  chown 10001:10001 "$folder/backups/lake"
  chown 999:999 "$folder/backups/database"
fi

# Each as a new file: a container that runs keeps the one that it began with.
install -m 444 "$here/daily.sh" "$here/back_up_database.sh" "$here"/reports/* "$folder/files/"

random | keep author_key
random | keep session_key
random | keep jwt_secret
head -c 32 /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_' | keep fernet_key
head -c 15 /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_' | keep admin_password
printf '' | keep reports_logins
keep alerts <<'END'
# Who is told when something is wrong (docs/alerts.md); restart the scheduler after a change.
#SENTINELA_ALERT_WEBHOOK='https://hooks.example/...'
#SENTINELA_ALERT_EMAIL='ana@example.org'
#SENTINELA_SMTP_URL='smtp://user:password@mail.example.org:587?from=sentinela@example.org'
#SENTINELA_PING_URL='https://monitor.example/...'
END

# Two files that hold one secret, each in the form that its reader wants, are made together.
if [ ! -e "$folder/secrets/database_password" ] || [ ! -e "$folder/secrets/database_url" ]; then
  rm -f "$folder/secrets/database_password" "$folder/secrets/database_url"
  password=$(hexadecimal)
  printf '%s' "$password" | keep database_password
  printf 'postgresql+psycopg2://airflow:%s@postgres/airflow' "$password" | keep database_url
fi
if [ ! -e "$folder/secrets/lake_credentials" ] || [ ! -e "$folder/secrets/objects_identities" ]; then
  rm -f "$folder/secrets/lake_credentials" "$folder/secrets/objects_identities"
  key=$(hexadecimal)
  printf '[default]\naws_access_key_id = sentinela\naws_secret_access_key = %s\n' "$key" | keep lake_credentials
  printf '{"identities": [{"name": "sentinela", "credentials": [{"accessKey": "sentinela", "secretKey": "%s"}], "actions": ["Admin", "Read", "List", "Tagging", "Write"]}]}\n' \
    "$key" | keep objects_identities
fi

if [ ! -e "$folder/env" ]; then
  cat >"$folder/env" <<END
SENTINELA_VERSION=$version
SENTINELA_FOLDER=$folder
# Our own PostgreSQL and object store; leave out what is somebody else's (README.md).
COMPOSE_PROFILES=postgres,objects
END
  echo "made env"
fi
if [ ! -e "$folder/settings/sentinela.yaml" ]; then
  cat >"$folder/settings/sentinela.yaml" <<END
timezone: America/Sao_Paulo
lake: s3://sentinela/lake
reports: /var/lib/sentinela/reports
feeds:
  - {name: news, kind: news, reader: rss, url: "https://example.org/feed.xml"}
END
  chmod 644 "$folder/settings/sentinela.yaml"
  echo "made settings/sentinela.yaml: put your feeds there"
fi
