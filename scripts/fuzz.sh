#!/usr/bin/env bash
# `make fuzz`: the parsers in process for the first part of the time, then the doors of a running server. Both parts always run;
# the exit status tells whether either has found something.
#
#   scripts/fuzz.sh [--seconds 600] [--seed N] [--only TARGET]…
set -uo pipefail
cd "$(dirname "$0")/.."

seconds=600
seed=$(date +%s)
only=()
while (($#)); do
    case $1 in
    --seconds) seconds=$2 ;;
    --seed) seed=$2 ;;
    --only) only+=(--only "$2") ;;
    *)
        echo "fuzz: unknown word '$1': --seconds N, --seed N, --only TARGET" >&2
        exit 64
        ;;
    esac
    shift 2
done

found=0
.build/release/weir-fuzz --seconds $((seconds * 3 / 5)) --seed "$seed" --folder .fuzz "${only[@]}" || found=1
if ((${#only[@]} == 0)); then
    (cd Tests/Clients && ../../.venv/bin/python -m harness.wirefuzz --calls 1000000000 --seconds $((seconds * 2 / 5)) --seed "$seed") || found=1
fi
exit $found
