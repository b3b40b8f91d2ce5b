#!/usr/bin/env python3
"""Every stateful operator through its runner, and a table of what was run.

Each case of an operator (its variants: append-only and retracting, kinds of joins, frames, TTL, …)
runs whole, in batches of one and three rows, and again with checkpoints, kills, and restores at
another parallelism; what comes out must be equal each time. The tests are those of
`millstream-operators`; this prints, by operator, how many cases there are and what they went through.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHANGES = [f"{a}→{b}" for a in (1, 2, 3) for b in (1, 2, 3)]


def tests() -> str:
    """Builds the tests of the operators: the program that runs them."""
    built = subprocess.run(
        ["cargo", "test", "--workspace", "--lib", "--no-run", "--message-format=json-render-diagnostics"],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "millstream_operators":
            return message["executable"]
    sys.exit("cargo built no tests of millstream-operators")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", action="store_true", help="a line for each case, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.jsonl"
        done = subprocess.run(
            [tests(), "--quiet"], cwd=ROOT / "runtime" / "operators",
            env={**os.environ, "MILLSTREAM_OPERATOR_REPORT": str(report)}, check=False,
            stdout=sys.stderr,
        )  # fmt: skip
        lines = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
    operators = collections.defaultdict(lambda: collections.defaultdict(list))
    for line in lines:
        operator, _, case = line["test"].partition("::")
        operators[operator][case.removeprefix("tests::")].append(line)
    print("| operator | cases | killed runs | kills | checkpoints | begun at | restored from→to |")
    print("|---|---:|---:|---:|---:|---|---|")
    total = collections.Counter()
    for operator, cases in sorted(operators.items()):
        runs = [run for case in cases.values() for run in case]
        count = {key: sum(run[key] for run in runs) for key in ("kills", "checkpoints")}
        begun = sorted({parallelism for run in runs for parallelism in run["begun"]})
        seen = {change for run in runs for change in run["restored"]}
        restored = "all 9" if seen == set(CHANGES) else " ".join(c for c in CHANGES if c in seen)
        print(
            f"| {operator} | {len(cases)} | {len(runs):,} | {count['kills']:,} "
            f"| {count['checkpoints']:,} | {', '.join(map(str, begun))} | {restored} |"
        )
        total.update({"cases": len(cases), "runs": len(runs), **count})
        if arguments.cases:
            for case, runs in sorted(cases.items()):
                kills = sum(run["kills"] for run in runs)
                print(f"| · {case} | | {len(runs):,} | {kills:,} | | | |")
    print(
        f"\n{len(operators)} operators, {total['cases']} cases: "
        f"{total['runs']:,} runs with {total['kills']:,} kills and {total['checkpoints']:,} checkpoints, "
        f"{'all equal to the undisturbed run' if done.returncode == 0 else 'SOME FAILED'}"
    )
    return 1 if done.returncode or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
