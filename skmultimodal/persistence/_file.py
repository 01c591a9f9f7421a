"""Save fitted estimators to one file that runs no code when it is loaded."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import uuid
import warnings
import zipfile
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from sklearn.exceptions import InconsistentVersionWarning

from skmultimodal import __version__
from skmultimodal._warnings import warn
from skmultimodal.persistence._codec import Packer, Unpacker, full_name

__all__ = ["load", "save", "trim"]

FORMAT = 2
PACKAGES = ("numpy", "pandas", "scikit-learn", "torch")
MARK = b"skmultimodal sha256 "  # then the digest of all bytes before, in hex
ESTIMATORS = {
    "skmultimodal.estimators._base.BaseFusionEstimator",
    "skmultimodal.estimators.conformal._base.BaseConformal",
}
MOST_HEADER = 10_000  # bytes of the description of an array


def save(estimator: Any, path: str | os.PathLike) -> None:
    """Write a fitted estimator to one file, without the state of its training."""
    _safetensors()
    packer = Packer()
    packer.value(estimator, type(estimator).__name__)
    manifest = {
        "format": FORMAT,
        "class": full_name(type(estimator)),
        "versions": _versions(),
    }
    content = _packed(manifest, packer)
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
        modules of torch are known. Loading imports the modules of trusted names, and
        nothing in a file adds to them.

    Returns
    -------
    estimator : estimator
        Of the class that was saved. It predicts the same bits, under the same versions.
        Its training cannot be continued.

    Raises
    ------
    ValueError
        If the file is none of ours, was changed or cut off, is of another format, makes
        no sense, or names a class or function that is neither known nor trusted.
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
    ``estimator.json`` with a list of plain values, ``arrays/*.npy``, and the weights
    of networks as ``weights/*.safetensors``. Its comment has the SHA-256 digest of
    all bytes before it, which is checked before anything is read. A digest tells
    damage; it is the list of known types that keeps a forged file from running code.
    ``functools.partial`` may call a torch module or a reviewed function of arrays,
    ``defaultdict`` a builtin type. Time and memory are bounded by the file's size.
    A forged model may still predict nonsense.

    Examples
    --------
    >>> import os, tempfile
    >>> from skmultimodal import FusionClassifier, load
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(random_state=0).fit(X, y)
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
    _check_digest(path, content)
    differing = ""
    try:
        members = _members(content)
        manifest = json.loads(members.pop("manifest.json"))
        _check_format(manifest)
        differing = _differing(manifest["versions"])
        with warnings.catch_warnings():  # said below, once
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            estimator = _decoded(members, manifest["class"], len(content), names)
    except Exception as error:  # of numpy, pandas, torch: a file may hold anything
        reason = str(error) or type(error).__name__
        also = f" It was written with {differing}." if differing else ""
        raise ValueError(f"{path} cannot be loaded: {reason}{also}") from error
    if differing:
        warn(f"{path} was written with {differing}. Predictions may differ.")
    return estimator


def trim(estimator: Any) -> None:
    """Drop from a fitted estimator what prediction does not need."""
    for part in _parts(estimator, set()):
        if hasattr(part, "response") and hasattr(part, "trim"):  # a fitted model
            part.trim()


def _parts(thing, seen):
    """Yield our own objects and estimators below `thing`, once each."""
    if isinstance(thing, dict):
        below: Iterable[Any] = thing.values()
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


def _packed(manifest, packer) -> bytes:
    members = {
        "manifest.json": json.dumps(manifest, indent=1).encode(),
        "estimator.json": json.dumps(packer.nodes, allow_nan=False).encode(),
    }
    for number, values in enumerate(packer.arrays):
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        members[f"arrays/{number}.npy"] = buffer.getvalue()
    for number, weights in enumerate(packer.weights):
        weights = {key: value.contiguous().cpu() for key, value in weights.items()}
        members[f"weights/{number}.safetensors"] = _safetensors().save(weights)
    return _sealed(members)


def _sealed(members) -> bytes:
    """Return an archive that ends with the digest of all before."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
        archive.comment = MARK + b"0" * 64
    content = buffer.getvalue()[:-64]
    return content + hashlib.sha256(content).hexdigest().encode()


def _check_digest(path, content):
    """Refuse a file that is not ours, or not whole."""
    content, digest = content[:-64], content[-64:]
    if not content.startswith(b"PK") or not content.endswith(MARK):
        raise ValueError(
            f"{path} was not written by skmultimodal's save, or its end is missing."
        )
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise ValueError(f"{path} was changed or damaged after it was saved.")


def _members(content):
    """Return the bytes of each member, which together are no more than the file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("it is compressed")
        if len({member.filename for member in members}) < len(members):
            raise ValueError("it has two members of one name")
        if sum(member.file_size for member in members) > len(content):
            raise ValueError("its members overlap")
        return {member.filename: archive.read(member) for member in members}


def _check_format(manifest):
    if manifest["format"] != FORMAT:
        raise ValueError(
            f"it has format {manifest['format']}, written by skmultimodal "
            f"{manifest['versions']['skmultimodal']}. This is {__version__}, which "
            f"reads format {FORMAT}."
        )
    if not all(isinstance(version, str) for version in manifest["versions"].values()):
        raise ValueError("its versions are no strings")


def _decoded(members, expected, size, names):
    """Return the estimator, for which every member is used once."""
    nodes = json.loads(members.pop("estimator.json"))
    unpacker = Unpacker(
        lambda number: _array(members.pop(f"arrays/{number}.npy")),
        lambda number: _safetensors().load(
            members.pop(f"weights/{number}.safetensors")
        ),
        size,
        names,
    )
    estimator = unpacker.root(nodes)
    if members:
        raise ValueError(f"it has members that are not of the estimator: {[*members]}")
    bases = {full_name(base) for base in type(estimator).__mro__}
    if expected != full_name(type(estimator)) or not bases & ESTIMATORS:
        raise ValueError(f"it holds {full_name(type(estimator))}, not {expected}")
    return estimator


def _array(data):
    """Return an array whose header says as many bytes as there are."""
    stream = io.BytesIO(data)
    limit: dict[str, Any] = {"max_header_size": MOST_HEADER}
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array has another version of .npy than 1.0")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream, **limit)
    if (
        not dtype.itemsize
        or math.prod(shape) * dtype.itemsize != len(data) - stream.tell()
    ):
        raise ValueError(f"an array of shape {shape} is too long or too short")
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False, **limit)


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
