#!/usr/bin/env python3
"""Asks a real Flink 2.3.0 for the answers of tests/conformance and writes them into the cases.

A case is a script whose last statement is a query over the tables of tests/conformance/tables.sql.
Below the line `-- Flink 2.3.0:` stands what Flink answered: the columns with their types and every
change, or the error. A case with the line `-- compare: table` reads several inputs, whose rows meet in any order: of
it the table is kept that the changes add up to. `--check` compares instead of writing; names of cases choose some of them.
"""

from __future__ import annotations

import argparse
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

import samples

FOLDER = samples.ROOT / "tests" / "conformance"
MARK = "-- Flink 2.3.0:\n"
TABLE = "-- compare: table\n"


def answers(scripts: dict[str, pathlib.Path]) -> dict[str, list[str]]:
    """What Flink printed for each script: one JVM for all."""
    done = subprocess.run(
        [str(samples.ROOT / "flink" / "oracle" / "run"), *map(str, scripts.values())],
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    names = {str(path): name for name, path in scripts.items()}
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if line.startswith("### "):
            current = found.setdefault(names[line[4:]], [])
        else:
            current.append(line)
    if found.keys() != scripts.keys():
        sys.exit(f"Flink did not answer all cases:\n{done.stderr}")
    return {name: answer(lines) for name, lines in found.items()}


def answer(lines: list[str]) -> list[str]:
    for at, line in enumerate(lines):
        if line.startswith("error in: "):
            # The last cause is the one that says what is wrong; its first line is the message.
            causes = [text for text in lines[at + 1 :] if text[2:3].strip() and ": " in text]
            return ["error: " + causes[-1].split(": ", 1)[1]]
    header, *rows = lines
    return ["columns: " + header.removeprefix("-- "), *rows]


def table(changes: list[str]) -> list[str]:
    """The rows that are left of a changelog, sorted."""
    rows: collections.Counter[str] = collections.Counter()
    for change in changes:
        kind, row = change[:2], change[2:]
        rows[row] += 1 if kind in ("+I", "+U") else -1
    if negative := [row for row, count in rows.items() if count < 0]:
        sys.exit(f"taken back and never there: {negative}")
    return sorted("+I" + row for row in rows.elements())


def on_purpose() -> set[str]:
    """The cases in which Millstream differs from Flink on purpose: listed, with the reasons, in the test."""
    test = (samples.ROOT / "tests" / "tests" / "flink_answers.rs").read_text()
    listed = re.search(r"const DIFFERENT: &\[&str\] = &\[(.*?)\];", test, re.DOTALL)
    return set(re.findall(r'"(\w+)"', listed[1])) if listed else set()


def sorted_maps(row: str) -> str:
    """The row with the entries of its maps in order: Java's maps have none."""
    return re.sub(r"\{([^{}]*)\}", lambda m: "{" + ", ".join(sorted(m[1].split(", "))) + "}", row)


def on_millstream(script: pathlib.Path, recorded: list[str], by_table: bool) -> str | None:
    """How the rows that Millstream gives for a script differ from the recorded ones."""
    done = subprocess.run(
        [samples.binary(), "run", str(script), "--parallelism", "2" if by_table else "1"],
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    if recorded[0].startswith("error: "):
        return None if done.returncode else "Flink refuses it, Millstream does not"
    if done.returncode:
        return done.stderr.strip()
    # At parallelism 2 each row is led by the number of its task.
    rows = [re.sub(r"^\d+> ", "", row) for row in done.stdout.splitlines()]
    rows = table(rows) if by_table else rows
    wanted = collections.Counter(map(sorted_maps, recorded[1:]))
    got = collections.Counter(map(sorted_maps, rows))
    if wanted == got:
        return None
    lines = [f"  - {row}" for row in (wanted - got).elements()]
    return "\n".join(lines + [f"  + {row}" for row in (got - wanted).elements()])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument(
        "--millstream", action="store_true", help="run the cases on Millstream too, and compare"
    )
    parser.add_argument("names", nargs="*", help="cases; all without")
    arguments = parser.parse_args()
    cases = {path.stem: path for path in sorted((FOLDER / "cases").glob("*.sql"))}
    if unknown := set(arguments.names) - cases.keys():
        sys.exit(f"no such case: {', '.join(sorted(unknown))}")
    chosen = {name: cases[name] for name in arguments.names or cases}
    tables = (FOLDER / "tables.sql").read_text().replace("${data}", str(FOLDER / "data"))

    different = 0
    wrong = []
    purpose = []
    with tempfile.TemporaryDirectory() as folder:
        scripts = {}
        for name, path in chosen.items():
            scripts[name] = pathlib.Path(folder, path.name)
            scripts[name].write_text(tables + path.read_text())
        for name, lines in answers(scripts).items():
            query = chosen[name].read_text().split(MARK)[0].rstrip("\n") + "\n\n"
            if TABLE in query and lines[0].startswith("columns: "):
                lines = [lines[0], *table(lines[1:])]
            text = query + MARK + "".join(f"-- {line}\n" for line in lines)
            if text != chosen[name].read_text():
                different += 1
                print(f"{name}: {'differs' if arguments.check else 'recorded'}")
                if not arguments.check:
                    chosen[name].write_text(text)
            if arguments.millstream:
                how = on_millstream(scripts[name], lines, TABLE in query)
                if how is not None and name in on_purpose():
                    purpose.append(name)
                elif how is not None:
                    wrong.append(name)
                    print(f"{name}: Millstream gives something else\n{how}")
    print(f"{len(chosen)} cases, {different} {'different' if arguments.check else 'written'}")
    if arguments.millstream:
        print(f"{len(chosen) - len(wrong) - len(purpose)} of them are equal on Millstream")
        if purpose:
            names = ", ".join(purpose)
            print(f"{len(purpose)} differ on purpose (why: tests/tests/flink_answers.rs): {names}")
    return 1 if wrong or (arguments.check and different) else 0


if __name__ == "__main__":
    sys.exit(main())
