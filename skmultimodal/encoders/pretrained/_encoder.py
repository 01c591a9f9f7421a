"""One encoder for whatever pretrained model one can name."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from skmultimodal._parameters import (
    NONE,
    POSITIVE_INT,
    an_int,
    check_parameters,
    either,
    one_of,
)
from skmultimodal.data._containers import Ragged, cells_and_labels, object_array
from skmultimodal.encoders._auto import infer_columns
from skmultimodal.encoders._base import FRAMES
from skmultimodal.encoders.pretrained._base import BasePretrained
from skmultimodal.encoders.pretrained._preparing import (
    identifying,
    pixels_of,
    strings_of,
    waveforms_of,
)
from skmultimodal.encoders.pretrained._sources import Source, source

__all__ = ["PretrainedEncoder"]

KINDS = ("image", "text", "audio")


class PretrainedEncoder(BasePretrained):
    """Embed images, texts or sounds with a pretrained model, whatever reads it.

    Frozen, which is the default, each distinct row is embedded once, and a head is
    trained over the standardised features. What is named like a file or a folder never
    reaches a network; the names of the extra ``offline`` never do.

    Read more in the :ref:`User Guide <pretrained>`.

    Parameters
    ----------
    model : str or path-like
        One of: the short name of a model of the extra ``offline``,
        ``"all-MiniLM-L6-v2"`` (text), ``"efficientnet-lite0"`` (images) or
        ``"speech-embedding"`` (sounds); the folder of a model that
        sentence-transformers, transformers or timm saved; an ONNX file with one input;
        ``"timm/<name>"``; ``"sentence-transformers/<name>"``; another name on a hub,
        which transformers downloads.

    modality : {"image", "text", "audio"}, default=None
        What the model reads. None leaves that to the model or, where it does not say,
        to the cells.

    freeze : bool, int or str, default=True
        False trains the whole model within the fusion; a number, or
        ``"all but last 2"``, its last blocks. ONNX files stay frozen.

    lora_rank : int, default=None
        Rank of low-rank updates [1]_ that are trained in place of the model's
        weights, in all blocks with ``freeze=False`` or in the last ones, ``freeze=2``.
        Needs the package ``peft``.

    n_components : int, default=None
        Principal components that frozen features are reduced to, fitted to the training
        rows. None keeps all features.

    pooling : {"mean", "cls"}, default="mean"
        What becomes of the states of a transformer: their mean over real tokens, or
        the first one.

    size : int, default=None
        Height and width of images, in pixels; the model's own if None.

    max_tokens : int, default=None
        Tokens of a text beyond it are cut off; by default as many as the model takes.

    sampling_rate : int, default=None
        Rate of bare arrays of sound, in hertz, which are resampled to the model's.
        None takes them to have the model's. Other sounds carry their own.

    hidden_features : tuple of int, default=()
        Widths of the hidden layers of the head; none make it linear.

    out_features : int, default=64
        Width of the embedding.

    dropout : float, default=0.0
        Dropout of the hidden layers of the head.

    frames : {"mean", "attention"}, default="mean"
        How the embeddings of several images of a row become one, as in
        :class:`ImageEncoder`.

    batch_size : int or "auto", default="auto"
        Rows the frozen model takes at once. ``"auto"`` is 32, and on a graphics card
        256, or as many as fit in its memory.

    precision : {"auto", "single", "half"}, default="auto"
        Numbers of the frozen model: ``"auto"`` is 16 bits on a graphics card and 32
        elsewhere.

    root : str or path-like, default=None
        Folder to which relative paths of images and sounds refer.

    memory : str, path-like or joblib.Memory, default=None
        Folder in which features are kept from one process to the next. Within a
        process they are kept in any case, up to 256 MiB.

    verbose : int, default=0
        1 shows a bar with the rows a second while the model runs.

    Attributes
    ----------
    modality_ : str
        What the model reads.

    n_features_ : int
        Width of the pretrained features.

    mean_, scale_ : ndarray of shape (n_features,)
        Standardisation of frozen features.

    components_ : ndarray of shape (n_components, n_features)
        Principal axes of the standardised features, where asked for.

    See Also
    --------
    RowCache : The frozen features as a transformer, for any pipeline.
    SentenceTransformerEncoder : Text alone.
    HuggingFaceEncoder : Models of transformers.
    ModuleEncoder : Any ``nn.Module``.

    Notes
    -----
    Images are resized to the model's height and width, whatever their aspect. An ONNX
    graph gets RGB on 0 to 1 (0 to 255 where it takes uint8), texts as strings, or one
    waveform at a time; ``sampling_rate`` is then the rate of the graph as well, 16,000
    without. Its first output, averaged over all axes but the first and the last, is the
    feature. Weights are read as safetensors, ONNX or tensors alone; the files of the
    extra ``offline`` are compared with their SHA-256 first.

    References
    ----------
    .. [1] E. Hu et al., "LoRA: low-rank adaptation of large language models", ICLR,
       2022.

    Examples
    --------
    >>> from skmultimodal import PretrainedEncoder
    >>> encoder = PretrainedEncoder("timm/resnet18.a1_in1k", n_components=32)
    >>> encoder.reads, encoder.freeze
    ('image', True)
    """

    limits: ClassVar[dict] = {
        "modality": either(NONE, one_of(*KINDS)),
        "n_components": either(NONE, POSITIVE_INT),
        "pooling": one_of("mean", "cls"),
        "frames": one_of(*FRAMES),
        "size": either(NONE, POSITIVE_INT),
        "max_tokens": either(NONE, POSITIVE_INT),
        "sampling_rate": either(NONE, POSITIVE_INT),
        "batch_size": either(one_of("auto"), an_int(1)),
        "precision": one_of("auto", "single", "half"),
    }

    def __init__(
        self,
        model: str | os.PathLike,
        modality: str | None = None,
        *,
        freeze: bool | int | str = True,
        lora_rank: int | None = None,
        n_components: int | None = None,
        pooling: str = "mean",
        size: int | None = None,
        max_tokens: int | None = None,
        sampling_rate: int | None = None,
        hidden_features: tuple[int, ...] = (),
        out_features: int = 64,
        dropout: float = 0.0,
        frames: str = "mean",
        batch_size: int | str = "auto",
        precision: str = "auto",
        root: str | os.PathLike | None = None,
        memory: Any = None,
        verbose: int = 0,
    ):
        self.model = model
        self.modality = modality
        self.freeze = freeze
        self.lora_rank = lora_rank
        self.n_components = n_components
        self.pooling = pooling
        self.size = size
        self.max_tokens = max_tokens
        self.sampling_rate = sampling_rate
        self.hidden_features = hidden_features
        self.out_features = out_features
        self.dropout = dropout
        self.frames = frames
        self.batch_size = batch_size
        self.precision = precision
        self.root = root
        self.memory = memory
        self.verbose = verbose

    @property
    def reads(self) -> str | None:  # type: ignore[override]  # nobody sets it
        """What a cell holds, None where only the cells tell."""
        try:
            told = self.modality or source(self.model).kind
            return told or getattr(self, "modality_", None)
        except ValueError:  # no such model: fit will say so
            return None

    def _settle(self, cells):
        check_parameters(self, self.limits)
        kind = self.modality or source(self.model).kind or _kind(cells)
        if kind not in KINDS:
            raise ValueError(
                f"The pretrained model {os.fspath(self.model)!r} needs cells of "
                f"{' or '.join(KINDS)}; these look like {kind}. Say modality=... if "
                "they are not."
            )
        source(self.model, kind)  # refuses a model of another kind
        self.modality_ = kind
        super()._settle(cells)

    def _check_parameters(self):
        super()._check_parameters()
        if self._frozen:
            return
        if self._source().reader in ("OnnxModel", "SpeechModel"):
            raise ValueError(
                f"{os.fspath(self.model)!r} is an ONNX graph, which stays frozen. "
                f"Got freeze={self.freeze!r}."
            )
        if self.n_components is not None:
            raise ValueError(
                "'n_components' reduces frozen features, and "
                f"freeze={self.freeze!r} trains the model. Leave one of them out."
            )

    def _source(self) -> Source:
        return source(self.model, self.reads)

    def _make(self):
        return self._source().make()

    def _arguments(self):
        reader = self._source().reader
        extra: tuple = ()
        if reader == "HuggingFaceModule":
            extra = (self.reads, self.pooling)
        elif reader == "OnnxModel":
            extra = (self.reads, self.size)
        elif reader in ("LiteModule", "TimmModule"):
            extra = (self.size,)
        return (self.model, *extra)

    def _prepared(self, values, labels):
        module, kind = self._model(), self.reads
        if kind == "image":
            return pixels_of(values, labels, module, self.root)
        if kind == "text":
            if hasattr(module, "tokenizer"):
                return self._tokens(values, labels)
            return strings_of(values, labels)
        rate, processor = self.sampling_rate, getattr(module, "processor", None)
        if processor is None:
            wanted = getattr(module, "sampling_rate", rate or 16000)
            return waveforms_of(values, labels, rate, wanted, self.root)
        wanted = processor.sampling_rate
        sounds = waveforms_of(values, labels, rate, wanted, self.root)["samples"]
        rows = [processor(s, sampling_rate=wanted, return_tensors="np") for s in sounds]
        if "input_values" in rows[0]:
            found = [row["input_values"][0] for row in rows]
            return {"samples": Ragged.from_rows(found, np.float32)}
        return {"features": np.stack([row["input_features"][0] for row in rows])}

    def _preparation(self):
        from_source = self._source().reader
        if from_source in ("OnnxModel", "SpeechModel"):
            half = False
        else:
            from skmultimodal.encoders.pretrained._running import half_precision

            half = half_precision(self.precision)
        return (from_source, self.max_tokens, self.sampling_rate, half)

    def _content(self, cell):
        return identifying(cell, self.reads, self.root)


def _kind(cells) -> str:
    """Return what kind of cells these are."""
    values = cells_and_labels(cells)[0]
    column = pd.DataFrame({"cells": pd.Series(object_array(list(values)))})
    return infer_columns(column).popitem()[1].kind
