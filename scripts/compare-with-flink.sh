#!/usr/bin/env bash
# Runs the samples on Millstream and on a real Flink 2.3.0 and compares what they wrote, row by row.
# Installs Flink on first use (scripts/setup-flink.sh). Arguments go to compare-with-flink.py.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$here/setup-flink.sh"
exec python3 "$here/compare-with-flink.py" "$@"
