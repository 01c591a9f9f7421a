"""Pretrained models: loaded once, told apart, and never from a network by surprise."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from skmultimodal.encoders.pretrained._installed import PACKAGED

__all__ = ["EXTRA", "identity_of", "library", "loaded", "source_of"]

EXTRA = "pip install 'skmultimodal[pretrained]'"


def library(name, extra=EXTRA):
    """Return an optional package, or say in one line what to install."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"Pretrained encoders need {name!r}, which is not installed: {extra}"
        ) from error


def source_of(path) -> tuple[str, bool]:
    """Return the name of a model as str, and whether it is a local folder.

    Raises
    ------
    ValueError
        If `path` is written like a path and there is no such folder.
    """
    name = os.fspath(path)
    if Path(name).is_dir():
        return name, True
    written_as_path = (
        not isinstance(path, str)
        or os.path.isabs(name)
        or name.startswith((".", "~"))
        or name.count("/") > 1
        or "\\" in name
    )
    if written_as_path:
        raise ValueError(
            f"There is no folder {name!r}. Pass the folder of a saved model, or the "
            "name of one on a hub, which is downloaded."
        )
    return name, False


def identity_of(path) -> tuple:
    """Return what tells a model from others: its name, or its files and their times."""
    if path in PACKAGED:
        return (path, *PACKAGED[path].files.values())
    if Path(path).is_file():
        files = [Path(path)]
    else:
        name, local = source_of(path)
        if not local:
            return (name,)
        files = sorted(file for file in Path(name).rglob("*") if file.is_file())
    stats = [(str(file), file.stat()) for file in files]
    return tuple((file, stat.st_size, stat.st_mtime_ns) for file, stat in stats)


@lru_cache(maxsize=4)
def loaded(make, path, identity, *args):
    """Return a model for prediction, kept for the next call with the same one."""
    if not hasattr(make, "eval"):  # of another runtime than torch
        return make(path, *args)
    from skmultimodal.training._net import seeded

    with seeded(0):
        return make(path, *args).eval().requires_grad_(False)
