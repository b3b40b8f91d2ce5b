#!/usr/bin/env python3
"""The demo: scores card payments for half a minute at full speed and tells how it went.

Runs samples/fraud from nothing and reads what it wrote: the alerts, and for every ten minutes of
the made-up payments how many frauds there were and how many were caught.
"""

from __future__ import annotations

import argparse
import csv
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import samples

FRAUD = samples.ROOT / "samples" / "fraud"


def committed(folder: pathlib.Path):
    """The rows of a sink that are visible; files in the making are hidden."""
    for file in sorted(folder.glob("*")):
        if file.is_file() and not file.name.startswith((".", "_")):
            with file.open(newline="") as lines:
                yield from csv.reader(lines)


def micros(value: int | None) -> str:
    if value is None:
        return "–"
    return f"{value / 1000:.1f} ms" if value >= 1000 else f"{value} µs"


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--parallelism", type=int, default=2)
    arguments = parser.parse_args()

    shutil.rmtree(FRAUD / "out", ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        report_file = pathlib.Path(folder, "report.json")
        done = subprocess.run(
            [
                samples.binary(), "run", str(FRAUD), "--for", f"{arguments.seconds}s",
                "--parallelism", str(arguments.parallelism), "--fresh",
                "--state-dir", str(FRAUD / "state"), "--report", str(report_file),
            ],
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            return done.returncode
        report = json.loads(report_file.read_text())

    alerts = sum(1 for _ in committed(FRAUD / "out" / "alerts"))
    windows = list(committed(FRAUD / "out" / "quality"))
    _, frauds, raised, caught = (sum(int(row[i]) for row in windows) for i in range(1, 5))
    latency = report["latency_micros"]
    checkpoints = report["checkpoints"]
    lines = [
        ("payments", f"{report['events']:,}, {report['events_per_second']:,.0f} a second"),
        ("alerts", f"{alerts:,} in {(FRAUD / 'out' / 'alerts').relative_to(samples.ROOT)}"),
        ("precision", f"{share(caught, raised)} of the alerts were frauds"),
        ("recall", f"{share(caught, frauds)} of {frauds:,} planted frauds were caught"),
        (
            "latency",
            f"p50 {micros(latency['p50'])}, p95 {micros(latency['p95'])},"
            f" p99 {micros(latency['p99'])} from payment to alert, at full load",
        ),
        (
            "checkpoints",
            f"{len(checkpoints)}, {sum(c['async_ms'] for c in checkpoints) / len(checkpoints):.0f}"
            f" ms each, {checkpoints[-1]['bytes_total'] / 1e6:.1f} MB of state",
        ),
    ]
    print("\n  The demo in short")
    for name, text in lines:
        print(f"    {name:<12} {text}")
    print(
        "\n  Run it again without --fresh and it goes on where it stopped:\n"
        f"    millstream run samples/fraud --state-dir samples/fraud/state --for {arguments.seconds}s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
