#!/usr/bin/env bash
# Passes every check and every test, from a clean machine that has Rust.
# `scripts/test.sh --help` says how.
set -uo pipefail

cd "$(dirname "$(readlink -f "$0")")/.." || exit 1

# A test holds both ends of a thousand connections.
ulimit -Sn "$(ulimit -Hn)" 2>/dev/null || true

CACHE=${DRAWBRIDGE_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/drawbridge-tests}
export DRAWBRIDGE_TEST_CACHE=$CACHE
CARGO_DENY_VERSION=0.20.2
TARGETS=(openldap samba dovecot freeradius scim2-server tryton gnuhealth canaille postgres scim-suites chromium)

QUICK=no
WORK=$(mktemp -d "${TMPDIR:-/tmp}/drawbridge-test.XXXXXX")
INSTALLER=""
SUMMARY=()
LEFT_OUT=()
FAILED=no

usage() {
  cat <<'HELP'
usage: scripts/test.sh [--quick]

Without arguments: installs the real systems (Debian packages, Python packages),
then checks formatting, lints, dependencies and documentation, runs every test
including those against the real systems, and plays the demo. Needs Debian 12
for the real systems; uses sudo when not root. What it cannot install it leaves
out, and says so.

  --quick   formatting, lints, documentation, and the tests that need no outside
            system; installs nothing

DRAWBRIDGE_TEST_CACHE names the folder for what is installed or prepared once
(default: ~/.cache/drawbridge-tests). The last line is "N passed, N failed"; the
exit code is 0 only if nothing failed.
HELP
}

# --- steps -------------------------------------------------------------------

headline() {
  if [ -t 1 ] && [ "${CI:-}" != true ]; then
    printf '\n\033[1m== %s\033[0m\n' "$1"
  else
    printf '\n== %s\n' "$1"
  fi
}

# Runs one step and notes how it ended. A failed step does not stop the run: one
# run should tell everything that is wrong.
step() {
  local title=$1 began=$SECONDS result=ok
  shift
  headline "$title"
  "$@" || result=FAILED
  [ "$result" = ok ] || FAILED=yes
  SUMMARY+=("$(printf '%-7s %5d s  %s' "$result" $((SECONDS - began)) "$title")")
}

leave_out() { LEFT_OUT+=("$1"); }

# --- the real systems --------------------------------------------------------

install_targets() {
  local target
  for target in "${TARGETS[@]}"; do
    nice -n 5 "scripts/targets/$target.sh" install >"$WORK/install-$target.log" 2>&1
    echo "$?" >"$WORK/install-$target.code"
  done
}

# Packages download and unpack while cargo compiles; the tests wait for it.
begin_install() {
  install_targets &
  INSTALLER=$!
}

# A target that may not be installed here is left out; one that breaks has failed.
finish_install() {
  local target code failed=0
  wait "$INSTALLER"
  INSTALLER=""
  for target in "${TARGETS[@]}"; do
    code=$(cat "$WORK/install-$target.code")
    case "$code" in
      0) echo "$("scripts/targets/$target.sh" version): ready" ;;
      3) leave_out "$(tail -n 1 "$WORK/install-$target.log")" ;;
      *)
        failed=1
        echo "$target could not be installed:"
        tail -n 40 "$WORK/install-$target.log"
        ;;
    esac
  done
  return "$failed"
}

is_ready() { [ "$(cat "$WORK/install-$1.code" 2>/dev/null)" = 0 ]; }

# Packages with tests against real systems define the feature `real-systems`.
packages_with_real_systems() { grep -l '^real-systems *=' Cargo.toml connectors/*/Cargo.toml; }

package_name() { sed -n 's/^name = "\(.*\)"/\1/p' "$1" | head -n 1; }

# The first target that the tests of a package name and that is not there.
missing_target_of() {
  local tests target
  tests=$(dirname "$1")/tests
  for target in "${TARGETS[@]}"; do
    is_ready "$target" && continue
    grep -rqs "\"$target\"" "$tests" && echo "$target" && return
  done
}

# Prints the features for cargo, as "package/real-systems,...".
real_system_features() {
  local manifest missing features=()
  for manifest in $(packages_with_real_systems); do
    missing=$(missing_target_of "$manifest")
    [ -z "$missing" ] || continue
    features+=("$(package_name "$manifest")/real-systems")
  done
  (IFS=, && echo "${features[*]-}")
}

leave_out_packages_without_target() {
  local manifest missing
  for manifest in $(packages_with_real_systems); do
    missing=$(missing_target_of "$manifest")
    [ -z "$missing" ] || leave_out "$(package_name "$manifest"): its tests against real systems, for want of $missing"
  done
}

# --- dependencies ------------------------------------------------------------

cargo_deny() { "$CACHE/cargo-deny-$CARGO_DENY_VERSION/bin/cargo-deny" "$@"; }

install_cargo_deny() {
  local root="$CACHE/cargo-deny-$CARGO_DENY_VERSION"
  [ -x "$root/bin/cargo-deny" ] && return
  cargo install cargo-deny --quiet --version "$CARGO_DENY_VERSION" --locked --root "$root"
}

check_dependencies() { install_cargo_deny && cargo_deny --locked check --hide-inclusion-graph bans licenses sources; }

# The advisories live in a repository that not every machine can reach.
check_advisories() {
  if ! timeout 120 "$CACHE/cargo-deny-$CARGO_DENY_VERSION/bin/cargo-deny" fetch db >"$WORK/fetch.log" 2>&1; then
    tail -n 5 "$WORK/fetch.log"
    leave_out "security advisories: their database could not be fetched"
    return 0
  fi
  cargo_deny --locked check advisories
}

# --- cargo -------------------------------------------------------------------

check_docs() { RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked; }

# Test binaries run one after the other, so at most one of them keeps real
# systems busy at a time.
run_tests() {
  local enabled arguments=(--workspace --locked --no-fail-fast)
  if [ "$QUICK" = no ]; then
    leave_out_packages_without_target
    enabled=$(real_system_features)
    [ -z "$enabled" ] || arguments+=(--features "$enabled")
  fi
  DRAWBRIDGE_STARTS_LOG="$WORK/starts" cargo test "${arguments[@]}" 2>&1 | tee "$WORK/tests.log"
  # The first command's code: `tee` is always content.
  [ "${PIPESTATUS[0]}" = 0 ] && [ "$(count passed)" -gt 0 ]
}

run_demo() { cargo run --release --locked -- demo --once; }

# Looks at each page of the console with a real browser, and notes what it had to leave out.
look_at_the_console() {
  local packages=$CACHE/console left result
  mkdir -p "$packages" && cp tests/console/package*.json "$packages" || return
  (cd "$packages" && npm ci --silent --no-audit --no-fund) || return
  NODE_PACKAGES=$packages/package.json DRAWBRIDGE_STARTS_LOG="$WORK/starts" \
    node tests/console/look.mjs "${CARGO_TARGET_DIR:-target}/release/drawbridge" | tee "$WORK/look.log"
  result=${PIPESTATUS[0]}
  while read -r left; do leave_out "$left"; done < <(sed -n 's/^left out: //p' "$WORK/look.log")
  return "$result"
}

has_a_browser() { command -v node && command -v npm && [ -x "${CHROMIUM:-/usr/bin/chromium}" ]; }

# Adds up the closing lines of all test binaries.
count() {
  sed -n "s/^test result: .* \([0-9][0-9]*\) $1.*/\1/p" "$WORK/tests.log" 2>/dev/null \
    | awk '{ sum += $1 } END { print sum + 0 }'
}

# --- summary -----------------------------------------------------------------

title_of() {
  case "$1" in
    canaille-server) echo "$(scripts/targets/canaille.sh version), as SCIM server with logins" ;;
    canaille-push) echo "$(scripts/targets/canaille.sh version), as identity provider that pushes to us" ;;
    *) "scripts/targets/$1.sh" version ;;
  esac
}

# From what the scripts noted as they were started, not from what was planned.
print_what_ran() {
  local name packages
  touch "$WORK/starts"
  echo "Ran against:"
  cut -d ' ' -f 1 "$WORK/starts" | sort -u | while read -r name; do
    packages=$(sed -n "s/^$name //p" "$WORK/starts" | sort | uniq -c \
      | awk '{ printf "%s%s x %d", sep, $2, $1; sep = ", " }')
    printf '  %s (started by %s)\n' "$(title_of "$name")" "$packages"
  done
  printf '  SQLite (built in, libsqlite3-sys %s)\n' \
    "$(grep -A 1 '^name = "libsqlite3-sys"' Cargo.lock | sed -n 's/^version = "\(.*\)"/\1/p')"
}

print_summary() {
  headline "Summary"
  printf '%s\n' "${SUMMARY[@]}"
  echo
  print_what_ran
  if [ "${#LEFT_OUT[@]}" -gt 0 ]; then
    echo "Left out:"
    printf '  %s\n' "${LEFT_OUT[@]}"
  fi
  grep -E '^test .* FAILED$' "$WORK/tests.log" 2>/dev/null | sort -u
  [ "$FAILED" = no ] || echo "Failed: see the steps above."
  printf '\n%s passed, %s failed\n' "$(count passed)" "$(count failed)"
}

tidy_up() {
  [ -z "$INSTALLER" ] || kill "$INSTALLER" 2>/dev/null
  rm -rf "$WORK"
}

main() {
  case "${1:-}" in
    "") ;;
    --quick) QUICK=yes ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
  trap tidy_up EXIT
  [ "${CI:-}" != true ] || export CARGO_TERM_COLOR=never

  if [ "$QUICK" = no ]; then
    begin_install
  else
    leave_out "real systems, dependency checks and the demo (--quick)"
  fi
  step "cargo fmt" cargo fmt --all -- --check
  step "cargo clippy" cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
  step "cargo doc" check_docs
  if [ "$QUICK" = no ]; then
    step "cargo deny: bans, licenses, sources" check_dependencies
    step "cargo deny: advisories" check_advisories
    step "install the real systems (began at the start)" finish_install
  fi
  step "cargo test" run_tests
  if [ "$QUICK" = no ]; then
    step "demo" run_demo
    if has_a_browser >/dev/null; then
      step "the console's pages, in a browser" look_at_the_console
    else
      leave_out "the console's pages in a browser, for want of node, npm or chromium (CHROMIUM names another)"
    fi
  fi

  print_summary
  [ "$FAILED" = no ]
}

main "$@"
