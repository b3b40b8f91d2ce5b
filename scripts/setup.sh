#!/usr/bin/env bash
# Installs what a build of Millstream needs and what is missing: a C++ compiler, CMake and libclang
# for RocksDB, Python for the samples. Says what it does; does nothing when all is there.
set -euo pipefail
say() { printf 'setup: %s\n' "$*" >&2; }

packages=()
need() { # COMMAND PACKAGE
    command -v "$1" >/dev/null || packages+=("$2")
}
need cc gcc
need c++ g++
need make make
need cmake cmake
need clang clang
need git git
need python3 python3
need pkg-config pkg-config
if command -v dpkg-query >/dev/null; then
    has() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }
    has libclang-dev || packages+=(libclang-dev)
    # A Python that pip comes with (pyenv, say) needs no package; Debian's own does.
    python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip)
    python3 -c 'import ensurepip' >/dev/null 2>&1 || packages+=(python3-venv)
fi

if [ ${#packages[@]} -gt 0 ]; then
    if ! command -v apt-get >/dev/null; then
        say "missing: ${packages[*]}. There is no apt here: install them your system's way"
        exit 1
    fi
    say "installing with apt: ${packages[*]}"
    sudo=$([ "$(id -u)" -eq 0 ] || command -v sudo || true)
    $sudo apt-get update -q >&2
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${packages[@]}" >&2
fi

if ! command -v cargo >/dev/null; then
    say "missing: cargo. Install Rust 1.95 or newer (https://rustup.rs), then try again"
    exit 1
fi
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$(dirname "${BASH_SOURCE[0]}")/../Cargo.toml")
found=$(rustc --version | cut -d' ' -f2)
if [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -1)" != "$wanted" ]; then
    say "Rust $found is too old: $wanted or newer is needed (rustup update stable)"
    exit 1
fi
say "all there: Rust $found, $(cmake --version | head -1), $(clang --version | head -1)"
