#!/usr/bin/env bash
# PostgreSQL: a cluster of its own from Debian's package, never the system's.
#
# The super user of the cluster is `drawbridge`, on loopback without a password.
# It sorts text as English does, like most clusters in practice, so that a query
# which forgets its collation shows. Nothing is synced to disk: tests stop the
# server, they do not pull its plug.
source "$(dirname "$(readlink -f "$0")")/lib.sh"

TARGET_PACKAGES=(postgresql-15)
BIN=/usr/lib/postgresql/15/bin

# The server refuses to run as root.
owner() { if [ "$(id -u)" = 0 ]; then echo postgres; else id -un; fi; }

target_create() {
  [ -x "$BIN/initdb" ] || not_installed
  local port
  port=$(free_port)
  put_env POSTGRES_URL "postgres://drawbridge@127.0.0.1:$port/drawbridge"
  put_env PORT "$port"
  put_env PID_FILE "$DIR/run/postgres.pid"
  mkdir -m 700 "$DIR/cluster"
  chown "$(owner)" "$DIR/cluster"
  (cd / && as_user "$(owner)" "$BIN/initdb" -D "$DIR/cluster" -U drawbridge -A trust -E UTF8 \
    --locale=C.UTF-8 --locale-provider=icu --icu-locale=en-US --no-sync) >"$DIR/log/initdb.log" 2>&1 || {
    show_logs
    die "could not make a cluster"
  }
  cat >>"$DIR/cluster/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 200
fsync = off
synchronous_commit = off
full_page_writes = off
CONF
}

target_launch() {
  cd /
  if [ "$(id -u)" = 0 ]; then
    daemon postgres setpriv --reuid=postgres --regid=postgres --init-groups "$BIN/postgres" -D "$DIR/cluster"
  else
    daemon postgres "$BIN/postgres" -D "$DIR/cluster"
  fi
}

query() { "$BIN/psql" -X -q -h 127.0.0.1 -p "$(get_env PORT)" -U drawbridge -d "$1" -c "$2" 2>&1; }

# The database is made at the first start; later starts find it.
target_ready() {
  query drawbridge 'SELECT 1' >/dev/null || query postgres 'CREATE DATABASE drawbridge' >/dev/null
}

# SIGTERM would wait for every client to leave; SIGINT cuts them off.
target_halt() {
  local file="$DIR/run/postgres.pid"
  [ ! -e "$file" ] || signal INT "$(cat "$file")"
}

target_version() { echo "PostgreSQL $(package_version postgresql-15)"; }

run_target "$@"
