#!/usr/bin/env python3
"""The Nexmark queries on Millstream and on a real Flink 2.3.0, over the same files.

  nexmark-flink.py rows    each query at parallelism 1 on both engines: do the tables they leave agree?
  nexmark-flink.py batch   those of tests/nexmark/batch on Millstream and, all events at once, in DuckDB
  nexmark-flink.py bench   how long each takes at parallelism 2, with checkpoints every ten seconds

`rows` has both engines write their changes as debezium-json files and folds them: what is left must be
equal, row by row. Where rows tie (a Top-N of equal prices) the engines may keep another one; such
a query is compared by the columns that the tie leaves alone, see LOOSE.

`bench` writes to blackhole. Flink runs with object reuse in one process with 4 GB of heap and the collector that
its scripts choose, its state on the heap and in RocksDB in turn; its time is that of the job, without the start
of the JVM. Millstream's is that of the whole process. Peak memory is what the system gave each process at most.
"""

from __future__ import annotations

import argparse
import collections
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

import samples

FOLDER = samples.ROOT / "tests" / "nexmark"
ORACLE = samples.ROOT / "flink" / "oracle" / "run"
# Seconds that a query may take on Flink: on a full heap a JVM does nothing but look for garbage.
LONGEST = 300
QUERIES = [f"q{number}" for number in range(24)]

# Queries that Flink does not take as they are, or that have no fixed answer.
LEFT_OUT = {
    "q12": "windows of the wall clock: what is in one is not the same twice",
    "q13": "looks up in a file, which Flink's filesystem connector does not offer",
}

# What a tie does not decide: the columns that are compared, instead of all.
LOOSE: dict[str, list[str]] = {
    "q18": ["bidder", "auction", "dateTime"],
    "q19": ["auction", "price", "rank_number"],
}

# Flink 2.3.0 sends an update without taking back the row before it (docs/semantics.md, Top-1 beside a rowtime). Of
# these, what Flink wrote last for a key counts.
KEYED = {"q9": "id"}


def generate(folder: pathlib.Path, events: int, files: int) -> None:
    subprocess.run(
        [
            samples.binary(), "nexmark", "generate", "--events", str(events),
            "--output", str(folder), "--files", str(files),
        ],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def script(query: str, data: pathlib.Path, sink: str, settings: dict[str, str]) -> str:
    sets = "".join(f"SET '{key}' = '{value}';\n" for key, value in settings.items())
    text = (FOLDER / "files.sql").read_text() + "\n" + (FOLDER / f"{query}.sql").read_text()
    text = text.replace("${path}", str(data)).replace("${sink}", sink)
    return sets + text.replace("${side_input}", str(data.parent / "side_input.csv"))


def value(item):
    if isinstance(item, (int, float)) and not isinstance(item, bool):
        return Decimal(str(item)).normalize()
    if isinstance(item, str):
        # 00:00:00, 00:00:00.000 and 00:00:00.000000 are the same moment.
        if re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+", item):
            return item.rstrip("0").rstrip(".")
    return item


def table(folder: pathlib.Path, columns: list[str] | None) -> collections.Counter:
    """The rows that the changes in a folder of debezium-json files leave, in no order."""
    left: collections.Counter = collections.Counter()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        parts = file.relative_to(folder).parts
        if any(part.startswith((".", "_")) for part in parts):
            continue
        for line in file.open():
            change = json.loads(line)
            row = change["after"] if change["op"] in ("c", "r") else change["before"]
            row = {key: value(item) for key, item in row.items() if not columns or key in columns}
            left[tuple(sorted(row.items(), key=lambda pair: pair[0]))] += (
                1 if change["op"] in ("c", "r") else -1
            )
    return collections.Counter({row: count for row, count in left.items() if count})


def last_by_key(folder: pathlib.Path, key: str) -> collections.Counter:
    """The row that was written last for each key, by files in the order they were begun."""

    def number(file: pathlib.Path) -> int:
        return int(file.name.rsplit("-", 1)[1])

    last = {}
    files = [file for file in folder.rglob("part-*") if file.is_file()]
    for file in sorted(files, key=number):
        for line in file.open():
            row = json.loads(line)["after"]
            if row is not None:
                last[row[key]] = tuple(sorted((name, value(item)) for name, item in row.items()))
    return collections.Counter(last.values())


def measured(
    command: list[str], longest: float | None = None, **settings: str
) -> tuple[subprocess.CompletedProcess, float, int]:
    """Runs a command: what it printed, its seconds, and the most memory it had, in bytes.

    One that takes more than `longest` seconds is ended.
    """
    # A process of its own in between, because the figure is the greatest of all children so far.
    between = (
        "import resource, subprocess, sys\n"
        "try:\n"
        f"    code = subprocess.run(sys.argv[1:], timeout={longest}).returncode\n"
        "except subprocess.TimeoutExpired:\n"
        "    code = 1\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
        "sys.exit(code)"
    )
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", between, *command],
        text=True, capture_output=True, check=False, env={**os.environ, **settings},
    )  # fmt: skip
    seconds = time.monotonic() - begun
    printed, _, peak = done.stdout.rstrip().rpartition("\n")
    done.stdout = printed
    return done, seconds, int(peak) * 1024


def on_flink(scripts: dict[str, pathlib.Path], **settings: str) -> tuple[dict[str, list[str]], int]:
    """What the oracle printed for each script, and its peak memory: one JVM for all."""
    command = [str(ORACLE), *map(str, scripts.values())]
    done, _, peak = measured(command, LONGEST * len(scripts), ORACLE_HEAP="4g", **settings)
    names = {str(path): name for name, path in scripts.items()}
    found: dict[str, list[str]] = {name: [] for name in scripts}
    current: list[str] = []
    for line in done.stdout.splitlines():
        if line.startswith("### "):
            current = found[names[line[4:]]]
        else:
            current.append(line)
    return found, peak


def on_millstream(path: pathlib.Path, parallelism: int) -> tuple[float, int, str]:
    """Seconds, peak bytes, and the error if it failed."""
    state = str(path) + ".state"
    done, seconds, peak = measured([
        samples.binary(), "run", str(path), "--parallelism", str(parallelism), "--fresh", "--state-dir", state
    ])  # fmt: skip
    shutil.rmtree(state, ignore_errors=True)
    return seconds, peak, done.stderr.strip() if done.returncode else ""


def rows(arguments: argparse.Namespace, work: pathlib.Path) -> int:
    data = work / "events"
    generate(data, arguments.events, 1)
    chosen = [query for query in arguments.query if query not in LEFT_OUT]
    scripts = {}
    for engine in ("flink", "millstream"):
        for query in chosen:
            out = work / engine / query
            sink = f"'connector' = 'filesystem', 'path' = '{out}', 'format' = 'debezium-json'"
            path = work / f"{engine}-{query}.sql"
            path.write_text(script(query, data, sink, {}))
            scripts[engine, query] = path
    print(f"Flink runs {len(chosen)} queries over {arguments.events:,} events", file=sys.stderr)
    printed, _ = on_flink({query: scripts["flink", query] for query in chosen})
    different = 0
    for query in chosen:
        failed = [line for line in printed[query] if line.startswith(("error in", "  "))]
        if not failed and not any(line.startswith("-- done") for line in printed[query]):
            failed = ["it did not come to its end"]
        if failed:
            print(f"{query:4} Flink refuses: {failed[-1].strip()[:150]}")
            different += 1
            continue
        _, _, error = on_millstream(scripts["millstream", query], 1)
        if error:
            print(f"{query:4} Millstream fails: {error[-300:]}")
            different += 1
            continue
        columns = LOOSE.get(query)
        theirs = (
            last_by_key(work / "flink" / query, KEYED[query])
            if query in KEYED
            else table(work / "flink" / query, columns)
        )
        ours = table(work / "millstream" / query, columns)
        count = sum(theirs.values())
        if theirs == ours:
            by = f" by {', '.join(columns)}" if columns else ""
            print(f"{query:4} equal{by}, {count:,} rows", flush=True)
            continue
        different += 1
        missing, surplus = theirs - ours, ours - theirs
        print(f"{query:4} DIFFERS: {count:,} rows; {sum(missing.values()):,} missing, {sum(surplus.values()):,} surplus")
        for sign, some in (("-", missing), ("+", surplus)):
            for row, times in list(some.items())[:3]:
                print(f"       {sign} {times} × {str(dict(row))[:400]}", flush=True)
    for query, why in LEFT_OUT.items():
        if query in arguments.query:
            print(f"{query:4} left out: {why}")
    print(f"{len(chosen) - different} of {len(chosen)} queries leave equal tables")
    return 1 if different else 0


def duckdb() -> str:
    """A Python with DuckDB: an environment of its own, made once."""
    cache = pathlib.Path(os.environ.get("MILLSTREAM_CACHE", pathlib.Path.home() / ".cache" / "millstream"))
    venv = cache / "venv" / "duckdb"
    python = venv / "bin" / "python"
    if not python.exists():
        print("installing DuckDB", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "duckdb==1.4.1"], check=True)
    return str(python)


# Reads a script and a query, prints the rows of the query as JSON, one a line.
IN_DUCKDB = """
import datetime, json, sys, duckdb
database = duckdb.connect()
database.execute("SET enable_progress_bar = false")
database.execute(open(sys.argv[1]).read())
query = database.execute(open(sys.argv[2]).read())
names = [column[0] for column in query.description]
show = lambda item: item.isoformat(" ") if isinstance(item, datetime.datetime) else item
while rows := query.fetchmany(10_000):
    for row in rows:
        print(json.dumps(dict(zip(names, map(show, row)))))
"""


def batch(arguments: argparse.Namespace, work: pathlib.Path) -> int:
    data = work / "events"
    if not data.exists():
        generate(data, arguments.events, 2)
    python = duckdb()
    events = work / "events.sql"
    events.write_text((FOLDER / "batch" / "events.sql").read_text().replace("${path}", str(data)))
    chosen = [query for query in arguments.query if (FOLDER / "batch" / f"{query}.sql").exists()]
    different = 0
    for query in chosen:
        out = work / "millstream" / query
        sink = f"'connector' = 'filesystem', 'path' = '{out}', 'format' = 'debezium-json'"
        path = work / f"millstream-{query}.sql"
        path.write_text(script(query, data, sink, {}))
        _, _, error = on_millstream(path, 2)
        if error:
            print(f"{query:4} Millstream fails: {error[-300:]}")
            different += 1
            continue
        done = subprocess.run(
            [python, "-c", IN_DUCKDB, str(events), str(FOLDER / "batch" / f"{query}.sql")],
            text=True, capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode:
            sys.exit(f"DuckDB fails on {query}: {done.stderr}")
        theirs = collections.Counter(
            tuple(sorted((key, value(item)) for key, item in json.loads(line).items()))
            for line in done.stdout.splitlines()
        )
        ours = table(out, None)
        if theirs == ours:
            print(f"{query:4} equal, {sum(theirs.values()):,} rows", flush=True)
            continue
        different += 1
        missing, surplus = theirs - ours, ours - theirs
        print(f"{query:4} DIFFERS: {sum(missing.values()):,} missing, {sum(surplus.values()):,} surplus")
        for sign, some in (("-", missing), ("+", surplus)):
            for row, times in list(some.items())[:3]:
                print(f"       {sign} {times} × {str(dict(row))[:400]}", flush=True)
    print(f"{len(chosen) - different} of {len(chosen)} queries leave what DuckDB computes at once")
    return 1 if different else 0


def bench(arguments: argparse.Namespace, work: pathlib.Path) -> int:
    data = work / "events"
    if not data.exists():
        generate(data, arguments.events, 2)
    (work / "side_input.csv").write_text("".join(f"{key},text {key}\n" for key in range(10_000)))
    sink = "'connector' = 'blackhole'"
    common = {"parallelism.default": "2", "execution.checkpointing.interval": "10 s"}
    common["pipeline.object-reuse"] = "true"
    backends = {
        "hashmap": {**common, "state.backend.type": "hashmap"},
        # Of a task manager of 4 GB, Flink's scripts give RocksDB this much; the heap comes on top.
        "rocksdb": {**common, "state.backend.type": "rocksdb", "taskmanager.memory.managed.size": "1400m"},
    }
    before = json.loads(arguments.flink.read_text()) if arguments.flink else {}
    if before and before.pop("events") != arguments.events:
        sys.exit(f"{arguments.flink} is of another number of events")
    print(f"{arguments.events:,} events in CSV files, parallelism 2, checkpoints every 10 s")
    print("(seconds; in brackets peak memory in MB; × is Flink's time by Millstream's)\n")
    print("| query | Millstream | Flink, heap | × | Flink, RocksDB | × |")
    print("|---|---:|---:|---:|---:|---:|")
    faster: dict[str, list[float]] = {name: [] for name in backends}
    smaller: dict[str, list[float]] = {name: [] for name in backends}
    report: dict = {"events": arguments.events}
    for query in arguments.query:
        if query in LEFT_OUT:
            print(f"| {query} | left out: {LEFT_OUT[query]} | | | | |")
            continue
        path = work / f"{query}.sql"
        path.write_text(script(query, data, sink, {"execution.checkpointing.interval": "10 s"}))
        seconds, peak, error = on_millstream(path, 2)
        if error:
            print(f"| {query} | fails: {error[-80:]} | | | | |", flush=True)
            continue
        report[query] = {"millstream": [seconds, peak]}
        cells = [query, f"{seconds:.1f} ({peak / 1e6:.0f})"]
        for name, settings in backends.items():
            if query in before:
                theirs, their_peak = before[query][name]
            else:
                path.write_text(script(query, data, sink, settings))
                printed, their_peak = on_flink({query: path}, ORACLE_GC="G1")
                found = re.search(r"-- done in (\d+) ms", "\n".join(printed[query]))
                theirs = int(found[1]) / 1000 if found else None
            report[query][name] = [theirs, their_peak]
            if theirs is None:
                cells += [f"more than {LONGEST}, or fails", ""]
                continue
            faster[name].append(theirs / seconds)
            smaller[name].append(their_peak / peak)
            cells += [f"{theirs:.1f} ({their_peak / 1e6:.0f})", f"{theirs / seconds:.2f}"]
        print("| " + " | ".join(cells) + " |", flush=True)
        if arguments.report:
            arguments.report.write_text(json.dumps(report, indent=1))
    for name in backends:
        if faster[name]:
            mean = math.exp(sum(map(math.log, faster[name])) / len(faster[name]))
            print(f"\nFlink {name}: {mean:.2f} times Millstream's time (geometric mean), "
                  f"least {min(faster[name]):.2f}; memory at least {min(smaller[name]):.2f} times Millstream's")  # fmt: skip
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["rows", "batch", "bench"])
    parser.add_argument("--events", type=int, help="rows and batch: 1,000,000; bench: 5,000,000")
    parser.add_argument("--query", type=lambda text: text.split(","), default=QUERIES)
    parser.add_argument("--keep", type=pathlib.Path, help="work in this folder and leave it there")
    parser.add_argument("--report", type=pathlib.Path, help="bench: write the figures to this file as JSON")
    parser.add_argument("--flink", type=pathlib.Path, help="bench: take Flink's figures from this report")
    arguments = parser.parse_args()
    if unknown := set(arguments.query) - set(QUERIES):
        sys.exit(f"no such query: {', '.join(sorted(unknown))}")
    if arguments.events is None:
        arguments.events = 5_000_000 if arguments.what == "bench" else 1_000_000
    run = {"rows": rows, "batch": batch, "bench": bench}[arguments.what]
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        return run(arguments, arguments.keep.resolve())
    with tempfile.TemporaryDirectory(prefix="millstream-nexmark-") as folder:
        return run(arguments, pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main())
