"""Files by path, and by URL of the file systems that fsspec knows."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

__all__ = ["is_url", "join", "source_of", "url_key"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(::[A-Za-z0-9+.-]+)*://")


def is_url(path: str | os.PathLike) -> bool:
    """Tell whether a path is a URL, such as ``s3://images/1.png``.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    bool

    Examples
    --------
    >>> from skmultimodal.data._files import is_url
    >>> is_url("memory://a.png"), is_url("folder/a.png")
    (True, False)
    """
    return isinstance(path, str) and _SCHEME.match(path) is not None


def join(root: str | os.PathLike | None, path: str | os.PathLike) -> str:
    """Return a path as seen from `root`; a URL stands for itself."""
    if is_url(path) or not root:
        return os.fspath(path)
    if is_url(root):
        return f"{os.fspath(root).rstrip('/')}/{os.fspath(path).lstrip('/')}"
    return os.path.join(root, path)


def source_of(
    path: str | os.PathLike, root: str | os.PathLike | None = None
) -> Path | io.BytesIO:
    """Return what Pillow and soundfile open: a local path, or a file's bytes.

    Parameters
    ----------
    path : str or path-like
        A local path, or the URL of any file system that fsspec knows.
    root : str or path-like, default=None
        Folder, or URL of one, that a relative path starts from.

    Returns
    -------
    Path or BytesIO

    Raises
    ------
    ImportError
        When a URL needs fsspec and it is not installed.
    OSError
        When the file cannot be read.
    ValueError
        When no file system has the URL's protocol.
    """
    if not os.fspath(path).strip():
        raise FileNotFoundError(
            "expected the path of a file, got an empty text; None and NaN mark absent "
            "cells, and missing_values='' takes empty texts as such"
        )
    whole = join(root, path)
    if not is_url(whole):
        return Path(whole)
    try:
        with _fsspec(whole).open(whole, "rb") as file:
            return io.BytesIO(file.read())
    except ImportError as error:
        if repr(whole) in str(error):
            raise
        raise ImportError(
            f"Reading {whole!r}: {error}. Or download the files and give their paths."
        ) from error


def url_key(url: str) -> str | None:
    """Return a text that changes with the file; None where it cannot be had.

    A web address is not asked, for it may be part of a text.
    """
    if url.startswith(("http://", "https://")):
        return None
    try:
        filesystem, path = _fsspec(url).core.url_to_fs(url)
        return filesystem.ukey(path)
    except (ImportError, OSError, ValueError):
        return None


def _fsspec(url):
    try:
        import fsspec
    except ImportError as error:
        raise ImportError(
            f"Reading {url!r} needs fsspec: pip install 'skmultimodal[dask]' or "
            "fsspec itself"
        ) from error
    return fsspec
