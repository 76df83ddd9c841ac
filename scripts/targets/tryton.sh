#!/usr/bin/env bash
# Billing: plain Tryton with the modules `party` and `user_role`. Quick to make,
# and the same API as GNU Health.
source "$(dirname "$(readlink -f "$0")")/tryton-lib.sh"

DATABASE=billing
MODULES=(party user_role)

target_version() { echo "Tryton $(pinned_version trytond)"; }

run_target "$@"
