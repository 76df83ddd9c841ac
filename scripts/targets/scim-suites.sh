#!/usr/bin/env bash
# Public suites for SCIM servers: scim2-tester, scim-sanity, and scim2-server's
# storage contract over HTTP. No process stays: each suite is a script, run as
#
#   BASE_URL=... TOKEN=... $PYTHON $SUITES/tester.py
#
# and ends with one line of JSON: how many passed, and the names of what failed or
# was skipped. They create and delete Users and Groups; the contract deletes all.
source "$(dirname "$(readlink -f "$0")")/lib.sh"

target_prepare() { install_venv; }

target_create() {
  require_venv
  put_env PYTHON "$(venv_path)/bin/python"
  put_env SUITES "$HERE/$NAME"
}

target_launch() { :; }

target_ready() { [ -x "$(get_env PYTHON)" ]; }

target_version() {
  echo "scim2-tester $(pinned_version scim2-tester), scim-sanity $(pinned_version scim-sanity)," \
    "contract of scim2-server $(pinned_version scim2-server)"
}

run_target "$@"
