"""Training and prediction over Parquet files, a block of rows at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pandas as pd

from skmultimodal.data._files import is_url
from skmultimodal.distributed._frames import (
    check_method,
    frame_of,
    import_extra,
    predictions,
    seen_columns,
)

__all__ = ["partial_fit_parquet", "predict_parquet"]


def partial_fit_parquet(
    est: Any,
    source: Any,
    target: str | list[str],
    *,
    columns: list[str] | None = None,
    classes: Any = None,
    epochs: int = 1,
    batch_rows: int = 8192,
) -> Any:
    """Train on the rows of Parquet files, one block after the other.

    Blocks have `batch_rows` rows wherever files and row groups end, so that the
    result depends on the order of the rows alone. One block is in memory at a time,
    beside one row group. The first block fits the preprocessing: rows should be
    shuffled where they are written.

    Read more in the :ref:`User Guide <larger>`.

    Parameters
    ----------
    est : FusionClassifier, FusionRegressor or FusionTransformer
        Trained on in place; it goes on where it was, if fitted.
    source : str, path-like, list of them or pyarrow.dataset.Dataset
        Files or a folder, by path or by URL, as :func:`pyarrow.dataset.dataset`
        takes them; a Dataset of Parquet without a filter.
    target : str or list of str
        Column of the labels or values; several for several outputs.
    columns : list of str, default=None
        Columns that are read for X; all but `target` if None.
    classes : array-like of shape (n_classes,), default=None
        All labels; those of the first block if None.
    epochs : int, default=1
        Passes over the rows.
    batch_rows : int, default=8192
        Rows of a block. The mini-batches of a block have the estimator's
        ``batch_size``.

    Returns
    -------
    est : estimator
        The same object.

    Raises
    ------
    ImportError
        If pyarrow is not installed, or fsspec for a URL that pyarrow does not know.
    ValueError
        If there is no row, or no such column.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, pandas as pd
    >>> from skmultimodal import FusionClassifier
    >>> from skmultimodal.distributed import partial_fit_parquet
    >>> rng = np.random.default_rng(0)
    >>> rows = pd.DataFrame({"a": rng.normal(size=99), "b": rng.normal(size=99)})
    >>> rows["label"] = rows["a"] > 0
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows.to_parquet(f"{folder}/0.parquet")
    ...     clf = FusionClassifier(fusion="parallel", random_state=0)
    ...     clf = partial_fit_parquet(clf, folder, "label", epochs=2, batch_rows=50)
    >>> clf.n_iter_
    4
    """
    dataset = _dataset(source, "partial_fit_parquet")
    targets = [target] if isinstance(target, str) else list(target)
    columns = _columns(dataset, columns, targets)
    for _ in range(epochs):
        empty = True
        for block in _blocks(dataset, [*columns, *targets], batch_rows):
            rows, empty = frame_of(block), False
            y = rows[targets[0]] if isinstance(target, str) else rows[targets]
            est.partial_fit(rows[columns], y, classes=classes)
        if empty:
            raise ValueError("partial_fit_parquet found no row in 'source'.")
    return est


def predict_parquet(
    est: Any,
    source: Any,
    destination: str | os.PathLike,
    *,
    method: str = "predict",
    columns: list[str] | None = None,
    keep: tuple[str, ...] | list[str] = (),
    batch_rows: int = 8192,
) -> None:
    """Predict the rows of Parquet files into another one, block by block.

    The file is there when all of it is: until then it has ``.part`` in its name.

    Read more in the :ref:`User Guide <larger>`.

    Parameters
    ----------
    est : estimator
        Fitted.
    source : str, path-like, list of them or pyarrow.dataset.Dataset
        Files or a folder, by path or by URL.
    destination : str or path-like
        The Parquet file to write, by path or by URL.
    method : {"predict", "predict_proba", "decision_function", "transform"}, \
            default="predict"
        What to ask of `est`.
    columns : list of str, default=None
        Columns that are read for X; those seen in `fit` if None.
    keep : list of str, default=()
        Columns to copy beside the predictions, such as the key of a row.
    batch_rows : int, default=8192
        Rows of a block.

    Raises
    ------
    ImportError
        If pyarrow is not installed, or fsspec for a URL that pyarrow does not know.
    ValueError
        If `est` has no such method, or a column is not there.

    See Also
    --------
    predict_dask : The same in several processes or on several machines.
    """
    dataset = _dataset(source, "predict_parquet")
    check_method("predict_parquet", est, method)
    if columns is None:
        columns = seen_columns(est, dataset.schema.names)
    columns = _columns(dataset, columns, [])
    wanted = list(dict.fromkeys([*columns, *_columns(dataset, list(keep), [])]))
    filesystem, path = _filesystem(destination)
    part = f"{path}.part"
    tables = (
        _predicted(est, block, method, columns, keep)
        for block in _blocks(dataset, wanted, batch_rows)
    )
    try:
        with filesystem.open_output_stream(part) as file:
            _write(tables, file)
        filesystem.move(part, path)
    except BaseException:
        if filesystem.get_file_info(part).is_file:
            filesystem.delete_file(part)
        raise


def _predicted(est, block, method, columns, keep):
    """Return the predictions for a block as a table, after the columns to keep."""
    import pyarrow

    found = predictions(est, frame_of(block.select(columns)), method)
    found = found.to_frame() if isinstance(found, pd.Series) else found
    out = pyarrow.Table.from_pandas(found, preserve_index=False)
    for i, name in enumerate(keep):
        out = out.add_column(i, name, block[name])
    return out


def _write(tables, file):
    """Write tables to a Parquet file one by one."""
    from pyarrow.parquet import ParquetWriter

    first = next(tables, None)
    if first is None:
        raise ValueError("predict_parquet found no row in 'source'.")
    with ParquetWriter(file, first.schema) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)


def _dataset(source, owner):
    """Return the rows as a pyarrow Dataset."""
    datasets = import_extra("pyarrow.dataset", owner, "parquet")
    if isinstance(source, datasets.Dataset):
        return source
    if isinstance(source, list | tuple):
        pairs = [_filesystem(one) for one in source]
        paths = [path for _, path in pairs]
        return datasets.dataset(paths, filesystem=pairs[0][0], format="parquet")
    filesystem, path = _filesystem(source)
    return datasets.dataset(path, filesystem=filesystem, format="parquet")


def _filesystem(path):
    """Return the pyarrow file system of a path or URL, and the path on it."""
    from pyarrow import fs

    path = os.fspath(path)
    if not is_url(path):
        return fs.LocalFileSystem(), os.path.abspath(path)
    core = import_extra("fsspec.core", f"Reading {path!r}", "dask")
    filesystem, inner = core.url_to_fs(path)
    return fs.PyFileSystem(fs.FSSpecHandler(filesystem)), inner


def _columns(dataset, columns, others):
    """Return the columns to read for X, refusing those that are not there."""
    known = dataset.schema.names
    if columns is None:
        columns = [name for name in known if name not in others]
    lost = [name for name in [*columns, *others] if name not in known]
    if lost:
        raise ValueError(f"The Parquet files have the columns {known}, but not {lost}.")
    return list(columns)


def _batches(dataset, columns, batch_rows) -> Iterator[Any]:
    """Yield batches, one row group in memory at a time.

    A scan of the whole data set reads ahead of training, by hundreds of megabytes.
    """
    for fragment in dataset.get_fragments():
        for group in fragment.split_by_row_group():
            table = group.to_table(schema=dataset.schema, columns=columns)
            yield from table.to_batches(max_chunksize=batch_rows)


def _blocks(dataset, columns, batch_rows) -> Iterator[Any]:
    """Yield tables of `batch_rows` rows, and one of what remains."""
    import pyarrow

    kept: list[Any] = []  # record batches
    n_kept = 0
    for batch in _batches(dataset, columns, batch_rows):
        while n_kept + len(batch) >= batch_rows:
            cut = batch_rows - n_kept
            yield pyarrow.Table.from_batches([*kept, batch.slice(0, cut)])
            batch, kept, n_kept = batch.slice(cut), [], 0
        if len(batch):
            kept, n_kept = [*kept, batch], n_kept + len(batch)
    if kept:
        yield pyarrow.Table.from_batches(kept)
