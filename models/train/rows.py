"""Rows and what a model gives for them, as a Parquet file: a column `in.TENSOR` for every input and `out.TENSOR` for
every output. A tensor of one value a row is a plain column, a wider one a list column; element types are the tensor's."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ARROW = {
    "float32": pa.float32(),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "bool": pa.bool_(),
    "object": pa.string(),
}


def write_rows(path, inputs, outputs):
    rows = len(next(iter(inputs.values())))
    columns = {f"in.{name}": column(value, rows) for name, value in inputs.items()}
    columns |= {f"out.{name}": column(value, rows) for name, value in outputs.items()}
    pq.write_table(pa.table(columns), path, compression="snappy")


def column(value, rows):
    value = np.asarray(value)
    if value.shape[:1] != (rows,):
        raise ValueError(f"{rows} rows went in and a tensor of shape {value.shape} came out")
    flat = value.reshape(rows, -1)
    kind = ARROW["object" if flat.dtype.kind in "OUS" else flat.dtype.name]
    values = pa.array(flat.ravel().tolist() if kind == pa.string() else flat.ravel(), kind)
    if flat.shape[1] == 1:
        return values
    offsets = pa.array(np.arange(0, flat.size + 1, flat.shape[1], dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, values)
