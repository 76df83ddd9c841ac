#!/usr/bin/env bash
# Canaille, an identity provider, in two roles:
#
# - as a SCIM server with logins: BASE_URL and TOKEN; its web login is at URL/login;
# - as the identity provider that pushes SCIM to the bridge: start it with
#   PUSH_URL=http://127.0.0.1:PORT/scim/v2 and PUSH_TOKEN=... in the environment.
#   Every change made with its command line is then pushed at once, by that very
#   command:
#
#     CANAILLE_CONFIG=... $CANAILLE_BIN create user --user-name nina ...
#
# An event that the bridge does not take is dropped, never sent again. As a server
# it refuses e-mail addresses in reserved domains (practice.test; example.org is
# taken), a user without name.formatted, and `primary` in an e-mail.
source "$(dirname "$(readlink -f "$0")")/lib.sh"

TOKEN=canaille-Token1

template_key() {
  local venv
  venv=$(basename "$(venv_path)")
  echo "database-${venv#venv-}"
}

# $1 folder, $2 port, $3 true if it pushes.
write_config() {
  cat >"$1/canaille.toml" <<CONF
SECRET_KEY = "canaille-test-secret"
SERVER_NAME = "127.0.0.1:$2"
PREFERRED_URL_SCHEME = "http"
[CANAILLE]
DATABASE = "sql"
[CANAILLE_SQL]
DATABASE_URI = "sqlite:///$1/canaille.sqlite"
[CANAILLE_SCIM]
ENABLE_SERVER = true
ENABLE_CLIENT = $3
[CANAILLE_OIDC]
TRUSTED_DOMAINS = ["127.0.0.1"]
CONF
}

canaille() {
  local folder=$1
  shift
  (cd "$folder" && CANAILLE_CONFIG="$folder/canaille.toml" "$(venv_path)/bin/canaille" "$@")
}

# A client with a token that does not expire. A client without a person behind
# its token may do everything over SCIM.
add_client() {
  local folder=$1 name=$2 uri=$3 token=$4
  canaille "$folder" create client --client-name "$name" --client-id "$name" --client-uri "$uri"
  canaille "$folder" create token --token-id "$name-token" --access-token "$token" --client "$name" \
    --scope openid --lifetime 315360000 --issue-date "$(date -u +%Y-%m-%dT00:00:00+00:00)"
}

make_database() {
  write_config "$1" 1 false
  canaille "$1" install
  add_client "$1" tests https://tests.example "$TOKEN"
}

target_prepare() {
  install_venv
  template "$(template_key)" make_database
}

target_create() {
  require_venv
  require_template "$(template_key)"
  local port pushes=false
  port=$(free_port)
  [ -z "${PUSH_URL:-}" ] || pushes=true
  put_env URL "http://127.0.0.1:$port"
  put_env PORT "$port"
  put_env BASE_URL "http://127.0.0.1:$port/scim/v2"
  put_env TOKEN "$TOKEN"
  put_env CANAILLE_BIN "$(venv_path)/bin/canaille"
  put_env CANAILLE_CONFIG "$DIR/canaille.toml"
  put_env PID_FILE "$DIR/run/canaille.pid"
  cp "$CACHE/$(template_key)/canaille.sqlite" "$DIR/canaille.sqlite"
  write_config "$DIR" "$port" "$pushes"
  # Before the first push: without a token of its own it would mint one.
  if [ "$pushes" = true ]; then
    add_client "$DIR" bridge "$PUSH_URL" "${PUSH_TOKEN:?PUSH_URL needs PUSH_TOKEN}" >"$DIR/log/client.log" 2>&1 || {
      show_logs
      die "could not register the bridge"
    }
    put_env PUSH_URL "$PUSH_URL"
  fi
}

target_launch() {
  cd "$DIR"
  CANAILLE_CONFIG="$DIR/canaille.toml" daemon canaille "$(venv_path)/bin/canaille" run \
    --bind "127.0.0.1:$(get_env PORT)"
}

target_ready() { port_answers "$(get_env PORT)"; }

# Its two roles are two lines in the summary.
record_start() {
  [ -n "${DRAWBRIDGE_STARTS_LOG:-}" ] || return 0
  local role=server
  [ -z "$(get_env PUSH_URL)" ] || role=push
  echo "canaille-$role ${CARGO_PKG_NAME:-?}" >>"$DRAWBRIDGE_STARTS_LOG"
}

target_version() { echo "Canaille $(pinned_version Canaille)"; }

run_target "$@"
