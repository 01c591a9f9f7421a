"""The stack a scikit-learn user would build by hand, as a baseline."""

from __future__ import annotations

import numpy as np
from scipy.linalg import qr
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import StackingClassifier, StackingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skmultimodal.data._cells import (
    decode_image,
    is_missing,
    resize_image,
    to_channels,
)
from skmultimodal.data._columns import find_cells
from skmultimodal.data._containers import cells_and_labels
from skmultimodal.encoders._auto import infer_columns
from skmultimodal.encoders.features._audio import AudioFeatures

__all__ = ["handmade_concatenation", "handmade_models", "handmade_stack"]

LARGEST_SIDE = 64  # of an image in pixels; a photo has millions of them
STRENGTH = {"image": 0.001, "text": 10.0, "audio": 0.1}  # C, the inverse penalty


def handmade_stack(X, regression=False):
    """Return a stack of one linear model per modality, on the features one would try.

    Standardised pixels, TF-IDF of words and character n-grams, cepstral statistics
    of sounds, one-hot categories and standardised numbers, each under a logistic
    (or ridge) regression with a penalty that suits the features, stacked by
    scikit-learn.

    Parameters
    ----------
    X : DataFrame or MultimodalData
        Rows that show which modalities there are.
    regression : bool, default=False

    Returns
    -------
    StackingClassifier or StackingRegressor
    """
    models = handmade_models(X, regression)
    if regression:
        return StackingRegressor(models, RidgeCV())
    return StackingClassifier(models, LogisticRegression(max_iter=1000))


def handmade_models(X, regression=False) -> list:
    """Return (name, pipeline) of the linear model of each modality."""
    models = []
    for name, (kind, columns) in infer_columns(X).items():
        linear = _WideLogistic(
            C=STRENGTH.get(kind, 1.0), solver="newton-cg", tol=1e-3, max_iter=1000
        )
        steps = _select_features(name, kind, columns)
        models.append(
            (name, make_pipeline(*steps, RidgeCV() if regression else linear))
        )
    return models


def handmade_concatenation(X):
    """Return one logistic regression on the features of all modalities."""
    parts = [
        (name, make_pipeline(*_select_features(name, kind, columns)))
        for name, (kind, columns) in infer_columns(X).items()
    ]
    return make_pipeline(FeatureUnion(parts), LogisticRegression(max_iter=1000))


def _select_features(name, kind, columns):
    select = FunctionTransformer(
        _select, kw_args={"name": name, "columns": columns}, validate=False
    )
    return [select, *_features(kind)]


def _features(kind):
    if kind == "text":
        words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2))
        parts = TfidfVectorizer(
            sublinear_tf=True, analyzer="char_wb", ngram_range=(2, 5)
        )
        fill = FunctionTransformer(_filled, validate=False)
        return [fill, make_union(words, parts)]
    if kind == "table":
        numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
        return [
            make_column_transformer(
                (numbers, make_column_selector(dtype_include=np.number)),
                remainder=OneHotEncoder(handle_unknown="ignore", min_frequency=5),
            )
        ]
    if kind == "audio":
        return [AudioFeatures(), StandardScaler()]
    if kind == "image":
        return [_Pixels(), StandardScaler()]
    return [FunctionTransformer(_flat, validate=False), StandardScaler()]


def _select(X, name, columns):
    return find_cells(X, {name: columns})[name]


def _filled(cells):
    """Return texts, empty where missing."""
    return ["" if is_missing(text) else text for text in cells_and_labels(cells)[0]]


class _WideLogistic(LogisticRegression):
    """The same model, found sooner where dense features outnumber the rows.

    Penalised coefficients are sums of rows, so that those of as many features as rows,
    rotated, say it all.
    """

    def fit(self, X, y, sample_weight=None):
        if issparse(X) or X.shape[1] <= len(X):
            return super().fit(X, y, sample_weight)
        axes, rotated = qr(X.T, mode="economic", check_finite=False)
        super().fit(np.ascontiguousarray(rotated.T), y, sample_weight)
        self.coef_ = self.coef_ @ axes.T  # type: ignore[has-type]  # no stub
        self.n_features_in_ = X.shape[1]
        return self


class _Pixels(TransformerMixin, BaseEstimator):
    """Images as rows of pixels, all at the size of the first, black where missing."""

    def fit(self, cells, y=None):
        cells = cells_and_labels(cells)[0]
        first = next((cell for cell in cells if not is_missing(cell)), None)
        size = (1, 1) if first is None else decode_image(first).shape[:2]
        scale = min(1.0, LARGEST_SIDE / max(size))
        self.size_ = tuple(max(1, round(side * scale)) for side in size)
        return self

    def transform(self, cells):
        cells = cells_and_labels(cells)[0]
        out = np.zeros((len(cells), *self.size_, 3), dtype=np.float32)
        for row, cell in zip(out, cells, strict=True):
            if not is_missing(cell):
                row[:] = resize_image(to_channels(decode_image(cell), 3), self.size_)
        return out.reshape(len(cells), -1)


def _flat(cells):
    """Return vectors as rows, zeros where missing."""
    values = cells_and_labels(cells)[0]
    rows = [None if is_missing(v) else np.asarray(v, np.float32) for v in values]
    blank = np.zeros_like(next((row for row in rows if row is not None), 0.0))
    return np.stack([(blank if row is None else row).ravel() for row in rows])
