#!/usr/bin/env python3
"""Events per second of the fraud sample, with and without the model, at several parallelisms.

Each figure is one whole process over a bounded input from the generator, its rows thrown away
(`blackhole`) so that the disk is not what is measured: wall time, events per second, events per
second and core that was kept busy, peak memory. The job's own summary (time by operator) follows.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time

import samples


def without_files(script: pathlib.Path) -> None:
    """Points every filesystem sink of a compiled script at nothing."""
    text = script.read_text()
    text, count = re.subn(
        r"WITH \(\s*'connector' = 'filesystem',[^)]*\)", "WITH ('connector' = 'blackhole')", text
    )
    if count == 0:
        sys.exit(f"no filesystem sink in {script}")
    script.write_text(text)


def measure(command: list[str], cwd: pathlib.Path) -> tuple[float, float, float, str]:
    """(wall seconds, cpu seconds, peak MiB, what it printed) of one process."""
    log = cwd / "log"
    begin = time.monotonic()
    with log.open("wb") as out:
        redirect = [(os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, out.fileno(), 2)]
        os.chdir(cwd)
        process = os.posix_spawn(command[0], command, os.environ, file_actions=redirect)
        _, status, usage = os.wait4(process, 0)
    wall = time.monotonic() - begin
    text = log.read_text(errors="replace")
    if status != 0:
        sys.exit(f"{' '.join(command)} failed:\n{text}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--parallelism", default="1,2", help="one or more, with commas")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each; the best is shown")
    parser.add_argument("--verbose", action="store_true", help="print each job's own summary")
    arguments = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="millstream-bench-"))
    try:
        folder = samples.copy("fraud", work / "fraud", arguments.rows)
        print(f"{arguments.rows:,} events of the fraud sample, {os.cpu_count()} cores here")
        print(f"{'pipeline':<10} {'par.':>4} {'seconds':>8} {'events/s':>11} {'events/s/core':>14} {'peak MiB':>9}")
        for name, document in (("features", "features.toml"), ("scored", "pipeline.toml")):
            script = folder / f"{name}.sql"
            measure([samples.binary(), "compile", document, "--target", "embedded", "-o", str(script)], folder)
            without_files(script)
            for parallelism in map(int, arguments.parallelism.split(",")):
                command = [
                    samples.binary(), "run", str(script), "--parallelism", str(parallelism),
                    "--state-dir", str(folder / "state"), "--fresh",
                ]  # fmt: skip
                runs = [measure(command, folder) for _ in range(arguments.repeat)]
                wall, cpu, memory, summary = min(runs)
                print(
                    f"{name:<10} {parallelism:>4} {wall:>8.2f} {arguments.rows / wall:>11,.0f} "
                    f"{arguments.rows / cpu:>14,.0f} {memory:>9,.0f}",
                    flush=True,
                )
                if arguments.verbose:
                    print(summary)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
