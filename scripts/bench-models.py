#!/usr/bin/env python3
"""Rows a second of Millstream and of ONNX Runtime, side by side, on one thread.

Both score the same rows of the zoo (`make zoo`), in turns: each round starts a process of each for
each model, pinned to one core where taskset is there, and the side that begins changes from round
to round, so that what else the machine does falls on both alike. A figure is the median over the
rounds. ONNX Runtime is called from Python with inputs prepared as NumPy arrays, by `session.run`
and through an I/O binding; the better one counts. Millstream gets Arrow columns, DOUBLE for floats,
as in a pipeline; packing and unpacking them is part of its time.

The table goes to models/README.md, between the marks `<!-- bench-models -->` and
`<!-- /bench-models -->`.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import samples

README = samples.ROOT / "models" / "README.md"
BEGIN, END = "<!-- bench-models -->", "<!-- /bench-models -->"
MODELS = {
    "bench_lightgbm_300x30": "LightGBM, 300 trees × 30 features",
    "bench_gbc_300": "scikit-learn gradient boosting, 300 trees of depth 5",
    "bench_mlp": "MLP 64-128-64-1",
    "bench_deepfm": "DeepFM, 26 sparse features × 10,000 ids × 16, 13 dense",
}


def cache() -> pathlib.Path:
    return pathlib.Path(
        os.environ.get("MILLSTREAM_CACHE") or pathlib.Path.home() / ".cache" / "millstream"
    )


def example() -> str:
    """The built example score_rows."""
    chosen = os.environ.get("SCORE_ROWS")
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", samples.ROOT / "target"))
    path = pathlib.Path(chosen) if chosen else target / "release" / "examples" / "score_rows"
    if not path.exists():
        sys.exit(
            f"no {path}: run `cargo build --release -p millstream-models --example score_rows`, "
            "or set SCORE_ROWS to one"
        )
    return str(path)


def pinned() -> list[str]:
    """What to put before a command so that it keeps to one core."""
    if shutil.which("taskset") is None or not hasattr(os, "sched_getaffinity"):
        return []
    return ["taskset", "-c", str(max(os.sched_getaffinity(0)))]


def figures(command: list[str]) -> dict[int, dict[str, float]]:
    """Batch size -> what a process printed for it."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line.pop("batch"): line for line in lines}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each figure of a round")
    parser.add_argument("--batch", default="1,32,1024", help="sizes, with commas")
    parser.add_argument(
        "--only",
        default="",
        help="only the models whose name contains this; the README stays as it is",
    )
    parser.add_argument("--print", action="store_true", help="leave the README as it is")
    arguments = parser.parse_args()
    zoo = cache() / "zoo"
    python = cache() / "venv" / "trees" / "bin" / "python"
    chosen = {name: title for name, title in MODELS.items() if arguments.only in name}
    missing = [name for name in chosen if not (zoo / f"{name}.parquet").exists()]
    if missing or not python.exists():
        sys.exit(
            f"the zoo in {zoo} lacks {', '.join(missing) or 'its Python environment'}: run `make zoo`"
        )
    theirs = str(samples.ROOT / "models" / "bench" / "onnxruntime_rate.py")
    ours = example()
    options = ["--batch", arguments.batch, "--seconds", str(arguments.seconds)]
    batches = [int(batch) for batch in arguments.batch.split(",")]
    rates: dict[tuple[str, int, str], list[float]] = {}
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as work:
        rows = {name: pathlib.Path(work) / name for name in chosen}
        for name in chosen:
            prepare = [
                str(python),
                theirs,
                str(zoo / f"{name}.onnx"),
                str(rows[name]),
                "--rows",
                str(zoo / f"{name}.parquet"),
            ]
            subprocess.run(prepare, check=True)
        for turn in range(arguments.rounds):
            for name in chosen:
                model = str(zoo / f"{name}.onnx")
                sides = [
                    ("ort", [*pinned(), str(python), theirs, model, str(rows[name]), *options]),
                    ("millstream", [*pinned(), ours, model, str(rows[name]), *options]),
                ]
                for side, command in sides if turn % 2 == 0 else reversed(sides):
                    if name in failed and side == "millstream":
                        continue
                    try:
                        measured = figures(command)
                    except RuntimeError as error:
                        if side == "ort":
                            sys.exit(str(error))
                        failed[name] = str(error)
                        print(error, file=sys.stderr)
                        continue
                    for batch, by in measured.items():
                        for how, rate in by.items():
                            rates.setdefault((name, batch, how), []).append(rate)
            print(f"round {turn + 1} of {arguments.rounds}", file=sys.stderr, flush=True)
    table = [
        "| model | batch | ONNX Runtime, rows/s | Millstream, rows/s | ratio |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, title in chosen.items():
        for batch in batches:
            run, binding = (
                statistics.median(rates[name, batch, how]) for how in ("run", "binding")
            )
            best = f"{max(run, binding):,.0f}{' (binding)' if binding > run else ''}"
            if name in failed:
                ours_text, ratio = "does not load", "–"
            else:
                own = statistics.median(rates[name, batch, "rows_per_second"])
                ours_text, ratio = f"{own:,.0f}", f"{own / max(run, binding):.2f}"
            table.append(f"| {title} | {batch:,} | {best} | {ours_text} | {ratio} |")
            title = ""
    print("\n".join(table))
    if not arguments.print and not arguments.only:
        write(table)
    return 1 if failed else 0


def write(table: list[str]) -> None:
    """Puts the table between the marks of the README."""
    text = README.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"{README} needs one {BEGIN} and one {END}")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    README.write_text(before + "\n".join([BEGIN, *table, END]) + after)


if __name__ == "__main__":
    sys.exit(main())
