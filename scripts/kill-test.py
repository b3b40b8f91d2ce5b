#!/usr/bin/env python3
"""Kills a sample with SIGKILL at random moments and checks that nothing was lost or doubled.

The sample is run once undisturbed. Then, run by run, in a fresh copy: start it, kill it after a
random time, start it again with the same --state-dir, and so on for a random number of kills, until
it ends by itself. What it wrote, sorted, must equal the undisturbed output byte for byte, and no
unfinished file may be left. With --resume-parallelism, the restarts take the given parallelisms in
turn, so that a checkpoint of one parallelism is restored at another.

    scripts/kill-test.py fraud --runs 50 --rows 2000000 --parallelism 2
    scripts/kill-test.py fraud --runs 4 --parallelism 2 --resume-parallelism 1,3
    scripts/kill-test.py gmv --runs 20

Every run prints its seed; `--seed N --runs 1` repeats one (as far as time repeats itself).
"""

from __future__ import annotations

import argparse
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import samples

# Short, so that a kill finds checkpoints to go on from, and some in the making.
INTERVAL = {"fraud": "150 ms", "gmv": "20 ms"}


class Failure(Exception):
    """A run that did not end as the undisturbed one did."""


def prepare(
    arguments: argparse.Namespace, target: pathlib.Path, rows: int | None
) -> pathlib.Path:
    folder = samples.copy(arguments.sample, target, rows)
    # Every run starts from what the first one saw, whatever happens to the sample meanwhile.
    first = target.parent / "undisturbed"
    if folder != first:
        for document in [*first.glob("*.toml"), *first.glob("*.onnx")]:
            shutil.copy(document, folder / document.name)
        return folder
    samples.checkpoint_every(folder / arguments.pipeline, INTERVAL[arguments.sample])
    return folder


def restores(folder: pathlib.Path) -> int:
    """How many of the runs went on from a checkpoint."""
    return (folder / "log").read_text(errors="replace").count("going on from checkpoint")


def command(folder: pathlib.Path, arguments: argparse.Namespace, parallelism: int) -> list[str]:
    return [
        samples.binary(), "run", str(folder / arguments.pipeline),
        "--parallelism", str(parallelism), "--state-dir", str(folder / "state"),
    ]  # fmt: skip


def start(folder: pathlib.Path, arguments: argparse.Namespace, parallelism: int):
    log = (folder / "log").open("ab")
    return subprocess.Popen(
        command(folder, arguments, parallelism), cwd=folder, stdout=log, stderr=log
    )


def finish(process: subprocess.Popen, folder: pathlib.Path) -> None:
    if process.wait() != 0:
        tail = (folder / "log").read_text(errors="replace").splitlines()[-15:]
        raise Failure(f"exit code {process.returncode}:\n  " + "\n  ".join(tail))


def disturbed(folder: pathlib.Path, arguments: argparse.Namespace, seconds: float, seed: int):
    """One run with kills; the number of kills that hit it alive."""
    chance = random.Random(seed)
    parallelisms = arguments.resume_parallelism or [arguments.parallelism]
    kills = 0
    process = start(folder, arguments, arguments.parallelism)
    for _ in range(chance.randint(1, arguments.max_kills)):
        # Early moments too: a restore that is killed must restore again.
        try:
            process.wait(timeout=chance.uniform(0.01, seconds * 0.9))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
            process = start(folder, arguments, parallelisms[(kills - 1) % len(parallelisms)])
    finish(process, folder)
    return kills


def compare(expected: dict[str, list[bytes]], folder: pathlib.Path) -> None:
    got = samples.sorted_output(folder / "out")
    if got != expected:
        lines = ["the output differs:"]
        for sink in sorted(expected.keys() | got.keys()):
            want, have = expected.get(sink, []), got.get(sink, [])
            if want != have:
                missing, extra = difference(want, have)
                lines.append(f"  {sink}: {len(want)} lines expected, {len(have)} written")
                lines += [f"    missing {line!r}" for line in missing[:3]]
                lines += [f"    surplus {line!r}" for line in extra[:3]]
        raise Failure("\n".join(lines))
    if left := samples.leftovers(folder / "out"):
        raise Failure(f"unfinished files were left: {', '.join(left[:5])}")


def difference(want: list[bytes], have: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Lines only in one of two sorted lists, as multisets."""
    missing, extra = [], []
    i = j = 0
    while i < len(want) or j < len(have):
        if j == len(have) or (i < len(want) and want[i] < have[j]):
            missing.append(want[i])
            i += 1
        elif i == len(want) or have[j] < want[i]:
            extra.append(have[j])
            j += 1
        else:
            i, j = i + 1, j + 1
    return missing, extra


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sample", choices=["fraud", "gmv"])
    parser.add_argument("--pipeline", default="pipeline.toml", help="the document to run")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--rows", type=int, default=2_000_000, help="events of the generator")
    parser.add_argument("--parallelism", type=int, default=1)
    parser.add_argument(
        "--resume-parallelism",
        type=lambda text: [int(part) for part in text.split(",")],
        help="parallelisms of the restarts, in turn",
    )
    parser.add_argument("--max-kills", type=int, default=4, help="kills per run, at most")
    parser.add_argument("--seed", type=int, default=None, help="of the first run")
    parser.add_argument("--keep", action="store_true", help="keep the folders of failed runs")
    arguments = parser.parse_args()
    first_seed = random.SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed
    rows = arguments.rows if arguments.sample == "fraud" else None

    work = pathlib.Path(tempfile.mkdtemp(prefix=f"millstream-kill-{arguments.sample}-"))
    try:
        folder = prepare(arguments, work / "undisturbed", rows)
        begin = time.monotonic()
        finish(start(folder, arguments, arguments.parallelism), folder)
        seconds = time.monotonic() - begin
        expected = samples.sorted_output(folder / "out")
        lines = sum(len(sink) for sink in expected.values())
        if lines == 0:
            raise Failure("the undisturbed run wrote nothing")
        print(f"undisturbed: {lines} lines in {seconds:.1f} s", flush=True)

        failures = kills = restored = 0
        for run in range(arguments.runs):
            seed = first_seed + run
            folder = prepare(arguments, work / f"run-{seed}", rows)
            try:
                hit = disturbed(folder, arguments, seconds, seed)
                kills += hit
                restored += restores(folder)
                compare(expected, folder)
                print(
                    f"seed {seed}: killed {hit} times, went on from a checkpoint"
                    f" {restores(folder)} times, output equal",
                    flush=True,
                )
            except Failure as failure:
                failures += 1
                print(f"seed {seed}: FAILED: {failure}", flush=True)
                if arguments.keep:
                    print(f"  kept: {folder}", flush=True)
                    continue
            shutil.rmtree(folder)
        print(f"{kills} kills, {restored} of the restarts went on from a checkpoint")
        print(f"{arguments.runs - failures} passed, {failures} failed")
        return 1 if failures else 0
    except Failure as failure:
        print(f"the undisturbed run failed: {failure}")
        return 1
    finally:
        if not arguments.keep:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
