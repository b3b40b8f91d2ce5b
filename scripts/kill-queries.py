#!/usr/bin/env python3
"""Kills ten queries with SIGKILL at random moments and checks that nothing was lost or doubled.

The queries of tests/kill (joins, windows, Top-N, deduplication, OVER) read the events of the Nexmark generator and
write their changes with the exactly-once file sink. Each runs once undisturbed. Then, run by run: start it, kill it
after a random time, start it again with the same --state-dir at another parallelism, and so on, until it ends by
itself. The changes that it committed must add up to the rows of the undisturbed run, each as often, and no
unfinished file may be left.

    scripts/kill-queries.py --kills 200
    scripts/kill-queries.py --only session --kills 5 --seed 7

Every run prints its seed.
"""

from __future__ import annotations

import argparse
import importlib
import pathlib
import random
import shutil
import sys
import tempfile
import time

import samples

kill_test = importlib.import_module("kill-test")
nexmark = importlib.import_module("nexmark-flink")

FOLDER = samples.ROOT / "tests" / "kill"
PARALLELISM = 2
RESTARTS = [1, 3, 2]


def prepare(query: str, folder: pathlib.Path, events: int) -> pathlib.Path:
    folder.mkdir()
    tables = (samples.ROOT / "tests" / "nexmark" / "generator.sql").read_text()
    text = "SET 'execution.checkpointing.interval' = '100 ms';\n" + tables + "\n"
    text += (FOLDER / f"{query}.sql").read_text()
    sink = "'connector' = 'filesystem', 'path' = 'out', 'format' = 'debezium-json'"
    (folder / "query.sql").write_text(
        text.replace("${events}", str(events)).replace("${sink}", sink)
    )
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200, help="over all queries, at least")
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--only", default="", help="only queries whose name contains this")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--keep", action="store_true", help="keep the folders of failed runs")
    arguments = parser.parse_args()
    arguments.pipeline = "query.sql"
    arguments.parallelism, arguments.resume_parallelism = PARALLELISM, RESTARTS
    arguments.max_kills = 4
    queries = sorted(path.stem for path in FOLDER.glob("*.sql") if arguments.only in path.stem)
    if not queries:
        sys.exit(f"no query of {FOLDER} has {arguments.only!r} in its name")

    work = pathlib.Path(tempfile.mkdtemp(prefix="millstream-kill-queries-"))
    kills = restored = runs = failures = 0
    seed = arguments.seed
    for at, query in enumerate(queries):
        undisturbed = prepare(query, work / f"{query}-undisturbed", arguments.events)
        begin = time.monotonic()
        try:
            kill_test.finish(
                kill_test.start(undisturbed, arguments, PARALLELISM), undisturbed
            )
        except kill_test.Failure as failure:
            print(f"{query}: the undisturbed run failed: {failure}", flush=True)
            failures += 1
            continue
        seconds = time.monotonic() - begin
        expected = nexmark.table(undisturbed / "out", None)
        rows = sum(expected.values())
        print(f"{query}: undisturbed {rows:,} rows in {seconds:.1f} s", flush=True)
        if rows == 0:
            failures += 1
            continue
        goal = arguments.kills * (at + 1) // len(queries)
        while kills < goal:
            folder = prepare(query, work / f"{query}-{seed}", arguments.events)
            try:
                hit = kill_test.disturbed(folder, arguments, seconds, seed)
                kills, runs = kills + hit, runs + 1
                again = kill_test.restores(folder)
                restored += again
                got = nexmark.table(folder / "out", None)
                if got != expected:
                    missing, surplus = expected - got, got - expected
                    raise kill_test.Failure(
                        f"{sum(missing.values())} rows missing, {sum(surplus.values())} surplus: "
                        f"{list(missing)[:2]} {list(surplus)[:2]}"
                    )
                if left := samples.leftovers(folder / "out"):
                    raise kill_test.Failure(f"unfinished files were left: {left[:3]}")
                print(
                    f"  seed {seed}: killed {hit} times, went on from a checkpoint {again} times,"
                    " rows equal",
                    flush=True,
                )
            except kill_test.Failure as failure:
                failures += 1
                print(f"  seed {seed}: FAILED: {failure}", flush=True)
                if arguments.keep:
                    print(f"    kept: {folder}", flush=True)
                    seed += 1
                    if failures > 5:
                        return 1
                    continue
            shutil.rmtree(folder)
            seed += 1
    print(f"{len(queries)} queries, {runs} runs, {kills} kills, {restored} restarts from a checkpoint")
    print(f"{failures} failed")
    if not arguments.keep:
        shutil.rmtree(work, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
