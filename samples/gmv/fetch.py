#!/usr/bin/env python3
"""Fetches the CDNOW orders and writes them as data/orders.csv, in the order they were placed.

CDNOW is the purchase history, January 1997 to June 1998, of the 23,570 customers of an online
music shop who first bought in the first quarter of 1997. It ships inside the PyPI package
`lifetimes` (MIT); the data itself carries no licence, so it is fetched here and never committed.

The original is sorted by customer. A shop sees its orders by date, and so does the pipeline: the
rows are sorted by date, those of a day as they stood. Nothing else is changed.
"""

from __future__ import annotations

import datetime
import pathlib
import subprocess
import sys
import tempfile
import zipfile
from decimal import Decimal

PACKAGE = "lifetimes==0.11.3"
MEMBER = "lifetimes/datasets/CDNOW_master.txt"
ORDERS = 69_659
TOTAL = Decimal("2500315.63")
TARGET = pathlib.Path(__file__).resolve().parent / "data" / "orders.csv"


def download() -> str:
    """The text of the master file, out of the package's wheel."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--dest", folder, PACKAGE], check=True)
        wheel = next(pathlib.Path(folder).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(MEMBER).decode("ascii")


def orders(text: str) -> list[tuple[datetime.date, int, int, Decimal]]:
    """(date, customer, number of CDs, dollar value) of each line below the header, by date."""
    rows = []
    for line in text.splitlines()[1:]:
        customer, date, quantity, value = line.split()
        rows.append((
            datetime.datetime.strptime(date, "%Y%m%d").date(),
            int(customer),
            int(quantity),
            Decimal(value),
        ))
    rows.sort(key=lambda row: row[0])
    return rows


def main() -> int:
    if TARGET.exists():
        print(f"{TARGET} is there already", file=sys.stderr)
        return 0
    print(f"fetching the CDNOW orders from the package {PACKAGE}", file=sys.stderr)
    rows = orders(download())
    total = sum(row[3] for row in rows)
    if len(rows) != ORDERS or total != TOTAL:
        print(
            f"expected {ORDERS} orders worth {TOTAL}, found {len(rows)} worth {total}",
            file=sys.stderr,
        )
        return 1
    TARGET.parent.mkdir(exist_ok=True)
    unfinished = TARGET.with_suffix(".unfinished")
    with unfinished.open("w", encoding="ascii", newline="\n") as file:
        for date, customer, quantity, value in rows:
            file.write(f"{customer},{date.isoformat()},{quantity},{value}\n")
    unfinished.rename(TARGET)
    print(f"{TARGET}: {len(rows)} orders worth {total}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
