"""Ask what an estimator understands of X."""

from __future__ import annotations

from typing import Any

from sklearn.base import is_regressor

from skmultimodal.estimators._classifier import FusionClassifier
from skmultimodal.estimators._description import Description, described
from skmultimodal.estimators._layout import is_numeric
from skmultimodal.estimators._reader import Reader
from skmultimodal.fusion._auto import auto_fusion

__all__ = ["describe"]


def describe(X: Any, estimator: Any = None) -> Description:
    """Tell what an estimator understands of X, before it is fitted or after.

    ``verbose=1`` prints the same at the start of a fit.

    Parameters
    ----------
    X : DataFrame, MultimodalData, dict or array-like
        Rows with one or more modalities.

    estimator : fusion estimator, default=None
        Its parameters hold, and its fitted encoders if it is fitted; by default
        ``FusionClassifier()``.

    Returns
    -------
    Description
        Printing it tells of each modality its kind and why, columns, encoder, absent
        rows and examples; its attribute ``table_`` is a DataFrame of the same.

    Raises
    ------
    TypeError
        If `estimator` is no fusion estimator.
    ValueError
        If X is not what the estimator takes.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmultimodal import describe
    >>> notes = ["a red car", "two blue boats"]
    >>> X = pd.DataFrame({"note": notes, "price": ["3,5", "4"]})
    >>> describe(X)
    note: text, column note
      why      texts of 3.0 words on average, 100% of them different
      encoder  FeatureUnion, LogisticRegression
      absent   0 of 2 rows
      examples 'a red car'; 'two blue boats'
    table: table, column price (comma number)
      why      columns that are no images, audio or texts are one table
      encoder  TableFeatures, HistGradientBoostingClassifier
      absent   0 of 2 rows
      examples price='3,5'; price='4'
    """
    estimator = FusionClassifier() if estimator is None else estimator
    if not hasattr(estimator, "encoders"):
        raise TypeError(
            "describe expects X and, if need be, a fusion estimator. Got "
            f"{type(estimator).__name__} as 'estimator'; y is not needed."
        )
    if hasattr(estimator, "fusion_"):
        reader = estimator.reader_
        rows = reader.read(X)
        return described(reader, reader.check(X), rows, estimator.encoders_)
    reader = Reader.of(estimator)
    X = reader.check(X)
    strategy = auto_fusion(estimator.fusion, is_numeric(X), type(estimator))
    rows = reader.fit(X, strategy, is_regressor(estimator))
    return described(reader, X, rows, reader.encoders_)
