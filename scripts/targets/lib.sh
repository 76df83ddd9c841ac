# shellcheck shell=bash
# What the scripts in this folder share. Each of them installs and runs one real
# system for the tests, on loopback only, and is sourced on top of this file:
#
#   TARGET_PACKAGES=(...)   Debian packages it needs
#   TARGET_NEEDS_ROOT=yes   if it cannot run as an ordinary user    (optional)
#   target_prepare          slow work done once, kept in the cache    (optional)
#   target_create           fresh state in $DIR, facts by `put_env`
#   target_launch           starts its processes with `daemon`
#   target_ready            true once a client can really use it
#   target_halt             asks it to stop in its own way            (optional)
#   target_version          one line for the test summary
#
# and ends with `run_target "$@"`, which gives every one the same commands:
#
#   install      packages, virtual environments and templates; does nothing twice
#   start DIR    a fresh instance in DIR, or the one that DIR already holds with
#                the same ports and state; returns when it is ready; DIR/env then
#                holds KEY=VALUE lines
#   stop DIR     stops all its processes and keeps its state
#   remove DIR   stops it and deletes DIR
#   version      prints what runs
#
# Exit codes: 1 it failed, 2 usage, 3 not installed or not allowed to install.

set -euo pipefail

SCRIPT=$(readlink -f "$0")
HERE=$(dirname "$SCRIPT")
NAME=$(basename "$SCRIPT" .sh)
CACHE=${DRAWBRIDGE_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/drawbridge-tests}
READY_SECONDS=90
TARGET_PACKAGES=()
TARGET_NEEDS_ROOT=no
DIR=""

say() { printf '%s: %s\n' "$NAME" "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# --- rights ------------------------------------------------------------------

can_be_root() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    say "needs root for: $* (run as root, or allow sudo without a password)"
    exit 3
  fi
}

# The same for `daemon`, which starts programs and not functions.
# shellcheck disable=SC2034
if [ "$(id -u)" = 0 ]; then SUDO=(); else SUDO=(sudo -n); fi

require_rights() {
  [ "$TARGET_NEEDS_ROOT" = no ] || can_be_root || {
    say "runs only as root, or with sudo that asks for no password"
    exit 3
  }
}

# Runs a command as a system user, for servers that refuse to run as root.
as_user() {
  local user=$1
  shift
  if [ "$(id -un)" = "$user" ]; then "$@"; else as_root runuser -u "$user" -- "$@"; fi
}

# --- install -----------------------------------------------------------------

is_installed() {
  local status
  status=$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) || return 1
  [ "$status" = "install ok installed" ]
}

missing_packages() {
  local package
  for package in "$@"; do
    is_installed "$package" || printf '%s\n' "$package"
  done
}

package_version() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null || echo "not installed"; }

# Debian starts a daemon as soon as its package is installed, on every address
# of the machine. A policy-rc.d that says no holds for the whole install.
apt_without_daemons() {
  local policy=/usr/sbin/policy-rc.d ours=no
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    ours=yes
  fi
  local failed=0
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=900 \
    install -y -q --no-install-recommends "$@" || failed=1
  [ "$ours" = no ] || as_root rm -f "$policy"
  return "$failed"
}

# `update` does not wait for its lock by itself.
apt_update() {
  local try
  for try in 1 2 3 4 5; do
    as_root apt-get -q -o DPkg::Lock::Timeout=900 update && return 0
    say "apt-get update failed, try $try of 5"
    sleep 3
  done
  return 1
}

# Runs a command while nobody else does under the same name; $1 says what for.
# `set -e` does not hold inside `command || other`, so the code is taken apart.
alone() {
  local purpose=$1 lock="$CACHE/$2.lock" code
  shift 2
  mkdir -p "$CACHE"
  set +e
  (
    set -e
    flock 9
    "$@"
  ) 9>"$lock" >&2
  code=$?
  set -e
  [ "$code" != 0 ] || return 0
  [ "$code" = 3 ] || say "could not $purpose"
  exit "$code"
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  command -v apt-get >/dev/null || { say "needs Debian's packages: ${missing[*]}"; exit 3; }
  can_be_root || { say "needs root or sudo to install: ${missing[*]}"; exit 3; }
  say "installs ${missing[*]}"
  alone "install ${missing[*]}" apt install_missing "${missing[@]}"
}

install_missing() {
  apt_update
  # The second try is for a concurrent dpkg of somebody else, seen once.
  apt_without_daemons "$@" || apt_without_daemons "$@"
}

# Builds CACHE/$1 with the given command, whose last argument is an empty folder.
template() {
  [ -d "$CACHE/$1" ] || alone "prepare $1" "$1" build_template "$@"
}

# A half-made template is never seen: it is renamed when it is whole.
build_template() {
  local key=$1 building
  shift
  [ ! -d "$CACHE/$key" ] || return 0
  say "prepares $key, once"
  building=$(mktemp -d "$CACHE/.building-XXXXXX")
  # shellcheck disable=SC2064
  trap "rm -rf '$building'" EXIT
  "$@" "$building"
  mv -T "$building" "$CACHE/$key"
}

python_tag() { python3 -c 'import sys; print("py%d.%d" % sys.version_info[:2])'; }

# Path of this target's virtual environment: one per set of pinned packages.
venv_path() {
  local pins
  pins=$(sha256sum <"$HERE/$NAME.requirements.txt")
  printf '%s/venv-%s-%s-%s\n' "$CACHE" "$NAME" "$(python_tag)" "${pins:0:12}"
}

# Installs NAME.requirements.txt, which names every package with its version, so
# that a new release of some dependency changes no test. Scripts inside a virtual
# environment hold its path: it is built in place, and a stamp says it is whole.
install_venv() {
  local venv
  python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3 python3-venv
  venv=$(venv_path)
  [ -e "$venv/complete" ] || alone "install the Python packages" "$(basename "$venv")" build_venv "$venv"
}

build_venv() {
  [ ! -e "$1/complete" ] || return 0
  say "installs Python packages, once"
  rm -rf "$1"
  python3 -m venv "$1"
  "$1/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    --requirement "$HERE/$NAME.requirements.txt"
  touch "$1/complete"
}

pinned_version() { sed -n "s/^$1==//p" "$HERE/$NAME.requirements.txt"; }

require_venv() {
  [ -e "$(venv_path)/complete" ] || not_installed
}

require_template() {
  [ -d "$CACHE/$1" ] || not_installed
}

not_installed() {
  say "is not installed; run: scripts/targets/$NAME.sh install"
  exit 3
}

# --- facts of an instance ----------------------------------------------------

put_env() { printf '%s=%s\n' "$1" "$2" >>"$DIR/env.new"; }

# Reads one fact back, while creating or later.
get_env() {
  local file="$DIR/env"
  [ -e "$file" ] || file="$DIR/env.new"
  sed -n "s/^$1=//p" "$file" | head -n 1
}

# Takes a name (a port, an address) for DIR among all instances of this cache.
# A claim ends with its folder, so nothing has to be given back.
claim() {
  local file="$CACHE/claims/$1" holder
  mkdir -p "$CACHE/claims"
  (
    flock 9
    holder=$(cat "$file" 2>/dev/null || true)
    if [ -n "$holder" ] && [ -d "$holder" ]; then exit 1; fi
    printf '%s\n' "$DIR" >"$file"
  ) 9>"$CACHE/claims.lock"
}

port_is_used() {
  grep -qi "$(printf ':%04X ' "$1")" /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 2>/dev/null
}

# Prints a free port below the range the kernel gives to outgoing connections:
# an instance that is stopped for a while must find its port free again.
free_port() {
  local port
  for _ in $(seq 500); do
    port=$((20000 + RANDOM % 12000))
    ! port_is_used "$port" || continue
    claim "port-$port" || continue
    echo "$port"
    return 0
  done
  die "found no free port"
}

# Makes a CA and a server certificate for localhost and the address $1 in
# DIR/tls. Clients built on webpki want a subject alternative name, and a server
# certificate that is not itself a CA.
make_certificate() {
  local address=$1 tls="$DIR/tls"
  mkdir -p "$tls"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
    -subj "/CN=Drawbridge test CA" -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -keyout "$tls/ca.key" -out "$tls/ca.pem" 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" \
    -keyout "$tls/key.pem" -out "$tls/request.pem" 2>/dev/null
  printf '%s\n' "basicConstraints=CA:FALSE" "keyUsage=critical,digitalSignature" \
    "extendedKeyUsage=serverAuth" "subjectAltName=DNS:localhost,IP:$address" >"$tls/extensions"
  openssl x509 -req -in "$tls/request.pem" -CA "$tls/ca.pem" -CAkey "$tls/ca.key" -CAcreateserial \
    -days 3650 -extfile "$tls/extensions" -out "$tls/cert.pem" 2>/dev/null
  chmod 600 "$tls/key.pem" "$tls/ca.key"
  put_env CA_FILE "$tls/ca.pem"
}

# --- processes ---------------------------------------------------------------

# Starts a server in a session of its own, so that it outlives this script and
# everything it forks can be found again.
daemon() {
  local service=$1
  shift
  setsid nohup "$@" >>"$DIR/log/$service.log" 2>&1 </dev/null &
  echo "$!" >"$DIR/run/$service.pid"
}

# Sets STATE and SESSION of a process, without starting one: stopping looks at
# every process of the machine. The second field of stat may hold spaces; it ends
# with the last bracket.
look_at() {
  local stat=""
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || true
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  STATE=${1:-gone}
  SESSION=${4:-}
}

# A process that ended stays visible as a zombie (Z) until its parent has looked.
is_live() {
  look_at "$1"
  [ "$STATE" != Z ] && [ "$STATE" != gone ]
}

processes_of_session() {
  local path pid
  for path in /proc/[0-9]*; do
    pid=${path#/proc/}
    if is_live "$pid" && [ "$SESSION" = "$1" ]; then echo "$pid"; fi
  done
}

our_processes() {
  local file
  for file in "$DIR"/run/*.pid; do
    [ -e "$file" ] || continue
    processes_of_session "$(cat "$file")"
  done
}

signal() {
  local name=$1
  shift
  kill "-$name" "$@" 2>/dev/null || as_root kill "-$name" "$@" 2>/dev/null || true
}

signal_all() {
  local pids
  mapfile -t pids < <(our_processes)
  [ "${#pids[@]}" = 0 ] || signal "$1" "${pids[@]}"
}

all_daemons_live() {
  local file
  for file in "$DIR"/run/*.pid; do
    [ ! -e "$file" ] || is_live "$(cat "$file")" || return 1
  done
}

# Waits up to $1 seconds until no process of ours is left.
wait_for_end() {
  local until=$((SECONDS + $1))
  while [ -n "$(our_processes)" ]; do
    [ "$SECONDS" -lt "$until" ] || return 1
    sleep 0.05
  done
}

# The first process of each session is asked to stop its own children, then all
# of them; whatever still does not go is killed.
stop_daemons() {
  local file pids
  for file in "$DIR"/run/*.pid; do
    [ ! -e "$file" ] || ! is_live "$(cat "$file")" || signal TERM "$(cat "$file")"
  done
  wait_for_end 3 || signal_all TERM
  wait_for_end 10 || signal_all KILL
  wait_for_end 10 || die "could not be stopped: $(our_processes | tr '\n' ' ')"
  rm -f "$DIR"/run/*.pid
}

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

show_logs() {
  local log
  for log in "$DIR"/log/*; do
    [ -s "$log" ] || continue
    printf -- '--- last lines of %s\n' "$log" >&2
    tail -n 30 "$log" >&2
  done
}

wait_until_ready() {
  local until=$((SECONDS + READY_SECONDS))
  until target_ready; do
    if ! all_daemons_live; then
      show_logs
      stop_daemons
      die "ended while it started"
    fi
    if [ "$SECONDS" -ge "$until" ]; then
      show_logs
      stop_daemons
      die "was not ready after $READY_SECONDS seconds"
    fi
    sleep 0.1
  done
}

# A test run that is killed cannot tidy up; an instance then ends with it.
follow_owner() {
  local owner=${DRAWBRIDGE_OWNER_PID:-}
  [ -n "$owner" ] || return 0
  # shellcheck disable=SC2016
  setsid nohup bash -c 'tail --pid="$1" -f /dev/null; exec "$2" remove "$3"' \
    follow-owner "$owner" "$SCRIPT" "$DIR" >/dev/null 2>&1 </dev/null &
}

# The test summary says what was really started, and by which package.
record_start() {
  [ -z "${DRAWBRIDGE_STARTS_LOG:-}" ] || echo "$NAME ${CARGO_PKG_NAME:-?}" >>"$DRAWBRIDGE_STARTS_LOG"
}

# --- commands ----------------------------------------------------------------

target_prepare() { :; }
target_halt() { :; }

use_dir() {
  [ -n "${1:-}" ] || usage
  DIR=$(readlink -m "$1")
}

start_target() {
  require_rights
  if [ ! -e "$DIR/env" ]; then
    mkdir -p "$DIR/log" "$DIR/run"
    # Servers that drop root must be able to reach their own files.
    chmod 755 "$DIR"
    rm -f "$DIR/env.new"
    target_create
    put_env LOG_DIR "$DIR/log"
    mv "$DIR/env.new" "$DIR/env"
  fi
  [ -z "$(our_processes)" ] || die "already runs in $DIR"
  rm -f "$DIR"/run/*.pid
  target_launch
  wait_until_ready
  follow_owner
  record_start
}

stop_target() {
  [ -d "$DIR/run" ] || return 0
  target_halt
  stop_daemons
}

remove_target() {
  # Only a folder that `start` made: a slip in DIR must not cost anybody's files.
  [ -d "$DIR/run" ] && [ -d "$DIR/log" ] || return 0
  stop_target
  rm -rf "$DIR" 2>/dev/null || as_root rm -rf "$DIR"
}

usage() {
  printf 'usage: %s install | start DIR | stop DIR | remove DIR | version\n' "$0" >&2
  exit 2
}

run_target() {
  case "${1:-}" in
    install)
      require_rights
      install_packages "${TARGET_PACKAGES[@]}"
      target_prepare
      ;;
    start)
      use_dir "${2:-}"
      start_target
      ;;
    stop)
      use_dir "${2:-}"
      stop_target
      ;;
    remove)
      use_dir "${2:-}"
      remove_target
      ;;
    version) target_version ;;
    *) usage ;;
  esac
}
