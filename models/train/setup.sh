#!/usr/bin/env bash
# Makes models/train/.venv with the pinned packages of requirements.txt. Does nothing if it is there and current.
#
#   models/train/setup.sh [FOLDER]      FOLDER: another place for the environment
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
venv="${1:-$here/.venv}"
stamp="$venv/requirements.installed"

if cmp -s "$here/requirements.txt" "$stamp"; then
    exit 0
fi
python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
cp "$here/requirements.txt" "$stamp"
echo "training environment ready: $venv"
