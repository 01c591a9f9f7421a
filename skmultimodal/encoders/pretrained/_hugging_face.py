"""Pretrained models of transformers for images, texts and audio."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import numpy as np

from skmultimodal._parameters import check_parameters, one_of
from skmultimodal.data._cells import decode_audio, decode_cells
from skmultimodal.data._containers import Ragged
from skmultimodal.encoders._base import FRAMES
from skmultimodal.encoders.pretrained._base import BasePretrained
from skmultimodal.encoders.pretrained._preparing import identifying, pixels_of

__all__ = ["HuggingFaceEncoder"]


class HuggingFaceEncoder(BasePretrained):
    """Embed images, texts or audio with a pretrained model of transformers.

    Frozen, which is the default, each distinct row is embedded once, and a head is
    trained over the standardised features. Needs the extra ``pretrained``.

    Parameters
    ----------
    path : str or path-like
        Folder of a saved model, with its tokenizer (text) or feature extractor
        (sound), read without the network; or the name of a model on a hub, which
        is downloaded as transformers does.

    modality : {"image", "text", "audio"}
        What the model reads.

    freeze : bool, int or str, default=True
        False trains the whole model within the fusion; a number, or
        ``"all but last 2"``, its last transformer blocks.

    pooling : {"mean", "cls"}, default="mean"
        What becomes of the states: their mean over real tokens, or the first one.

    lora_rank : int, default=None
        Rank of low-rank updates [1]_ that are trained in place of the model's
        weights, in all blocks with ``freeze=False`` or in the last ones, ``freeze=2``.
        Needs the package ``peft``.

    max_tokens : int, default=None
        Tokens of a text beyond it are cut off; by default as many as the model
        takes.

    hidden_features : tuple of int, default=()
        Widths of the hidden layers of the head; none make it linear.

    out_features : int, default=64
        Width of the embedding.

    dropout : float, default=0.0
        Dropout of the hidden layers of the head.

    frames : {"mean", "attention"}, default="mean"
        How the embeddings of several images of a row become one, as in
        :class:`ImageEncoder`.

    batch_size : int, default=32
        Rows the frozen model takes at once.

    root : str or path-like, default=None
        Folder to which relative paths of images and audio refer.

    memory : str, path-like or joblib.Memory, default=None
        Folder in which features are kept from one process to the next. Within a
        process they are kept in any case, up to 256 MiB.

    Attributes
    ----------
    n_features_ : int
        Width of the pretrained features.

    mean_, scale_ : ndarray of shape (n_features,)
        Standardisation of frozen features.

    See Also
    --------
    ModuleEncoder : Any ``nn.Module``, for example one of timm or torchvision.

    Notes
    -----
    Images are resized to the model's own height and width, whatever their aspect,
    and normalised by the statistics saved with the model, 0.5 where there are none.
    Sounds are resampled to the rate of the feature extractor; rows of different
    lengths never share a batch, so that a row alone gives what it gives among
    others.

    References
    ----------
    .. [1] E. Hu et al., "LoRA: low-rank adaptation of large language models", ICLR,
       2022.

    Examples
    --------
    >>> from skmultimodal import HuggingFaceEncoder
    >>> encoder = HuggingFaceEncoder("models/my-vit", "image", pooling="cls")
    >>> encoder.freeze
    True
    """

    limits: ClassVar[dict] = {
        "modality": one_of("image", "text", "audio"),
        "pooling": one_of("mean", "cls"),
        "frames": one_of(*FRAMES),
    }

    def __init__(
        self,
        path: str | os.PathLike,
        modality: str,
        *,
        freeze: bool | int | str = True,
        pooling: str = "mean",
        lora_rank: int | None = None,
        max_tokens: int | None = None,
        hidden_features: tuple[int, ...] = (),
        out_features: int = 64,
        dropout: float = 0.0,
        frames: str = "mean",
        batch_size: int = 32,
        root: str | os.PathLike | None = None,
        memory: Any = None,
    ):
        self.path = path
        self.modality = modality
        self.freeze = freeze
        self.pooling = pooling
        self.lora_rank = lora_rank
        self.max_tokens = max_tokens
        self.hidden_features = hidden_features
        self.out_features = out_features
        self.dropout = dropout
        self.frames = frames
        self.batch_size = batch_size
        self.root = root
        self.memory = memory

    @property
    def reads(self) -> str:  # type: ignore[override]  # nobody sets it
        """What a cell holds."""
        return self.modality

    def _check_parameters(self):
        super()._check_parameters()
        check_parameters(self, self.limits)

    def _make(self):
        from skmultimodal.encoders.pretrained._models import HuggingFaceModule

        return HuggingFaceModule

    def _arguments(self):
        return (self.path, self.modality, self.pooling)

    def _content(self, cell):
        return identifying(cell, self.modality, self.root)

    def _prepared(self, values, labels):
        if self.modality == "text":
            return self._tokens(values, labels)
        if self.modality == "image":
            return pixels_of(values, labels, self._model(), self.root)
        sounds = decode_cells(values, self._samples, labels=labels)
        if sounds[0].ndim == 1:
            return {"samples": Ragged.from_rows(sounds, np.float32)}
        return {"features": np.stack(sounds)}

    def _samples(self, cell) -> np.ndarray:
        """Return what the feature extractor makes of a sound, of its one row."""
        extractor = self._model().processor
        rate = extractor.sampling_rate
        waveform, _ = decode_audio(cell, rate, self.root)
        rows = extractor(waveform, sampling_rate=rate, return_tensors="np")
        key = "input_values" if "input_values" in rows else "input_features"
        return rows[key][0]
