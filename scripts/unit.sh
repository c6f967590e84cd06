#!/usr/bin/env bash
# Runs built unit tests, a few at once, and prints the ten slowest. Its arguments are those of `swift test`.
#
#     scripts/unit.sh --filter WebTests
set -uo pipefail
cd "$(dirname "$0")/.."
# By default all tests run at once: on two cores, a thousand tests then wait for each other beyond their time-outs.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=${AT_ONCE:-8}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
swift test --skip-build "$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
echo 'The slowest, in seconds, with their wait for a turn (swift test --no-parallel has none):'
sed -nE 's/^[^ ]+ Test (.*) (passed|failed) after ([0-9.]+) seconds.*/\3  \1/p' "$log" | grep -v ' run with ' | sort -rn | head -10
exit "$status"
