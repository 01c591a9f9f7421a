"""What makes the classical models strong, as the encoder of a network."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from skmultimodal._parameters import (
    FRACTION,
    POSITIVE_INT,
    check_parameters,
    either,
    one_of,
)
from skmultimodal.data._cells import decode_cells, decode_text
from skmultimodal.data._containers import CellsWithFeatures, cells_and_labels
from skmultimodal.encoders._base import BaseEncoder, TransformerEncoder, as_encoder
from skmultimodal.encoders._tabular import TabularEncoder
from skmultimodal.encoders.features._audio import AudioFeatures
from skmultimodal.encoders.features._classical import ngrams
from skmultimodal.encoders.features._defaults import Components, default_encoder
from skmultimodal.encoders.features._image import ImageFeatures
from skmultimodal.encoders.features._sequence import SequenceFeatures

__all__ = ["MOST_ROWS", "SCORES", "ClassicalEncoder", "Landmarks", "Numbers"]

KINDS = ("image", "text", "audio", "sequence", "embedding", "table")
MOST_ROWS = 10_000  # with more, networks learn their features
SCORES = "model_scores"  # the input that holds what the model says


class Landmarks(TransformerMixin, BaseEstimator):
    """Gaussian kernel of some training rows, whitened (Nystroem).

    Parameters
    ----------
    n_components : int, default=300
        Training rows in the kernel, all if there are fewer.
    gamma : float, default=0.5
        Width of the kernel in units of the total variance, as in `KernelClassifier`.
    """

    def __init__(self, n_components: int = 300, gamma: float = 0.5):
        self.n_components = n_components
        self.gamma = gamma

    def fit(self, X, y=None):
        variance = X.var(axis=0).sum()
        self.map_ = Nystroem(
            gamma=self.gamma / variance if variance > 0 else 1.0,
            n_components=min(self.n_components, len(X)),
            random_state=0,
        ).fit(X)
        return self

    def transform(self, X):
        return self.map_.transform(X)


class Numbers(TransformerMixin, BaseEstimator):
    """Standardised numbers of a block, those that are missing marked in columns."""

    def fit(self, X, y=None):
        self.encoder_ = TabularEncoder().fit(X)
        return self

    def transform(self, X):
        return np.hstack(list(self.encoder_.transform(X).values()))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


class ClassicalEncoder(BaseEncoder):
    """Fixed features under a small adapter, beside the scores of a classical model.

    The default encoder of strategies with a network on small data. What a modality's
    classical model says (of its own, the one that `DecisionFusion` has) enters as
    scores, the logarithm of its probabilities less that of the prior, or its values.
    Those of training rows are out of fold. The strategy fits the model and hands it
    over; without one there are features only.

    Parameters
    ----------
    kind : {"image", "text", "audio", "sequence", "embedding", "table"}
        What the modality holds.

    scores : bool, default=True
        Whether a model is to be fitted.

    out_features : int, default=64
        Width of the adapter.

    dropout : "auto" or float, default="auto"
        Dropout of the adapter's output. ``"auto"`` is 0.7 for features that are fixed,
        0.5 for those of embeddings and 0.3 for those that are trained.

    Notes
    -----
    With more than 10,000 rows, the network of its kind stands in its place.
    Features: a Gaussian kernel with 300 training rows (landmarks) on `ImageFeatures` of
    images, on cepstra of audio, on statistics of series and on the numbers of
    embeddings; 128 components of word and character n-grams of texts; for tables a
    `TabularEncoder`, which is trained, and for embeddings without a model too.

    Examples
    --------
    >>> from skmultimodal.encoders.features._encoder import ClassicalEncoder
    >>> encoder = ClassicalEncoder("text").fit(["a car", "two boats"])
    >>> encoder.build().out_features
    64
    """

    limits: ClassVar[dict] = {
        "kind": one_of(*KINDS),
        "out_features": POSITIVE_INT,
        "dropout": either(one_of("auto"), FRACTION),
    }

    def __init__(
        self,
        kind: str,
        scores: bool = True,
        *,
        out_features: int = 64,
        dropout: str | float = "auto",
    ):
        self.kind = kind
        self.scores = scores
        self.out_features = out_features
        self.dropout = dropout

    @property
    def reads(self) -> str | None:  # type: ignore[override]  # nobody sets it
        """What a cell holds, where it can be unreadable."""
        return self.kind if self.kind in ("image", "audio", "text", "table") else None

    @property
    def takes_tables(self) -> bool:  # type: ignore[override]  # nobody sets it
        """Whether cells may be a table."""
        return self.kind in ("table", "embedding")

    @property
    def n_scores(self) -> int:
        """Columns of scores, at the end of the embedding."""
        return len(self.prior_) if hasattr(self, "prior_") else 0

    def fit(self, cells: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the features."""
        self.fit_transform(cells, y, sample_weight)
        return self

    def fit_transform(
        self, cells: Any, y: Any = None, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Fit the features, and return those of the rows, computed once."""
        check_parameters(self, self.limits)
        trained = self.kind == "table" or (self.kind == "embedding" and not self.scores)
        self.dropout_ = self.dropout
        if self.dropout == "auto":
            fixed = 0.5 if self.kind == "embedding" else 0.7
            self.dropout_ = 0.3 if trained else fixed
        self.rows_, features = _features("table" if trained else self.kind)
        rows = self._rows(cells)
        self.features_ = as_encoder(features).set_params(out_features=self.out_features)
        if isinstance(self.features_, TransformerEncoder):  # makes them once
            return self.features_.fit_transform(rows, sample_weight=sample_weight)
        self.features_.fit(rows, sample_weight=sample_weight)
        return self.features_.transform(rows)

    def for_rows(self, n_samples: int) -> BaseEncoder:
        """Return the encoder for so many rows: a network of its own above 10,000."""
        return self if n_samples <= MOST_ROWS else default_encoder(self.kind)

    def score_by(self, model: Any, prior: np.ndarray) -> None:
        """Take the fitted model of the modality, and the scores of the prior."""
        self.model_, self.prior_ = model, np.asarray(prior, dtype=np.float64)

    def scores_of(self, response: np.ndarray) -> np.ndarray:
        """Return responses as scores less those of the prior, zeros where unknown."""
        task = self.model_.task
        prior = self.prior_ if task.has_labels else 0.0
        scores = task.scores(response) - prior
        return np.where(np.isfinite(scores), scores, 0.0)

    def transform(self, cells: Any) -> dict[str, Any]:
        """Return the features, and the scores as ``model_scores``."""
        rows = self._rows(cells)
        inputs = self.features_.transform(rows)
        if self.n_scores:
            response = self.model_.response(self._beside(cells, rows))
            inputs = {**inputs, SCORES: self.scores_of(response)}
        return inputs

    def build(self) -> nn.Module:
        """Return the adapter."""
        return _Adapter(self.features_.build(), self.dropout_, self.n_scores)

    def _rows(self, cells):
        """Return the features that are those of a row whatever the others are."""
        if self.kind == "text":
            values, labels = cells_and_labels(cells)
            return decode_cells(values, decode_text, labels=labels)
        if isinstance(cells, CellsWithFeatures):
            if cells.are_of(self.rows_):
                return cells.features
            cells = cells.raw
        return cells if self.rows_ is None else self.rows_.transform(cells)

    def _beside(self, cells, rows):
        """Return the cells with their features, where the model begins with them."""
        found = CellsWithFeatures(cells, rows, self.rows_)
        model = self.model_.fitted
        if isinstance(model, Pipeline) and found.are_of(model.steps[0][1]):
            return found
        return cells


class _Adapter(nn.Module):
    """Embed features, with dropout, and put given scores after them.

    The embedding is multiplied by a vector, ``scaling``: ones, or that of a member
    that shares the adapter with others, which `forward` may be given row by row.
    """

    scaling: Tensor

    def __init__(self, module, dropout, n_scores):
        super().__init__()
        self.module, self.dropout = module, nn.Dropout(dropout)
        self.n_scores, self.out_features = n_scores, module.out_features + n_scores
        self.register_buffer("scaling", torch.ones(module.out_features))

    def forward(self, scaling=None, **inputs):
        scores = inputs.pop(SCORES, None)
        embedding = self.module(**inputs)
        scaled = embedding * (self.scaling if scaling is None else scaling)
        scaled = self.dropout(scaled)
        return scaled if scores is None else torch.cat([scaled, scores], dim=1)


def _features(kind) -> tuple[Any, Any]:
    """Return what needs no fit, if anything, and what is fitted to that or to cells."""
    if kind == "text":
        return None, make_pipeline(ngrams(), Components(128))
    if kind == "table":
        return None, TabularEncoder()
    if kind == "embedding":
        return None, make_pipeline(Numbers(), Landmarks())
    if kind == "image":
        return ImageFeatures(), Landmarks()
    rows = AudioFeatures() if kind == "audio" else SequenceFeatures()
    return rows, make_pipeline(StandardScaler(), Landmarks())
