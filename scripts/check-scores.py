#!/usr/bin/env python3
"""Compares the scores of the fraud sample with ONNX Runtime's, row by row.

A copy of the pipeline is bounded and given one more sink, which writes what the model saw and what
it said; models/train/check_scores.py scores the same rows again.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import tomllib

import samples


def scored_rows(document: pathlib.Path) -> list[str]:
    """Adds a sink for the scored rows to a pipeline document; gives its columns."""
    text = document.read_text()
    inputs = tomllib.loads(text)["nodes"]["scored"]["inputs"]
    columns = ["transaction_id", *dict.fromkeys(inputs.values()), "score"]
    if list(inputs) != list(inputs.values()):
        sys.exit("the model's inputs have other names than the columns: they cannot be compared")
    nodes, edges = text.split("[edges]\n")
    nodes += f"""[nodes.scored_row]
kind = "select"
columns = {json.dumps(columns)}

[nodes.scored_rows]
kind = "file-sink"
path = "out/scored"
format = "csv"

"""
    edges += 'scored_1 = { from = "scored", to = "scored_row" }\n'
    edges += 'scored_2 = { from = "scored_row", to = "scored_rows" }\n'
    document.write_text(f"{nodes}[edges]\n{edges}")
    return columns


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000, help="events to score")
    parser.add_argument("--parallelism", type=int, default=2)
    parser.add_argument("--tolerance", default="1e-6", help="the largest difference that passes")
    arguments = parser.parse_args()
    train = samples.ROOT / "models" / "train"
    subprocess.run([str(train / "setup.sh")], check=True)
    with tempfile.TemporaryDirectory(prefix="millstream-scores-") as work:
        folder = samples.copy("fraud", pathlib.Path(work) / "fraud", arguments.rows)
        columns = scored_rows(folder / "pipeline.toml")
        done = subprocess.run(
            [
                samples.binary(), "run", str(folder), "--fresh",
                "--parallelism", str(arguments.parallelism), "--state-dir", str(folder / "state"),
            ],
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            return done.returncode
        done = subprocess.run(
            [
                str(train / ".venv" / "bin" / "python"), str(train / "check_scores.py"),
                "--model", str(folder / "fraud.onnx"), "--rows", str(folder / "out" / "scored"),
                "--columns", ",".join(columns), "--tolerance", arguments.tolerance,
            ],
            check=False,
        )  # fmt: skip
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
