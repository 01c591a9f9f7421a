"""Which reader takes a pretrained model: by its name, its folder or its file."""

from __future__ import annotations

import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from skmultimodal.encoders.pretrained._installed import PACKAGED
from skmultimodal.encoders.pretrained._loading import source_of

__all__ = ["Source", "is_name", "source"]

HOMES = {
    "HuggingFaceModule": "_models",
    "LiteModule": "_images",
    "OnnxModel": "_onnx",
    "PackagedSentences": "_models",
    "SentenceModule": "_models",
    "SpeechModel": "_onnx",
    "TimmModule": "_images",
}


class Source(NamedTuple):
    """What reads a model.

    Attributes
    ----------
    reader : str
        Name of the class.
    kind : str or None
        What the model reads; None where only the user, or the cells, can tell.
    """

    reader: str
    kind: str | None

    def make(self) -> Any:
        """Return the class of the reader; what it needs is imported here."""
        module = import_module(f"skmultimodal.encoders.pretrained.{HOMES[self.reader]}")
        return getattr(module, self.reader)


READERS = {"text": "PackagedSentences", "image": "LiteModule", "audio": "SpeechModel"}


def source(path, modality=None) -> Source:
    """Return what reads a model.

    Parameters
    ----------
    path : str or path-like
        Name, folder or file.
    modality : {"image", "text", "audio"} or None

    Raises
    ------
    ValueError
        If there is no such folder, it holds no model that is known, or the model reads
        another kind of cells.

    Examples
    --------
    >>> from skmultimodal.encoders.pretrained._sources import source
    >>> source("timm/resnet18.a1_in1k")
    Source(reader='TimmModule', kind='image')
    """
    found = _found(path, modality)
    if modality is not None and found.kind not in (None, modality):
        raise ValueError(
            f"The pretrained model {os.fspath(path)!r} reads {found.kind}, "
            f"not {modality}."
        )
    return found


def _found(path, modality) -> Source:
    if path in PACKAGED:
        kind = PACKAGED[path].kind
        return Source(READERS[kind], kind)
    name = os.fspath(path)
    if name.endswith(".onnx"):
        return Source("OnnxModel", modality)
    if name.startswith("timm/") and not Path(name).is_dir():
        return Source("TimmModule", "image")
    name, local = source_of(path)
    if local:
        return _in_folder(Path(name), modality)
    plain = "/" not in name and modality == "text"
    if plain or name.startswith("sentence-transformers/"):
        return Source("SentenceModule", "text")
    return Source("HuggingFaceModule", modality)


def _in_folder(folder, modality) -> Source:
    if (folder / "modules.json").is_file():
        return Source("SentenceModule", "text")
    config = folder / "config.json"
    if not config.is_file():
        raise ValueError(
            f"The folder {str(folder)!r} has no config.json, hence no model that is "
            "known. Pass one that sentence-transformers, transformers or timm saved, "
            "or an ONNX file."
        )
    saved = json.loads(config.read_text(encoding="utf-8"))
    if "pretrained_cfg" in saved or "architecture" in saved:  # of timm
        return Source("TimmModule", "image")
    return Source("HuggingFaceModule", modality)


def is_name(spec) -> bool:
    """Whether a string in an encoder's place names a pretrained model."""
    return isinstance(spec, str) and (
        spec in PACKAGED
        or spec.endswith(".onnx")
        or "/" in spec
        or os.sep in spec
        or Path(spec).is_dir()
    )
