#!/usr/bin/env python3
"""Trains samples/fraud/fraud.onnx on rows that the fraud pipeline itself writes.

features.toml is run over a bounded stretch of its generator in a scratch folder, and what it wrote
goes to models/train/fraud.py, in an environment of pinned versions (models/train/setup.sh). The
same rows give the same model.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib

import samples


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=2_000_000, help="events to learn from")
    parser.add_argument(
        "--seed", type=int, default=7, help="of the generator, unlike the sample's 42"
    )
    arguments, others = parser.parse_known_args()
    train = samples.ROOT / "models" / "train"
    subprocess.run([str(train / "setup.sh"), "trees"], check=True)
    cache = pathlib.Path(
        os.environ.get("MILLSTREAM_CACHE") or pathlib.Path.home() / ".cache" / "millstream"
    )
    with tempfile.TemporaryDirectory(prefix="millstream-train-") as work:
        folder = samples.copy("fraud", pathlib.Path(work) / "fraud", arguments.rows)
        document = folder / "features.toml"
        text = document.read_text().replace("seed = 42\n", f"seed = {arguments.seed}\n")
        document.write_text(text)
        columns = tomllib.loads(text)["nodes"]["feature_row"]["columns"]
        print(f"writing the features of {arguments.rows:,} events", file=sys.stderr)
        subprocess.run(
            [
                samples.binary(), "run", str(document), "--parallelism", "2",
                "--fresh", "--state-dir", str(folder / "state"),
            ],
            check=True,
        )  # fmt: skip
        done = subprocess.run(
            [
                str(cache / "venv" / "trees" / "bin" / "python"), str(train / "fraud.py"),
                "--rows", str(folder / "out" / "features"), "--columns", ",".join(columns),
                "--output", str(samples.ROOT / "samples" / "fraud" / "fraud.onnx"), *others,
            ],
            check=False,
        )  # fmt: skip
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
