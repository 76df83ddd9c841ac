#!/usr/bin/env bash
# Kills the bridge again and again, and looks at what is left. `scripts/crash.sh --help` says how.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."

case "${1:-1000}" in
  -h | --help)
    cat <<'HELP'
usage: scripts/crash.sh [KILLS]

Kills the bridge KILLS times (default: 1000) over SQLite, and a third as often one of
two bridges over one PostgreSQL, at each of its named points and while a system is in
the middle of answering it. Then checks from the database, the systems' journals and
the logs that nothing was lost, done twice, or called shut while it was open. Plays the
outage of one of eight systems too. Takes about a quarter of an hour.

PostgreSQL comes from `scripts/targets/postgres.sh install`; without it that part is
left out.
HELP
    exit 0
    ;;
esac

features=()
if scripts/targets/postgres.sh version >/dev/null 2>&1; then
  features=(--features real-systems)
else
  echo "PostgreSQL is left out: run scripts/targets/postgres.sh install first" >&2
fi
DRAWBRIDGE_KILLS=${1:-1000} cargo test --locked -p drawbridge --test it "${features[@]}" crash:: -- --nocapture
