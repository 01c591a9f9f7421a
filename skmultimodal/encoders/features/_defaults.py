"""What each kind of modality is read by: in a network, and without one."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.pipeline import make_pipeline

from skmultimodal.encoders._audio import AudioEncoder
from skmultimodal.encoders._image import ImageEncoder
from skmultimodal.encoders._sequence import SequenceEncoder
from skmultimodal.encoders._tabular import TabularEncoder
from skmultimodal.encoders._text import TextEncoder
from skmultimodal.encoders.features._audio import AudioFeatures
from skmultimodal.encoders.features._character_ngrams import CharacterNgrams
from skmultimodal.encoders.features._image import ImageFeatures
from skmultimodal.encoders.features._sequence import SequenceFeatures

__all__ = ["Components", "default_encoder", "default_features"]

RANK = 0.05  # of the largest singular value: no component below it


def default_encoder(kind: str):
    """Return the encoder of one kind of modality that networks are trained with."""
    return {
        "table": TabularEncoder,
        "embedding": TabularEncoder,
        "image": ImageEncoder,
        "text": TextEncoder,
        "audio": AudioEncoder,
        "sequence": SequenceEncoder,
    }[kind]()


def default_features(kind: str):
    """Return an encoder or transformer that gives fixed dense features.

    Parameters
    ----------
    kind : {"image", "text", "audio", "sequence", "embedding", "table"}
        What the modality holds.

    Examples
    --------
    >>> from skmultimodal.encoders.features._defaults import default_features
    >>> list(default_features("text").named_steps)
    ['characterngrams', 'components']
    """
    if kind == "image":
        return ImageFeatures()
    if kind == "audio":
        return AudioFeatures()
    if kind == "sequence":
        return SequenceFeatures()
    if kind == "text":
        return make_pipeline(CharacterNgrams((1, 4)), Components())
    return TabularEncoder()


class Components(TransformerMixin, BaseEstimator):
    """`TruncatedSVD` of sparse features, unless there are fewer than it would make.

    Parameters
    ----------
    n_components : int, default=64
    """

    def __init__(self, n_components: int = 64):
        self.n_components = n_components

    def fit(self, X, y=None):
        self.components_ = None
        if self.n_components < X.shape[1]:
            # in float32 the fourth digit would depend on the order of sums
            double = X.astype(np.float64)
            svd = TruncatedSVD(self.n_components, random_state=0).fit(double)
            # of short texts of few words the last components hold nearly nothing:
            # standardised, they are far larger for new texts than for those of fit
            held = svd.singular_values_ > RANK * svd.singular_values_[0]
            self.components_ = svd.components_[held].astype(X.dtype)
        return self

    def transform(self, X):
        if self.components_ is None:
            return X.toarray()
        return X @ self.components_.T
