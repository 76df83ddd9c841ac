#!/usr/bin/env bash
# The EHR: GNU Health (hospital and practice records) on Tryton.
source "$(dirname "$(readlink -f "$0")")/tryton-lib.sh"

DATABASE=health
MODULES=(health)

target_version() { echo "GNU Health $(pinned_version gnuhealth) on Tryton $(pinned_version trytond)"; }

run_target "$@"
