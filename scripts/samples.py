"""What the scripts beside this file share: the binary, copies of a sample, and what it wrote."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def binary() -> str:
    """The `millstream` to run: $MILLSTREAM, or what `make build` made."""
    chosen = os.environ.get("MILLSTREAM")
    if chosen:
        return str(pathlib.Path(chosen).resolve())
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [target / profile / "millstream" for profile in ("release", "debug")]
    for path in built:
        if path.exists():
            return str(path)
    sys.exit(f"no millstream at {built[0]}: run `make build`, or set MILLSTREAM to one")


def copy(sample: str, target: pathlib.Path, rows: int | None = None) -> pathlib.Path:
    """A copy of a sample in which nothing has run yet, its generator bounded to `rows`."""
    source = ROOT / "samples" / sample
    if sample == "gmv" and not (source / "data" / "orders.csv").exists():
        subprocess.run([sys.executable, str(source / "fetch.py")], check=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("out", "state", "__pycache__"))
    if rows is not None:
        for document in target.glob("*.toml"):
            bound_generator(document, rows)
    return target


def bound_generator(document: pathlib.Path, rows: int) -> None:
    """Sets `number-of-rows` of the generator in a pipeline document."""
    text = document.read_text()
    text = re.sub(r"^number-of-rows = .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(
        r'^(generator = ".*"\n)', rf"\g<1>number-of-rows = {rows}\n", text, flags=re.MULTILINE
    )
    document.write_text(text)


def checkpoint_every(document: pathlib.Path, interval: str) -> None:
    """Sets the checkpoint interval of a pipeline document."""
    text, count = re.subn(
        r'^"execution.checkpointing.interval" = ".*"$',
        f'"execution.checkpointing.interval" = "{interval}"',
        document.read_text(), flags=re.MULTILINE,
    )  # fmt: skip
    if count != 1:
        sys.exit(f"{document} sets no checkpoint interval")
    document.write_text(text)


def sorted_output(folder: pathlib.Path) -> dict[str, list[bytes]]:
    """The committed lines below a folder, sorted: sink folder -> lines. Hidden files don't count."""
    sinks: dict[str, list[bytes]] = {}
    for file in sorted(folder.rglob("*")):
        relative = file.relative_to(folder)
        if file.is_file() and not any(part.startswith((".", "_")) for part in relative.parts):
            sinks.setdefault(str(relative.parent), []).extend(
                file.read_bytes().splitlines(keepends=True)
            )
    return {sink: sorted(lines) for sink, lines in sinks.items()}


def leftovers(folder: pathlib.Path) -> list[str]:
    """Hidden files below a folder: a finished job leaves none behind."""
    return [str(f.relative_to(folder)) for f in folder.rglob(".*") if f.is_file()]
