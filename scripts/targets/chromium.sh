#!/usr/bin/env bash
# A browser for the console's pages: Chromium from Debian, and Node.js with npm
# where the machine has none. Nothing stays running.
source "$(dirname "$(readlink -f "$0")")/lib.sh"

TARGET_PACKAGES=(chromium)
command -v node >/dev/null || TARGET_PACKAGES+=(nodejs)
command -v npm >/dev/null || TARGET_PACKAGES+=(npm)

target_create() { put_env CHROMIUM /usr/bin/chromium; }

target_launch() { :; }

target_ready() { [ -x "$(get_env CHROMIUM)" ]; }

target_version() { echo "Chromium $(package_version chromium)"; }

run_target "$@"
