#!/usr/bin/env bash
# Fetches the ONNX standard's own test cases: a small model, its inputs and its outputs for every operator. The tests
# of millstream-models score them. They come from the PyPI package `onnx`, of which nothing is installed, and are
# kept in ~/.cache/millstream/onnx-cases (MILLSTREAM_CACHE overrides). Does nothing if they are there.
set -euo pipefail

# The last release whose wheel holds the cases of single operators. One wheel for all machines: the cases are data.
version=1.22.0
sha256=1d0a2bdb15eb2b3cb65c438f3423d9620d14fdce32f92380e6bb1b2e09568ef5
cache=${MILLSTREAM_CACHE:-$HOME/.cache/millstream}
cases=$cache/onnx-cases
say() { printf 'fetch-onnx-cases: %s\n' "$*" >&2; }

if [ "$(cat "$cases/version" 2>/dev/null)" = "$version" ]; then
    exit 0
fi
say "downloading the package onnx $version with pip (19 MB) for its test cases, to $cases"
mkdir -p "$cache"
work=$(mktemp -d "$cache/onnx-cases.XXXXXX")
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_28_x86_64 --dest "$work" "onnx==$version" >&2
python3 - "$work" "$sha256" <<'PYTHON'
import hashlib, pathlib, sys, zipfile

work, expected = pathlib.Path(sys.argv[1]), sys.argv[2]
(wheel,) = work.glob("*.whl")
found = hashlib.sha256(wheel.read_bytes()).hexdigest()
if found != expected:
    sys.exit(f"fetch-onnx-cases: {wheel.name} has the checksum {found}, not {expected}")
prefix = "onnx/backend/test/data/"
kinds = {"node", "simple", "pytorch-converted", "pytorch-operator"}  # the others have no recorded inputs
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        parts = pathlib.PurePosixPath(name.removeprefix(prefix)).parts
        if name.startswith(prefix) and not name.endswith("/") and parts[0] in kinds and ".." not in parts:
            target = work.joinpath("cases", *parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(name))
PYTHON
printf '%s\n' "$version" >"$work/cases/version"
rm -rf "$cases"
mv "$work/cases" "$cases"
