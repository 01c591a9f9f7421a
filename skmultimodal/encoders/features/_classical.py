"""The classical models that ``encoders="auto"`` stands for on small data."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from skmultimodal.encoders.features._audio import AudioFeatures
from skmultimodal.encoders.features._centroid import CentroidClassifier
from skmultimodal.encoders.features._character_ngrams import CharacterNgrams
from skmultimodal.encoders.features._image import ImageFeatures
from skmultimodal.encoders.features._kernel import (
    KernelClassifier,
    KernelRegressor,
    LeftOutClassifier,
    LeftOutRegressor,
)
from skmultimodal.encoders.features._projected_forest import (
    ProjectedForestClassifier,
)
from skmultimodal.encoders.features._sequence import SequenceFeatures
from skmultimodal.encoders.features._table import TableFeatures

__all__ = [
    "MANY_CLASSES",
    "MANY_CLASSES_OF_NUMBERS",
    "default_model",
    "left_out_model",
    "ngrams",
]

MANY_CLASSES = 50  # benchmarks/bench_many_classes.py
MANY_CLASSES_OF_NUMBERS = 200  # whose linear model costs less than their kernel model


def default_model(kind: str, regression: bool = False, n_classes: int = 2) -> Pipeline:
    """Return the model of one kind of modality.

    The same rule serves all data. Every model takes `sample_weight` in its last
    step; classifiers give probabilities. With more than 50 classes, 200 of embeddings,
    models take over whose time and memory do not grow with classes times features.

    Parameters
    ----------
    kind : {"image", "text", "audio", "sequence", "embedding", "table"}
        What the modality holds.
    regression : bool, default=False
        Whether to predict numbers rather than classes.
    n_classes : int, default=2
        Classes to tell apart.

    Returns
    -------
    model : Pipeline
        Unfitted.

    Examples
    --------
    >>> from skmultimodal.encoders.features._classical import default_model
    >>> list(default_model("image").named_steps)
    ['imagefeatures', 'kernelclassifier']
    >>> list(default_model("text", n_classes=2000).named_steps)
    ['featureunion', 'centroidclassifier']
    """
    few = MANY_CLASSES_OF_NUMBERS if kind == "embedding" else MANY_CLASSES
    many = not regression and n_classes > few
    if many and kind in _OF_MANY_CLASSES:
        return _OF_MANY_CLASSES[kind]()
    models = {
        "image": _image,
        "text": _text,
        "audio": _audio,
        "sequence": _sequence,
        "embedding": _embedding,
        "table": _table,
    }
    return models[kind](regression)


def left_out_model(kind: str, regression: bool = False) -> Pipeline:
    """Return a kernel model of one kind that predicts the rows of fit without them.

    Parameters
    ----------
    kind : {"image", "audio", "sequence", "embedding"}
    regression : bool, default=False

    Returns
    -------
    model : Pipeline
        Unfitted. Its last step has `taken_left_out`.
    """
    kernel = LeftOutRegressor() if regression else LeftOutClassifier()
    if kind == "embedding":
        return make_pipeline(
            SimpleImputer(keep_empty_features=True), StandardScaler(), kernel
        )
    return Pipeline([*default_model(kind, regression).steps[:-1], ("kernel", kernel)])


def _kernel(regression):
    return KernelRegressor() if regression else KernelClassifier()


def _image(regression):
    return make_pipeline(ImageFeatures(), _kernel(regression))


def _audio(regression):
    return make_pipeline(AudioFeatures(), StandardScaler(), _kernel(regression))


def _sequence(regression):
    return make_pipeline(SequenceFeatures(), StandardScaler(), _kernel(regression))


def _text(regression):
    linear = (
        Ridge(alpha=1.0)
        if regression
        else LogisticRegression(C=5.0, solver="newton-cg", tol=1e-3, max_iter=200)
    )
    return make_pipeline(ngrams(), linear)


def ngrams():
    """Return TF-IDF of words and of characters, which serve any script."""
    words = TfidfVectorizer(
        ngram_range=(1, 2),
        token_pattern=r"(?u)\b\w+\b",  # one letter is a word too
        sublinear_tf=True,
        dtype=np.float32,
    )
    return make_union(words, CharacterNgrams())


def _table(regression):
    trees = (
        HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    )
    slow = trees(
        learning_rate=0.05, max_leaf_nodes=15, categorical_features="from_dtype"
    )
    return make_pipeline(TableFeatures(), slow)


def _embedding(regression):
    """Return the mean of a kernel and a linear model, which err differently."""
    linear = (
        Ridge(alpha=1.0) if regression else LogisticRegression(tol=1e-3, max_iter=1000)
    )
    pair = [("kernel", _kernel(regression)), ("linear", linear)]
    both = (
        VotingRegressor(pair) if regression else VotingClassifier(pair, voting="soft")
    )
    return make_pipeline(
        SimpleImputer(keep_empty_features=True), StandardScaler(), both
    )


def _text_of_many_classes():
    return make_pipeline(ngrams(), CentroidClassifier())


def _table_of_many_classes():
    return make_pipeline(TableFeatures(as_codes=True), ProjectedForestClassifier())


def _embedding_of_many_classes():
    return make_pipeline(
        SimpleImputer(keep_empty_features=True), StandardScaler(), KernelClassifier()
    )


_OF_MANY_CLASSES = {
    "text": _text_of_many_classes,
    "table": _table_of_many_classes,
    "embedding": _embedding_of_many_classes,
}
