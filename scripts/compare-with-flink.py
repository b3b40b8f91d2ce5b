#!/usr/bin/env python3
"""The samples on Millstream and on a real Flink: the same SQL, the same input, the same rows?

For the fraud sample:
1. `millstream generate` writes a bounded input as CSV;
2. `millstream compile --target flink` gives the SQL of features.toml, and that very text runs on
   Millstream and on Flink; so does the embedded form of the pipeline, from its generator;
3. the SQL of pipeline.toml, with the model, goes to Flink, whose only complaint must be the missing
   'onnx' provider; with a constant model in its place (flink/oracle) the rest of it must run.
For the gmv sample: both engines on the CDNOW orders, and the total to the cent.

Rows are compared as multisets of fields: numbers by value (Flink writes 10.00 as 1E+1), text as text.
"""

from __future__ import annotations

import argparse
import collections
import csv
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from decimal import Decimal, InvalidOperation

import samples

ORACLE = samples.ROOT / "flink" / "oracle" / "run"
MISSING_PROVIDER = (
    "Could not find any factories that implement "
    "'org.apache.flink.table.factories.ModelProviderFactory' in the classpath."
)
CDNOW_TOTAL = Decimal("2500315.63")


def field(text: str):
    """A number by its value, anything else as it stands."""
    try:
        return Decimal(text).normalize()
    except InvalidOperation:
        return text


def rows(folder: pathlib.Path) -> collections.Counter:
    found = collections.Counter()
    for lines in samples.sorted_output(folder).values():
        text = (line.decode() for line in lines)
        found.update(tuple(map(field, row)) for row in csv.reader(text))
    return found


def millstream(*arguments: str, cwd: pathlib.Path) -> str:
    done = subprocess.run(
        [samples.binary(), *arguments], cwd=cwd, text=True, capture_output=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"millstream {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


def flink(script: pathlib.Path, cwd: pathlib.Path, model: str = "") -> tuple[int, str]:
    done = subprocess.run(
        [str(ORACLE), "--quiet", str(script)], cwd=cwd, text=True, capture_output=True,
        env=os.environ | {"ORACLE_MODEL": model}, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def report(what: str, ours: collections.Counter, theirs: collections.Counter) -> bool:
    missing, surplus = theirs - ours, ours - theirs
    if not missing and not surplus and theirs:
        print(f"{what}: equal, {theirs.total()} rows", flush=True)
        return True
    print(
        f"{what}: DIFFERENT. Flink {theirs.total()} rows, Millstream {ours.total()}; "
        f"only Flink {missing.total()}, only Millstream {surplus.total()}",
        flush=True,
    )
    for name, side in (("Flink", missing), ("Millstream", surplus)):
        for row in sorted(map(str_row, side))[:5]:
            print(f"  only {name}: {row}")
    return False


def str_row(row: tuple) -> str:
    return ",".join(f"{part:f}" if isinstance(part, Decimal) else part for part in row)


def moved(folder: pathlib.Path, name: str) -> collections.Counter:
    """The rows below `out`, which then makes room for the next engine."""
    out = folder / "out"
    found = rows(out)
    shutil.move(out, folder / f"out-{name}")
    return found


def compile_for_flink(folder: pathlib.Path, document: str) -> pathlib.Path:
    script = folder / f"{pathlib.Path(document).stem}.flink.sql"
    millstream("compile", document, "--target", "flink", "-o", str(script), cwd=folder)
    return script


def fraud_features(work: pathlib.Path, count: int, parallelism: int) -> bool:
    folder = samples.copy("fraud", work / "fraud", count)
    millstream("generate", "features.toml", "--rows", str(count), cwd=folder)
    script = compile_for_flink(folder, "features.toml")
    code, output = flink(script, folder)
    if code != 0:
        print(f"fraud features: Flink refused the SQL:\n{output}")
        return False
    theirs = moved(folder, "flink")
    run = ["--parallelism", str(parallelism), "--fresh", "--state-dir"]
    millstream("run", script.name, *run, str(folder / "state-sql"), cwd=folder)
    same_sql = report("fraud features, the same SQL text", moved(folder, "sql"), theirs)
    millstream("run", "features.toml", *run, str(folder / "state-toml"), cwd=folder)
    generated = report("fraud features, from the generator", moved(folder, "toml"), theirs)
    return same_sql and generated


def fraud_model(work: pathlib.Path) -> bool:
    folder = samples.copy("fraud", work / "fraud-model", 100)
    millstream("generate", "pipeline.toml", "--rows", "100", cwd=folder)
    script = compile_for_flink(folder, "pipeline.toml")
    code, output = flink(script, folder)
    if code == 0:
        print("fraud with the model: Flink accepted it all, but knows no 'onnx' provider?")
        return False
    causes = re.findall(r"^  (\w+: .*)$", output, flags=re.MULTILINE)
    statements = re.findall(r"^error in: (.*)$", output, flags=re.MULTILINE)
    if len(statements) != 1 or not causes or not causes[-1].endswith(MISSING_PROVIDER):
        print(f"fraud with the model: Flink complains otherwise:\n{output}")
        return False
    print("fraud with the model: Flink's only complaint is the missing 'onnx' provider")
    text = script.read_text()
    script.write_text(re.sub(r"('provider'\s*=\s*)'onnx'", r"\1'constant'", text))
    code, output = flink(script, folder, model="constant")
    alerts = rows(folder / "out" / "alerts").total()
    if code != 0 or alerts != 100:
        print(f"fraud with a constant model: {alerts} alerts of 100 from Flink\n{output}")
        return False
    print("fraud with a constant model: Flink runs the rest of the script")
    return True


def gmv(work: pathlib.Path, parallelism: int) -> bool:
    folder = samples.copy("gmv", work / "gmv")
    script = compile_for_flink(folder, "pipeline.toml")
    code, output = flink(script, folder)
    if code != 0:
        print(f"gmv: Flink refused the SQL:\n{output}")
        return False
    theirs = moved(folder, "flink")
    run = ["--parallelism", str(parallelism), "--fresh", "--state-dir", str(folder / "state")]
    millstream("run", "pipeline.toml", *run, cwd=folder)
    total = rows(folder / "out" / "total")
    right = [row[-1] for row in total] == [CDNOW_TOTAL]
    print(f"gmv total: {', '.join(map(str_row, total))}{'' if right else f', not {CDNOW_TOTAL}'}")
    return report("gmv", moved(folder, "millstream"), theirs) and right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000, help="events of the fraud input")
    parser.add_argument("--parallelism", type=int, default=1, help="of Millstream; Flink runs at 1")
    parser.add_argument("--only", choices=["fraud", "fraud-model", "gmv"])
    parser.add_argument("--keep", action="store_true", help="keep the working folder")
    arguments = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="millstream-compare-"))
    checks = {
        "fraud": lambda: fraud_features(work, arguments.rows, arguments.parallelism),
        "fraud-model": lambda: fraud_model(work),
        "gmv": lambda: gmv(work, arguments.parallelism),
    }
    try:
        results = [run() for name, run in checks.items() if arguments.only in (None, name)]
    finally:
        if arguments.keep:
            print(f"kept: {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
