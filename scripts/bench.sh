#!/usr/bin/env bash
# Measures Drawbridge beside its peers and writes docs/benchmarks.md. Run it on a quiet machine.
#
#   scripts/bench.sh             about half an hour, most of it for the list of a million people
#   scripts/bench.sh --quick     one short round of everything, to see that it works
#   scripts/bench.sh --help      what can be chosen
#
# SCIMMY needs node and npm (Debian: apt-get install nodejs npm); without them it is left out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo build --release --locked --package drawbridge --package drawbridge-bench

peer=benches/peers/scimmy
if ! command -v npm >/dev/null; then
  echo "SCIMMY is left out: install node and npm (Debian: apt-get install nodejs npm)" >&2
elif [ ! -e "$peer/node_modules/better-sqlite3/build/Release/better_sqlite3.node" ]; then
  # Debian's node brings its headers, for when there is no built module to download.
  if [ -d /usr/include/node ]; then export npm_config_nodedir=/usr; fi
  (cd "$peer" && npm install --no-audit --no-fund --no-package-lock) >&2
fi

target=${CARGO_TARGET_DIR:-target}/release
exec "$target/drawbridge-bench" run --drawbridge "$target/drawbridge" "$@"
