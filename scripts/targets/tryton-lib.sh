# shellcheck shell=bash
# What gnuhealth.sh and tryton.sh share: both are a Tryton server over SQLite and
# speak its JSON-RPC. They set:
#
#   DATABASE           name of the database, also the path of the API
#   MODULES            modules to switch on
#
# Making the database takes minutes, so each instance copies a prepared one.
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ADMIN_PASSWORD=tryton-Admin-Pw1

template_key() {
  local venv
  venv=$(basename "$(venv_path)")
  printf 'database-%s-%s\n' "${venv#venv-}" "$(IFS=- && echo "${MODULES[*]}")"
}

write_config() {
  cat >"$1/trytond.conf" <<CONF
[database]
uri = sqlite://
path = $1/db
[web]
listen = 127.0.0.1:$2
# The tests cause many refused logins on purpose.
[session]
max_attempt = 1000
max_attempt_ip_network = 1000
CONF
}

make_database() {
  mkdir "$1/db"
  # Tryton fills an SQLite file that exists, and refuses to make one.
  touch "$1/db/$DATABASE.sqlite"
  write_config "$1" 0
  echo "$ADMIN_PASSWORD" >"$1/password"
  TRYTONPASSFILE="$1/password" "$(venv_path)/bin/trytond-admin" -c "$1/trytond.conf" -d "$DATABASE" \
    -u "${MODULES[@]}" --activate-dependencies --email admin@example.org </dev/null
}

target_prepare() {
  install_venv
  template "$(template_key)" make_database
}

target_create() {
  require_venv
  require_template "$(template_key)"
  local port
  port=$(free_port)
  put_env URL "http://127.0.0.1:$port"
  put_env PORT "$port"
  put_env DATABASE "$DATABASE"
  put_env ADMIN_LOGIN admin
  put_env ADMIN_PASSWORD "$ADMIN_PASSWORD"
  put_env DATABASE_FILE "$DIR/db/$DATABASE.sqlite"
  put_env PID_FILE "$DIR/run/trytond.pid"
  cp -r "$CACHE/$(template_key)/db" "$DIR/db"
  write_config "$DIR" "$port"
}

target_launch() {
  daemon trytond "$(venv_path)/bin/trytond" -c "$DIR/trytond.conf" -d "$DATABASE"
}

# The port opens before the modules are loaded; the first answer is the proof.
target_ready() {
  python3 - "$(get_env URL)/$DATABASE/" "$ADMIN_PASSWORD" <<'PYTHON' 2>/dev/null
import json, sys, urllib.request
ask = {"id": 1, "method": "common.db.login", "params": ["admin", {"password": sys.argv[2]}, "en"]}
request = urllib.request.Request(sys.argv[1], json.dumps(ask).encode(), {"Content-Type": "application/json"})
with urllib.request.urlopen(request, timeout=30) as answer:
    sys.exit(0 if json.load(answer).get("result") else 1)
PYTHON
}
