#!/usr/bin/env bash
# Deploy docker/ for real on this machine, as root and without an image registry, disturb it in every way, and see that
# nothing was lost. What it needs are Debian's packages and the package index: base images are made by debootstrap, those
# of PostgreSQL and nginx stand in for the real ones, the object store is the real program of the index.
#   scripts/try_deployment.sh [all | build | up | check | external | kills NUMBER | down]
# State lies in $SENTINELA_TRY (/var/tmp/sentinela-try), 25 GB of it; what is there already is not made again: remove
# `made/image` there to have the image built anew. It takes an hour on two cores, a quarter of it the image.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
trial=$repository/scripts/trial
state=${SENTINELA_TRY:-/var/tmp/sentinela-try}
shared=$state/shared
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$repository/pyproject.toml")
first=2026-09-24 last=2026-09-30
base=localhost/python:3.11-bookworm
storage=(--root "$state/storage" --runroot "$state/runroot" --storage-driver overlay)

say() { echo "$(date +%T) $*"; }
step() { # run the function $2 unless it was run before, as the mark $1 in the state says
  if [ ! -e "$state/made/$1" ]; then
    say "$1"
    "$2"
    touch "$state/made/$1"
  fi
}

packages() {
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends buildah podman debootstrap crun >/dev/null
}

base_image() { # what FROM names is Debian with its own Python; it trusts whom this machine trusts
  local tree=$state/base
  debootstrap --variant=minbase --include=ca-certificates,netbase,tzdata,python3,python3-pip,python3-venv \
    bookworm "$tree" >"$state/base.log"
  rm -f "$tree"/usr/lib/python3*/EXTERNALLY-MANAGED
  for name in python python3 python3.11; do ln -sf /usr/bin/python3.11 "$tree/usr/local/bin/$name"; done
  ln -sf /usr/bin/pip3 "$tree/usr/local/bin/pip"
  cp -L /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/ca-certificates.crt"
  printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$tree/etc/pip.conf"
  mkdir -p "$tree/etc/uv"
  printf 'native-tls = true\n' >"$tree/etc/uv/uv.toml"
  tar -C "$tree" --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
    -c . | podman "${storage[@]}" import - "$base" >/dev/null
}

image() {
  cd "$repository"
  nice buildah "${storage[@]}" bud --format docker --isolation chroot --network host --pull-never --layers \
    --build-arg "BASE=$base" --ignorefile docker/Dockerfile.dockerignore --file docker/Dockerfile \
    --tag "localhost/sentinela:$version" . >"$state/build.log" 2>&1
  buildah "${storage[@]}" images | grep sentinela
  rm -f "$shared/sentinela.tar" "$state/made/loaded"
  nice buildah "${storage[@]}" push "localhost/sentinela:$version" "docker-archive:$shared/sentinela.tar:sentinela:$version"
}

engine_tree() {
  local packages=ca-certificates,docker.io,docker-cli,docker-compose,docker-buildx,iptables,iproute2,procps
  debootstrap --variant=minbase --include="$packages,postgresql-17,nginx-light,wget,tini" trixie "$state/engine" \
    >"$state/engine.log"
}

stand_in_tree() { # the same Debian with the accounts, places and programs of the images it stands in for
  local over=$state/stand-in
  mkdir -p "$over/upper" "$over/work" "$over/tree"
  mount -t overlay overlay -o "lowerdir=$state/engine,upperdir=$over/upper,workdir=$over/work" "$over/tree"
  local tree=$over/tree
  for account in postgres-image:999 nginx-image:101 seaweed:1000; do
    sed -i "/^[^:]*:x:${account#*:}:/d" "$tree/etc/passwd"
    echo "${account%:*}:x:${account#*:}:${account#*:}::/tmp:/bin/sh" >>"$tree/etc/passwd"
  done
  mkdir -p "$tree/data" "$tree/var/lib/postgresql/data" "$tree/var/run/postgresql" "$tree/etc/nginx/conf.d"
  chown 1000:1000 "$tree/data"
  chown 999:999 "$tree/var/lib/postgresql/data"
  chmod 700 "$tree/var/lib/postgresql/data"
  cp "$(readlink -f "$repository/.venv")/bin/weed" "$tree/usr/local/bin/weed"
  install -m 755 "$trial/postgres.sh" "$tree/usr/local/bin/docker-entrypoint.sh"
  install -m 644 "$trial/nginx.conf" "$tree/etc/nginx/nginx.conf"
  tar -C "$tree" --exclude='./var/cache/apt/*' --exclude=./usr/bin/docker* --exclude=./usr/sbin/dockerd \
    --exclude=./usr/bin/containerd* --exclude=./usr/libexec/docker -cf "$shared/stand-in.tar" .
  umount "$tree"
}

engine_pid() { [ -e "$state/engine.pid" ] && pgrep -P "$(cat "$state/engine.pid")" | head -1; }
inside() { nsenter --target "$(engine_pid)" --mount --net --pid --root --wdns=/repo env -i \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb "$@"; }
compose() { inside docker compose --env-file /try/deployment/env --file docker/compose.yaml --file /try/trial.yaml "$@"; }
sql() { compose exec -T postgres psql --username=airflow --host=/var/run/postgresql --dbname=airflow -Atc "$1"; }
pid_of() { inside docker inspect --format '{{.State.Pid}}' "sentinela-$1-1"; }
health_of() { inside docker inspect --format '{{.State.Health.Status}} {{.RestartCount}}' "sentinela-$1-1"; }

start_engine() {
  if ! engine_pid >/dev/null; then
    mkdir -p "$state/docker"
    unshare --mount --net --pid --fork --kill-child "$trial/engine.sh" "$state/engine" "$state/docker" "$shared" "$repository" &
    echo $! >"$state/engine.pid"
    disown
  fi
  for _ in $(seq 60); do
    if inside docker version >/dev/null 2>&1; then return; fi
    sleep 1
  done
  echo "dockerd did not start; see $shared/dockerd.log" >&2
  exit 1
}

load_images() {
  inside docker load --quiet --input /try/sentinela.tar
  inside docker import --change 'ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/bin:/usr/bin:/bin' \
    --change 'ENV PGDATA=/var/lib/postgresql/data' --change 'ENTRYPOINT ["docker-entrypoint.sh"]' \
    --change 'CMD ["postgres"]' /try/stand-in.tar trial-postgres:17
  inside docker import --change 'ENTRYPOINT ["/usr/sbin/nginx", "-c", "/etc/nginx/nginx.conf"]' /try/stand-in.tar trial-nginx:1
  inside docker import --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin' /try/stand-in.tar trial-objects:4
}

deployment() { # a fresh folder, with the sample's feeds; its lake is named by $1
  local folder=$shared/deployment
  "$repository/docker/prepare.sh" "$folder" >/dev/null
  sed -i 's|^SENTINELA_FOLDER=.*|SENTINELA_FOLDER=/try/deployment|' "$folder/env"
  cat >>"$folder/env" <<END
POSTGRES_IMAGE=trial-postgres:17
OBJECTS_IMAGE=trial-objects:4
REPORTS_IMAGE=trial-nginx:1
END
  cp -r "$repository/examples/aurora/feeds" "$repository/examples/aurora/labels" "$folder/settings/"
  chmod -R go+rX "$folder/settings"
  lake_is "$1"
  # The sample lives in a present of its own, and with a clock that stands still two lakes can be compared. Airflow waits
  # less than by default before it tries again and before it takes what was killed for dead.
  cat >"$shared/trial.yaml" <<END
x-soon: &soon {AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY: "10"}
services:
  dag-processor: {environment: *soon} # it is who reads the DAGs
  scheduler:
    environment:
      <<: *soon
      SOURCE_DATE_EPOCH: "1790825400"
      AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL: "30"
      AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT: "90"
      AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT: "90" # of a worker that was killed before it said that it had begun
END
}

lake_is() {
  sed "s|^lake:.*|lake: s3://sentinela/$1|; s|^reports:.*|reports: /var/lib/sentinela/reports|" \
    "$repository/examples/aurora/sentinela.yaml" >"$shared/deployment/settings/sentinela.yaml"
}

up() {
  local began=$SECONDS
  compose up --detach --wait --pull never --quiet-pull
  say "up and healthy in $((SECONDS - began)) s"
  inside docker stats --no-stream --format '{{.Name}} {{.MemUsage}}'
}

expect() { # the rest of the words, run, must succeed; $1 says what that shows
  if "${@:2}" >"$state/last.log" 2>&1; then say "ok: $1"; else
    say "NOT ok: $1"
    tail -20 "$state/last.log"
    failures=$((failures + 1))
  fi
}
refuses() { ! "$@"; }
answers() { compose exec -T "$1" timeout 5 bash -c "</dev/tcp/$2/$3"; }
address_of() { inside docker inspect --format '{{range .NetworkSettings.Networks}}{{println .IPAddress}}{{end}}' "sentinela-$1-1" | head -1; }
says() { inside wget --quiet --timeout 20 --output-document - "$2" | grep -q "$1"; }

runs_as_another() { [ "$(inside stat --format %u "/proc/$(pid_of "$1")")" -gt 0 ]; }
tells_a_secret() {
  inside sh -c 'docker ps --all --quiet | xargs docker inspect' >"$state/containers.json"
  [ -s "$state/containers.json" ] || return 0
  grep --quiet --fixed-strings --file <(words_of_secrets) "$state/containers.json"
}
words_of_secrets() { # what stands in any file of secrets/ and is long enough to be one
  grep --no-filename --invert-match '^#' "$shared"/deployment/secrets/* | grep --only-matching --extended-regexp '[[:alnum:]/+_.$=-]{20,}'
}

networks() {
  expect "the scheduler reaches S3" answers scheduler objects 8333
  for port in 9333 8888 8080 19333 18888 18080; do
    expect "port $port of the object store is closed to others" refuses answers scheduler objects "$port"
  done
  expect "S3 refuses who has no key" compose exec -T scheduler sh -c \
    'python -c "import urllib.request as r; r.urlopen(\"http://objects:8333/sentinela/\")" 2>&1 | grep "HTTP Error 403"'
  # By address, too: that a name is not known on another network keeps nobody out.
  expect "the scheduler reaches S3 by its address" answers scheduler "$(address_of objects)" 8333
  for service in api-server dag-processor triggerer; do
    for place in objects "$(address_of objects)"; do
      expect "$service cannot reach the object store, $place" refuses answers "$service" "$place" 8333
    done
  done
  expect "who dumps the database reaches PostgreSQL by its address" answers database-backup "$(address_of postgres)" 5432
  for place in postgres "$(address_of postgres)"; do
    expect "the reports' server cannot reach PostgreSQL, $place" refuses answers reports "$place" 5432
  done
  expect "no secret is in the environment or the command line of a container" refuses tells_a_secret
  for service in postgres objects reports scheduler api-server; do
    expect "$service is not root" runs_as_another "$service"
  done
}

all_known() { # wait until Airflow knows the DAGs
  for _ in $(seq 120); do [ "$(sql "select count(*) from dag" || echo 0)" -ge 6 ] && break; sleep 2; done
}
backfill() { # a week, with further words for Airflow
  compose exec -T scheduler airflow backfill create --dag-id daily_polarity --from-date $first --to-date $last \
    --max-active-runs 4 "$@" >"$state/backfill.log" 2>&1 || { tail -5 "$state/backfill.log"; return 1; }
}

runs() { # of the newest backfill: a state and how many have it, and so on; a day that is made again is another run
  sql "select state || ' ' || count(*) from dag_run where backfill_id = (select max(id) from backfill) group by state order by 1" | paste -sd' '
}
backfill_state() { case "$(runs 2>/dev/null || true)" in *queued* | *running* | '') echo runs ;; *failed*) echo failed ;; *) echo well ;; esac }
ended() { # what `$1` says when it no longer runs
  local deadline=$((SECONDS + 2400))
  while [ "$("$1")" = runs ] && [ $SECONDS -lt $deadline ]; do sleep 5; done
  "$1"
}
finished() { [ "$(ended backfill_state)" = well ] || { runs; return 1; }; }
running_tasks() { # that write to the lake or are about to
  sql "select count(*) from task_instance where state = 'running' and dag_id in ('daily_polarity', 'reprocess') and task_id <> 'preview'" 2>/dev/null || echo 0
}
while_running() { # wait until a task runs
  for _ in $(seq 300); do [ "$(running_tasks)" != 0 ] && return 0; sleep 1; done
  return 1
}
healthy_again() { # the service $1, which had been started again $2 times before it was killed
  local health restarts
  for _ in $(seq 180); do
    read -r health restarts < <(health_of "$1")
    [ "$health" = healthy ] && [ "$restarts" -gt "$2" ] && return 0
    sleep 1
  done
  return 1
}
kill_task() { kill_titled "airflow worker -- 0"; }
kill_worker() { kill_titled "airflow worker -- LocalExecutor: 0"; } # the one that watches over a task, which goes on alone
kill_titled() { # with SIGKILL, a process in the scheduler's container whose title begins with $1
  compose exec -T scheduler python - "$1" <<'PYTHON'
import psutil, random, sys, time
for _ in range(600):
    titled = [p for p in psutil.process_iter(["cmdline"]) if " ".join(p.info["cmdline"] or []).startswith(sys.argv[1])]
    if titled:
        chosen = random.choice(titled)
        chosen.kill()
        print("killed", chosen.info["cmdline"])
        sys.exit(0)
    time.sleep(0.1)
sys.exit(1)
PYTHON
}
kill_service() { # with SIGKILL from outside, as the machine's own killer does; an engine that is asked would not restart
  local process # a number among the engine's processes, not among the machine's
  process=$(pid_of "$1")
  [ "$process" -gt 1 ] && inside kill -9 "$process"
}

same_as() {
  compose exec -T scheduler python - "s3://sentinela/$1" "s3://sentinela/$2" <"$repository/scripts/compare_lakes.py" | tee /dev/stderr
}

disturb() {
  local restarts
  say "the same week, disturbed"
  lake_is disturbed
  persistently backfill --reprocess-behavior completed # Airflow may not have closed the other yet
  while_running
  expect "a task is killed" kill_task
  for service in scheduler postgres objects; do
    while_running
    sleep $((RANDOM % 7))
    say "killing $service: $(running_tasks) tasks run"
    read -r _ restarts < <(health_of $service)
    kill_service $service
    expect "$service is healthy again" healthy_again $service "$restarts"
  done
  expect "every run of the backfill succeeds" finished
  compose exec -T scheduler sentinela lake tidy >/dev/null 2>&1
  expect "the lake equals the undisturbed one" same_as undisturbed disturbed
}

# Many kills: rounds of a backfill into a new lake and of a reprocess over it, each struck until the number is reached.
strike() { # whatever $1 names, while a task runs
  while_running || return 0
  sleep $((RANDOM % 5))
  case $1 in task | worker) "kill_$1" ;; *) kill_service "$1" ;; esac >"$state/strike.log" 2>&1 || return 0
  struck=$((struck + 1)) of[$1]=$((${of[$1]:-0} + 1))
  say "kill $struck: $1"
}
strikes() { # at most $1 of them, the most frequent ones those that cost least to come back from, until `$2` ends well
  local victims=(task task worker scheduler task postgres task objects) upto=$((struck + $1))
  while [ $struck -lt "$upto" ] && [ "$("$2")" = runs ]; do strike "${victims[RANDOM % ${#victims[@]}]}"; done
}
reprocess_state() {
  case "$(sql "select state from dag_run where dag_id = 'reprocess' order by id desc limit 1" 2>/dev/null || true)" in
    success) echo well ;; failed) echo failed ;; *) echo runs ;;
  esac
}
reprocess() { # the week, also what is up to date
  compose exec -T scheduler airflow dags trigger reprocess --conf \
    "{\"from\": \"$first\", \"to\": \"$last\", \"reason\": \"a trial\", \"chunk_days\": 2, \"made_before\": \"$1\"}" >"$state/reprocess.log" 2>&1
}
persistently() { # the rest of the words, until they succeed: what they talk to may just have been killed
  for _ in $(seq 20); do "$@" && return 0; sleep 10; done
  return 1
}

kills() { # $1 of them
  local target=$1 round=0 again=0 moment
  declare -gA of=()
  struck=0 failures=0
  while [ $struck -lt "$target" ]; do
    round=$((round + 1))
    lake_is "kills-$round"
    persistently backfill --reprocess-behavior completed
    strikes $(((target - struck + 1) / 2 < 15 ? (target - struck + 1) / 2 : 15)) backfill_state
    while [ "$(ended backfill_state)" = failed ] && [ $again -lt "$target" ]; do
      again=$((again + 1))
      persistently backfill --reprocess-behavior failed
    done
    expect "round $round: every run of the backfill succeeds" test "$(backfill_state)" = well
    moment=$(date --utc +%Y-%m-%dT%H:%M:%SZ)
    persistently reprocess "$moment"
    strikes $((target - struck < 10 ? target - struck : 10)) reprocess_state
    while [ "$(ended reprocess_state)" = failed ] && [ $again -lt "$target" ]; do
      again=$((again + 1))
      persistently reprocess "$moment"
    done
    expect "round $round: the reprocess succeeds" test "$(reprocess_state)" = well
    expect "round $round, $struck kills so far: the lake equals the undisturbed one" same_as undisturbed "kills-$round"
    expect "round $round: a day's upkeep leaves nothing behind" nothing_left
  done
  for name in "${!of[@]}"; do say "$name: ${of[$name]} kills"; done
  say "$struck kills in $round rounds; $again runs were run again; $failures failures"
  [ "$failures" = 0 ]
}
nothing_left() { # of the lake, of spilled files, of uploads that were begun
  for _ in $(seq 120); do
    [ "$(sql "select count(*) from task_instance where state in ('scheduled', 'queued', 'running', 'up_for_retry')")" = 0 ] && break
    sleep 5
  done
  compose exec -T scheduler env -u SOURCE_DATE_EPOCH python - <"$trial/leftovers.py" && refuses begun_uploads
}
begun_uploads() {
  compose exec -T objects wget --quiet --header 'Accept: application/json' --output-document - \
    http://127.0.0.1:8888/buckets/sentinela/.uploads/ | grep FullPath
}

runbook() { # the commands that docker/README.md gives under the heading $1, for the folder of this trial
  awk -v heading="$1" '/^#+ / { there = ($0 ~ "^#+ " heading "$") } there && /^ *```$/ { code = 0 } there && code { print }
    there && /^ *```sh$/ { code = 1 }' "$repository/docker/README.md" | sed "s|/srv/sentinela|$shared/deployment|g; s/^ *//"
}
follow() { # them, one after the other, up to the first that fails; FEED POST_ID in them is $2
  say "runbook: $1"
  # In a shell of its own: one that is asked whether a function succeeds goes on after what fails there, even under -e.
  {
    declare -p state
    declare -f engine_pid inside compose
    # shellcheck disable=SC2016
    printf '%s\n' 'sentinela-compose() { compose "$@"; }' 'docker() { inside docker "$@"; }'
    runbook "$1" | sed "s|FEED POST_ID|${2:-}|" | grep . # fails where there are none
  } >"$state/runbook.sh" || return 1
  (cd "$repository" && bash -euo pipefail "$state/runbook.sh") </dev/null >"$state/runbook.log" 2>&1 || {
    cat "$state/runbook.log"
    return 1
  }
}

runbooks() {
  local witness=/var/lib/sentinela/scratch/witness
  expect "accounts" follow "Accounts and roles"
  expect "the reports now want a login" refuses says report.html http://127.0.0.1:8081/
  expect "who knows it gets in" says report.html "http://ana:a%20password@127.0.0.1:8081/"
  expect "a backup" follow "Back up"
  compose exec -T api-server airflow connections add sentinela_trial --conn-type generic --conn-password kept >/dev/null 2>&1
  for secret in "The password of an account" "Sessions and tokens" "The Fernet key" "The database's password" "The lake's key"; do
    expect "$secret" follow "$secret"
  done
  expect "the connection can still be read" sh -c "$(declare -f compose inside engine_pid); state=$state; \
    compose exec -T api-server airflow connections get sentinela_trial --output plain | grep -q kept"
  expect "the lake can still be read" same_as undisturbed disturbed
  expect "room on a full disk" follow "A disk is full"
  say "the lake is lost"
  compose stop scheduler upkeep >/dev/null 2>&1
  lake_is restored
  expect "the lake is restored" follow "A lost lake"
  expect "the restored lake equals the undisturbed one" same_as undisturbed restored
  lose_the_database "A lost database"
  inside docker tag "sentinela:$version" sentinela:0.1.1
  expect "an upgrade" follow "Upgrade"
  expect "what mounts files of ours is of the new version" says_version 0.1.1 database-backup reports
  expect "the way back" follow "The way back"
  lose_the_database "A lost database"
  expect "it is the former version again" says_version "$version" database-backup reports scheduler
  expect "the authors' key" follow "The key of the authors' pseudonyms" "$(a_post)"
  say "the machine is lost"
  lake_is undisturbed
  expect "a witness is kept" compose exec -T scheduler sentinela lake backup $witness
  lake_is restored
  expect "a backup" follow "Back up"
  compose down >/dev/null 2>&1
  inside docker volume rm sentinela_objects >/dev/null
  lose_the_database "A lost machine"
  lake_is undisturbed
  expect "the witness is back" compose exec -T scheduler sentinela lake restore $witness
  lake_is restored
  expect "the lake of the new machine equals it" same_as undisturbed restored
  expect "all is healthy" compose up --detach --wait --pull never
}
external() { # the object store, then PostgreSQL, too, is somebody else's: containers that the deployment knows nothing of
  local gateway witness=/var/lib/sentinela/scratch/witness
  say "the object store is somebody else's"
  lake_is undisturbed
  expect "a witness is kept" compose exec -T scheduler sentinela lake backup $witness
  rm -rf "$shared/elsewhere" && mkdir -p "$shared/elsewhere"
  printf '%s' elsewhere >"$shared/elsewhere/password"
  cp "$shared/deployment/secrets/objects_identities" "$shared/elsewhere/identities"
  not_elsewhere
  inside docker network create elsewhere >/dev/null
  inside docker run --detach --quiet --name elsewhere-objects --network elsewhere --publish 18333:8333 --user 1000:1000 \
    --volume /try/elsewhere:/elsewhere:ro --entrypoint weed trial-objects:4 server -dir=/data -ip=127.0.0.1 -ip.bind=127.0.0.1 \
    -master.volumeSizeLimitMB=1024 -master.telemetry=false -volume.max=0 -s3 -s3.ip.bind=0.0.0.0 -s3.port=8333 -s3.iam=false -s3.port.iceberg=0 \
    -s3.port.lance=0 -s3.config=/elsewhere/identities >/dev/null
  inside docker run --detach --quiet --name elsewhere-postgres --network elsewhere --publish 15432:5432 --user 999:999 \
    --tmpfs /var/run/postgresql:size=1m,mode=1777 --volume /try/elsewhere:/elsewhere:ro --env POSTGRES_USER=airflow \
    --env POSTGRES_DB=airflow --env POSTGRES_PASSWORD_FILE=/elsewhere/password --env POSTGRES_INITDB_ARGS=--auth-host=scram-sha-256 trial-postgres:17 >/dev/null
  gateway=$(inside docker network inspect elsewhere --format '{{(index .IPAM.Config 0).Gateway}}')
  compose down >/dev/null 2>&1
  sed -i 's/^COMPOSE_PROFILES=.*/COMPOSE_PROFILES=postgres/' "$shared/deployment/env"
  printf '%s\n' CLOSED_LAKE=false "LAKE_ENDPOINT=http://$gateway:18333" >>"$shared/deployment/env"
  expect "up with somebody else's object store" compose up --detach --wait --pull never
  expect "no object store of ours runs" refuses inside docker inspect sentinela-objects-1
  expect "the network of the database stays closed" test "$(inside docker network inspect sentinela_database --format '{{.Internal}}')" = true
  expect "the witness is brought there" compose exec -T scheduler sentinela lake restore $witness

  say "PostgreSQL, too, is somebody else's"
  compose down >/dev/null 2>&1
  sed -i 's/^COMPOSE_PROFILES=.*/COMPOSE_PROFILES=/' "$shared/deployment/env"
  echo CLOSED_DATABASE=false >>"$shared/deployment/env"
  rm -f "$shared/deployment/secrets/database_url"
  printf 'postgresql+psycopg2://airflow:elsewhere@%s:15432/airflow' "$gateway" >"$shared/deployment/secrets/database_url"
  chmod 444 "$shared/deployment/secrets/database_url"
  rm -f "$shared"/deployment/backups/database/done "$shared"/deployment/backups/database/failed
  lake_is external
  expect "up with somebody else's PostgreSQL" compose up --detach --wait --pull never
  expect "no PostgreSQL of ours runs" refuses inside docker inspect sentinela-postgres-1
  sql() { inside docker exec elsewhere-postgres psql --username=airflow --host=/var/run/postgresql --dbname=airflow -Atc "$1"; }
  all_known
  expect "all DAGs may run" follow "The first runs"
  expect "the backfill begins" persistently backfill
  expect "every run of the backfill succeeds" finished
  expect "the lake elsewhere equals the undisturbed one" same_as undisturbed external
  compose down >/dev/null 2>&1
  not_elsewhere
}
not_elsewhere() { inside docker rm --force elsewhere-objects elsewhere-postgres >/dev/null 2>&1; inside docker network rm elsewhere >/dev/null 2>&1 || true; }
lose_the_database() { # and follow $1, after which it has the runs that it had
  local before newest
  compose up --detach --wait --pull never postgres database-backup >/dev/null 2>&1
  compose stop scheduler >/dev/null 2>&1
  newest=$(sql "select max(id) from dag_run")
  before=$(runs_until "$newest")
  expect "a dump" compose exec -T database-backup sh /opt/back_up_database.sh
  compose rm --stop --force postgres >/dev/null 2>&1
  [ "$1" = "A lost database" ] || { compose down && inside docker volume rm sentinela_postgres; } >/dev/null 2>&1
  expect "the database is restored" follow "$1"
  expect "it holds the runs that it held, $before" test "$(runs_until "$newest")" = "$before"
}
runs_until() { sql "select count(*) || ' ' || md5(string_agg(run_id, ',' order by id)) from dag_run where id <= $1"; }
says_version() { # $1 says each service of the other words
  local service
  for service in "${@:2}"; do
    inside docker inspect --format '{{json .Config.Labels}} {{.Config.Image}}' "sentinela-$service-1" | grep -q -E "(version\":\"|sentinela:)$1" || return 1
  done
}
a_post() { # a feed and the id of one of its posts, of those whose link is sealed if there are any
  compose exec -T scheduler python - <<'PYTHON'
from jobs.ingest.people import SEALED
from jobs.lake.query import View
from jobs.lake.table import Lake
from jobs.settings import load

with View(Lake(load().lake)).query() as query:
    query.read("raw_posts")
    posts = query.rows(f"""SELECT feed, post_id FROM raw_posts WHERE url IS NOT NULL OR contains(payload, '"{SEALED}"')
        ORDER BY contains(payload, '"{SEALED}"') DESC, post_id LIMIT 1""")
    print(*posts[0].values())
PYTHON
}

undisturbed() {
  local began
  all_known
  expect "all DAGs may run" follow "The first runs"
  expect "none is paused" test "$(sql "select count(*) from dag where is_paused")" = 0
  say "a week's backfill, undisturbed"
  began=$SECONDS
  backfill --reprocess-behavior completed # there are some where this was tried before
  expect "every run of the backfill succeeds" finished
  say "the backfill took $((SECONDS - began)) s"
}
check() {
  failures=0
  networks
  expect "before the first report there is a page" says 'There is no report yet' http://127.0.0.1:8081/
  undisturbed
  expect "the index of reports is served" persistently says report.html http://127.0.0.1:8081/
  disturb
  runbooks
  external
  say "$failures failures"
  [ "$failures" = 0 ]
}

down() {
  if engine_pid >/dev/null; then
    not_elsewhere
    compose --profile '*' down --volumes --timeout 10 || true # also of what is somebody else's by now
    kill "$(engine_pid)"
  fi
  rm -f "$state/engine.pid"
  rm -rf "$shared/deployment"
}

build() {
  mkdir -p "$shared" "$state/made"
  step packages packages
  step base-image base_image
  step image image
  step engine-tree engine_tree
  step stand-in-tree stand_in_tree
}

[ "$(id -u)" = 0 ] || { echo "it makes namespaces and mounts: run it as root" >&2; exit 2; }
main() {
  case "$1" in
    build) build ;;
    up) build; start_engine; step loaded load_images; deployment undisturbed; up ;;
    check) check ;;
    external) failures=0; undisturbed; external; say "$failures failures"; [ "$failures" = 0 ] ;;
    kills) kills "${2:?say how many}" ;;
    down) down ;;
    all) build; down; start_engine; step loaded load_images; deployment undisturbed; up; check; down ;;
    *) echo "say all, build, up, check, external, kills or down" >&2; exit 2 ;;
  esac
}
main "${@:-all}"
exit
