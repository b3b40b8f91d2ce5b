#!/usr/bin/env bash
# Makes a Python environment of pinned packages. Does nothing if it is there and current.
#
#   models/train/setup.sh [FOLDER]             the base one, from requirements.txt, in models/train/.venv or FOLDER
#   models/train/setup.sh TOOLKIT [FOLDER]     a toolkit's, from requirements/TOOLKIT.txt (trees, keras, torch), in
#                                              ${MILLSTREAM_CACHE:-~/.cache/millstream}/venv/TOOLKIT or FOLDER
#
# Each toolkit has its own: their pins contradict each other. PYTHON chooses another python3.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
toolkit=base
requirements="$here/requirements.txt"
venv="$here/.venv"
if [[ -n "${1:-}" && -f "$here/requirements/$1.txt" ]]; then
    toolkit="$1"
    requirements="$here/requirements/$1.txt"
    venv="${MILLSTREAM_CACHE:-$HOME/.cache/millstream}/venv/$1"
    shift
elif [[ -n "${1:-}" && "$1" != */* && ! -d "$1" ]]; then
    echo "no toolkit $1: there are $(cd "$here/requirements" && ls | sed 's/\.txt$//' | xargs); write ./$1 for a folder" >&2
    exit 2
fi
venv="${1:-$venv}"
stamp="$venv/requirements.installed"

if cmp -s "$requirements" "$stamp"; then
    exit 0
fi
echo "making the Python environment $venv" >&2

python="${PYTHON:-python3}"
options=()
case "$toolkit" in
    keras)
        fits='import sys; sys.exit(not (3, 9) <= sys.version_info < (3, 12))'
        if ! "$python" -c "$fits" && ! { python=python3.11 && "$python" -c "$fits"; } 2>/dev/null; then
            echo "TensorFlow 2.15 needs Python 3.9 to 3.11: install python3.11, or set PYTHON to one" >&2
            exit 1
        fi
        ;;
    torch)
        # Debian's build is for Debian's own Python.
        python="${PYTHON:-/usr/bin/python3}"
        options=(--system-site-packages)
        if ! "$python" -c 'import torch' 2>/dev/null; then
            if ! command -v apt-get >/dev/null; then
                echo "no PyTorch: install one for $python, or set PYTHON to a Python that has it" >&2
                exit 1
            fi
            echo "installing python3-torch and python3-venv with apt-get" >&2
            sudo=()
            [[ $(id -u) == 0 ]] || sudo=(sudo)
            "${sudo[@]}" apt-get update -qq
            "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -qq --no-install-recommends python3-torch python3-venv >/dev/null
        fi
        ;;
esac

"$python" -m venv "${options[@]}" "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
cp "$requirements" "$stamp"
echo "training environment ready: $venv" >&2
