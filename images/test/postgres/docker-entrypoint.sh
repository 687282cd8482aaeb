#!/bin/sh
# The part of the upstream image's contract that the chart uses: POSTGRES_PASSWORD_FILE, PGDATA and the scripts in
# /docker-entrypoint-initdb.d, which are run once, against a server that nobody can reach yet.
set -eu
# the server wants a name for its number, and a cluster gives any number
if ! getent passwd "$(id -u)" >/dev/null; then
  echo "postgres:x:$(id -u):$(id -g)::/tmp:/bin/false" > /tmp/passwd
  echo "postgres:x:$(id -g):" > /tmp/group
  export LD_PRELOAD=libnss_wrapper.so NSS_WRAPPER_PASSWD=/tmp/passwd NSS_WRAPPER_GROUP=/tmp/group
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA" && chmod 700 "$PGDATA"
  initdb --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" --auth-host=scram-sha-256 --auth-local=trust \
    --encoding=UTF8 --locale=C.UTF-8 >/dev/null
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  pg_ctl --wait --silent -o "-c listen_addresses=''" start
  for script in /docker-entrypoint-initdb.d/*; do
    case $script in
      *.sh) sh "$script" ;;
      *.sql) psql --no-psqlrc -v ON_ERROR_STOP=1 --username postgres --file "$script" ;;
    esac
  done
  pg_ctl --wait --silent --mode fast stop
fi
exec tini -- "$@" -c listen_addresses='*'
