"""The list of the zoo's models; `exported.py` and `raw.py` fill it."""

import dataclasses
import typing

MODELS = []


@dataclasses.dataclass
class Entry:
    name: str
    family: str
    exporter: str
    notable: str
    # (rng, rows) -> (onnx model, {input: array})
    make: typing.Callable

    def facts(self):
        return {"name": self.name, "family": self.family, "exporter": self.exporter, "notable": self.notable}


def add(name, family, exporter, notable, make):
    if any(entry.name == name for entry in MODELS):
        raise ValueError(f"two models named {name}")
    MODELS.append(Entry(name, family, exporter, notable, make))
