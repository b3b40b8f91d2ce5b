#!/usr/bin/env python3
"""Trains the models of models/trained, one a toolkit, on real flights (models/train/flights.py).

Each toolkit has an environment of pinned versions of its own, made if it is missing
(models/train/setup.sh). A script says how good its model is on flights it has not seen, and fails
if ONNX Runtime does not give for the file what the toolkit predicts.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys

import samples

FAMILIES = {
    "lightgbm": "trees",
    "xgboost": "trees",
    "sklearn": "trees",
    "keras": "keras",
    "torch": "torch",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("families", nargs="*", help=f"some of {', '.join(FAMILIES)} (default: all)")
    chosen = parser.parse_args().families or list(FAMILIES)
    unknown = [family for family in chosen if family not in FAMILIES]
    if unknown:
        parser.error(f"no model {', '.join(unknown)}: there are {', '.join(FAMILIES)}")
    train = samples.ROOT / "models" / "train"
    cache = pathlib.Path(
        os.environ.get("MILLSTREAM_CACHE") or pathlib.Path.home() / ".cache" / "millstream"
    )
    failed = []
    for family in chosen:
        toolkit = FAMILIES[family]
        print(f"== {family}", flush=True)
        python = str(cache / "venv" / toolkit / "bin" / "python")
        script = str(train / f"flights_{family}.py")
        # tf2onnx writes nodes in the order of a set: without this, in another order every time.
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        commands = [str(train / "setup.sh"), toolkit], [python, script]
        if any(
            subprocess.run(command, env=environment, check=False).returncode for command in commands
        ):
            failed.append(family)
    if failed:
        print(f"not trained: {', '.join(failed)}; the reason is above", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
