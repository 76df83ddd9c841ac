#!/usr/bin/env bash
# Any SaaS that speaks SCIM 2.0: the scim2-server package. It has no login of its
# own, so only what it stores can be read back.
source "$(dirname "$(readlink -f "$0")")/lib.sh"

TOKEN=scim2-server-Token1

target_prepare() { install_venv; }

target_create() {
  require_venv
  local port
  port=$(free_port)
  put_env BASE_URL "http://127.0.0.1:$port/v2"
  put_env PORT "$port"
  put_env TOKEN "$TOKEN"
  put_env PID_FILE "$DIR/run/scim2-server.pid"
}

target_launch() {
  daemon scim2-server "$(venv_path)/bin/python" "$HERE/scim2-server.py" "$DIR/resources.json" \
    --port "$(get_env PORT)" --bearer-token "$TOKEN"
}

target_ready() { port_answers "$(get_env PORT)"; }

target_version() { echo "scim2-server $(pinned_version scim2-server)"; }

run_target "$@"
