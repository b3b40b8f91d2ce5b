#!/usr/bin/env bash
# Feeds broken and made-up models to millstream-models until the time is over or one is found that hurts.
#
#   models/fuzz/run.sh [SECONDS] [more.onnx …]
#
# A find is left in models/fuzz/artifacts; `cargo fuzz run load FILE` repeats it.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-300}
shift || true

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo 'installing cargo-fuzz from crates.io' >&2
    cargo install cargo-fuzz --locked --version 0.13.2
fi
# The sanitisers are unstable flags; a stable compiler takes them when it is told to.
if ! rustc -vV | grep -q nightly; then
    export RUSTC_BOOTSTRAP=1
fi
python3 seeds.py "$@"

# Address sanitising slows loading down by half and finds what unsafe code of the engine does; SANITIZER=none is faster.
exec cargo fuzz run load \
    --fuzz-dir . --sanitizer "${SANITIZER:-address}" \
    --target-dir "${CARGO_TARGET_DIR:-../../target}/fuzz" -- \
    -max_total_time="$seconds" -rss_limit_mb=3072 -malloc_limit_mb=2048 -timeout=60 \
    -max_len=16384 -print_final_stats=1
