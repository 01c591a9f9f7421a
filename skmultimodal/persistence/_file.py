"""Save fitted estimators to one file that runs no code when it is loaded."""

from __future__ import annotations

import hashlib
import io
import json
import os
import uuid
import warnings
import zipfile
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from sklearn.exceptions import InconsistentVersionWarning

from skmultimodal import __version__
from skmultimodal._warnings import warn
from skmultimodal.persistence._codec import Decoder, Encoder, full_name

__all__ = ["load", "save", "trim"]

FORMAT = 1
PACKAGES = ("numpy", "pandas", "scikit-learn", "torch")
MARK = b"skmultimodal sha256 "  # then the digest of all bytes before, in hex
MOST_HEADER = 10_000  # bytes of the description of an array


def save(estimator: Any, path: str | os.PathLike) -> None:
    """Write a fitted estimator to one file, without the state of its training."""
    _safetensors()
    encoder = Encoder()
    root = encoder.value(estimator, type(estimator).__name__)
    manifest = {
        "format": FORMAT,
        "class": full_name(type(estimator)),
        "versions": _versions(),
    }
    content = _packed(manifest, {"root": root, "nodes": encoder.nodes}, encoder)
    _write(os.fspath(path), content)


def load(path: str | os.PathLike, *, trusted: Any = ()) -> Any:
    """Load an estimator that its method `save` wrote; no code of the file is run.

    Parameters
    ----------
    path : str or path-like
        The file.

    trusted : sequence of str or class, default=()
        Classes and functions of your own that the file may name, such as
        ``"my_module.MyTransformer"``. Those of this library, of scikit-learn, and the
        modules of torch are known. Loading imports the modules of trusted names.

    Returns
    -------
    estimator : FusionClassifier, FusionRegressor or FusionTransformer
        It predicts the same bits as the saved one, under the same versions.
        Its training cannot be continued.

    Raises
    ------
    ValueError
        If the file is none of ours, was changed or cut off, is of a newer format, or
        names a class that is neither known nor trusted.
    ImportError
        If safetensors is not installed.

    Warns
    -----
    UserWarning
        If the file was written with other versions of the libraries.

    See Also
    --------
    FusionClassifier.save : Writes the file.

    Notes
    -----
    The file is a zip archive without compression: ``manifest.json`` with the versions,
    ``estimator.json`` with a tree of plain values, ``arrays/*.npy``, and the weights
    of networks as ``weights/*.safetensors``. Its comment has the SHA-256 digest of
    all bytes before it, which is checked before anything is read. A digest tells
    damage; it is the list of known types that keeps a forged file from running code.

    Examples
    --------
    >>> import os, tempfile
    >>> from skmultimodal import FusionClassifier, load
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(random_state=0, max_epochs=2).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = os.path.join(folder, "model.skmm")
    ...     _ = clf.save(file)
    ...     loaded = load(file)
    >>> bool((loaded.predict_proba(X) == clf.predict_proba(X)).all())
    True
    """
    _safetensors()
    if isinstance(trusted, (str, type)):
        trusted = [trusted]
    names = {item if isinstance(item, str) else full_name(item) for item in trusted}
    path = os.fspath(path)
    with open(path, "rb") as file:
        content = file.read()
    archive = _checked(path, content)
    manifest = json.loads(archive.read("manifest.json"))
    if manifest["format"] != FORMAT:
        raise ValueError(
            f"{path} has format {manifest['format']}, written by skmultimodal "
            f"{manifest['versions']['skmultimodal']}. This is {__version__}, which "
            f"reads format {FORMAT}."
        )
    differing = _differing(manifest["versions"])
    if differing:
        warn(f"{path} was written with {differing}. Predictions may differ.")
    tree = json.loads(archive.read("estimator.json"))
    decoder = Decoder(
        tree["nodes"],
        lambda number: _array(archive.read(f"arrays/{number}.npy")),
        lambda number: _tensors(archive.read(f"weights/{number}.safetensors")),
        names,
    )
    try:
        with warnings.catch_warnings():  # said above, once
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            return decoder.value(tree["root"])
    except Exception as error:
        reason = str(error) or type(error).__name__
        also = f" It was written with {differing}." if differing else ""
        raise ValueError(f"{path} cannot be loaded: {reason}{also}") from error


def trim(estimator: Any) -> None:
    """Drop from a fitted estimator what prediction does not need."""
    for part in _parts(estimator, set()):
        if hasattr(part, "to_plain"):
            part.trim()
        if "memory" in vars(part) and hasattr(part, "response"):
            part.memory = None
    estimator._cache = None


def _parts(thing, seen):
    """Yield our own objects and estimators below `thing`, once each."""
    if isinstance(thing, dict):
        below = thing.values()
    elif isinstance(thing, (list, tuple)):
        below = thing
    elif type(thing).__module__.partition(".")[0] in ("skmultimodal", "sklearn"):
        if id(thing) in seen or not hasattr(thing, "__dict__"):
            return
        seen.add(id(thing))
        yield thing
        below = list(vars(thing).values())
    else:
        return
    for part in below:
        yield from _parts(part, seen)


def _safetensors():
    try:
        import safetensors.torch
    except ImportError as error:
        raise ImportError(
            "Saving and loading need safetensors: pip install skmultimodal[save]"
        ) from error
    return safetensors.torch


def _versions():
    found = {"skmultimodal": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # pragma: no cover
            found[package] = "unknown"
    return found


def _differing(written):
    """Return in words which versions differ, but for patches of the others."""
    now = _versions()
    return ", ".join(
        f"{package} {written.get(package)} (here {here})"
        for package, here in now.items()
        if _short(package, written.get(package)) != _short(package, here)
    )


def _short(package, text):
    return text if package == "skmultimodal" else str(text).split(".")[:2]


def _packed(manifest, tree, encoder) -> bytes:
    members = {
        "manifest.json": json.dumps(manifest, indent=1).encode(),
        "estimator.json": json.dumps(tree, allow_nan=False).encode(),
    }
    for number, values in enumerate(encoder.arrays):
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        members[f"arrays/{number}.npy"] = buffer.getvalue()
    for number, weights in enumerate(encoder.weights):
        weights = {key: value.contiguous().cpu() for key, value in weights.items()}
        members[f"weights/{number}.safetensors"] = _safetensors().save(weights)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
        archive.comment = MARK + b"0" * 64
    content = buffer.getvalue()[:-64]
    return content + hashlib.sha256(content).hexdigest().encode()


def _checked(path, content):
    """Return the archive of a file that is whole and ours."""
    content, digest = content[:-64], content[-64:]
    if not content.startswith(b"PK") or not content.endswith(MARK):
        raise ValueError(
            f"{path} was not written by skmultimodal's save, or its end is missing."
        )
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise ValueError(f"{path} was changed or damaged after it was saved.")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content + digest))
        if any(m.compress_type != zipfile.ZIP_STORED for m in archive.infolist()):
            raise zipfile.BadZipFile("it is compressed")
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is no valid archive: {error}") from error
    return archive


def _array(data):
    return np.lib.format.read_array(
        io.BytesIO(data), allow_pickle=False, max_header_size=MOST_HEADER
    )


def _tensors(data):
    return _safetensors().load(data)


def _write(path, content):
    """Write a file whole or not at all."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(f"{path} cannot be written: it is not a regular file.")
    folder, name = os.path.split(os.path.abspath(path))
    temporary = os.path.join(folder, f".{name}.{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        if os.path.exists(temporary):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise OSError(
                f"{path} cannot be written: {error.strerror or error}."
            ) from error
        raise
