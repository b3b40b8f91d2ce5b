"""Reads rows of features that a pipeline wrote as CSV files."""

import glob
import pathlib
import sys

import numpy as np


def paths(pattern):
    if pathlib.Path(pattern).is_dir():
        pattern = f"{pattern}/**"
    found = sorted(
        path
        for path in glob.glob(pattern, recursive=True)
        if pathlib.Path(path).is_file() and not pathlib.Path(path).name.startswith((".", "_"))
    )
    if not found:
        sys.exit(f"no files match {pattern}")
    return found


def number(text):
    if text in ("", "NULL", "\\N"):
        return np.nan
    if text in ("true", "TRUE"):
        return 1.0
    if text in ("false", "FALSE"):
        return 0.0
    return float(text)
