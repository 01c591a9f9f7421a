"""The one door to scikit-learn names that are private or depend on its version."""

from __future__ import annotations

from contextlib import contextmanager

from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.validation import _check_sample_weight, _check_y, validate_data

try:  # scikit-learn >= 1.9, experimental
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # pragma: no cover

    class CallbackSupportMixin:  # type: ignore[no-redef]  # one of the two exists
        """Stand-in where scikit-learn has no callbacks."""

    def with_callbacks(method):
        """Return the method unchanged."""
        return method


__all__ = [
    "Branches",
    "CallbackSupportMixin",
    "Captioned",
    "_BaseComposition",
    "_check_y",
    "check_matrix",
    "check_weights",
    "columns_noted",
    "fit_task",
    "visual_block",
    "with_callbacks",
]


def check_weights(sample_weight, X):
    """Return validated weights, refusing negative and all-zero ones."""
    weights = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
    if not weights.any():
        raise ValueError(
            "sample_weight has only zero weights. At least one sample must have a "
            "positive weight."
        )
    return weights


@contextmanager
def fit_task(estimator, X, y, sample_weight):
    """Tell scikit-learn's callbacks that the block fits the estimator."""
    if not hasattr(estimator, "_init_callback_context"):  # pragma: no cover
        yield
        return
    weight = {} if sample_weight is None else {"sample_weight": sample_weight}
    told = {"estimator": estimator, "X": X, "y": y, "metadata": weight}
    context = estimator._init_callback_context()
    context.call_on_fit_task_begin(**told)
    yield
    context.call_on_fit_task_end(**told, reconstruction_attributes={})


def _stand_in(reader):
    """Return an estimator of the name and with the columns that a reader has."""
    stand_in = type(reader.owner, (BaseEstimator,), {})()
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(reader, name):
            setattr(stand_in, name, getattr(reader, name))
    return stand_in


def columns_noted(reader, X) -> dict:
    """Return the attributes that tell number and names of the columns of X."""
    stand_in = _stand_in(reader)
    validate_data(stand_in, X, skip_check_array=True)
    return vars(stand_in)


def check_matrix(reader, X, reset):
    """Return X as a matrix of numbers, and the attributes that tell its columns.

    Without `reset` the columns are compared with those of the reader.
    """
    stand_in = _stand_in(reader)
    X = validate_data(
        stand_in, X, reset=reset, dtype="numeric", ensure_all_finite="allow-nan"
    )
    return X, vars(stand_in)


class Branches:
    """The encoders as one parallel step of the HTML diagram."""

    def __init__(self, encoders, names, details):
        self.encoders, self.names, self.details = encoders, names, details

    def _sk_visual_block_(self):
        return visual_block("parallel", self.encoders, self.names, self.details)

    def __repr__(self):
        return ", ".join(self.names)


class Captioned:
    """An estimator that is one box of the HTML diagram, with a line below its name."""

    def __init__(self, estimator, caption):
        self._estimator, self._caption = estimator, caption

    def __getattr__(self, name):
        return getattr(self._estimator, name)

    def __repr__(self):
        return str(self._estimator)

    def _sk_visual_block_(self):
        spec = self._estimator
        name = spec if isinstance(spec, str) else type(spec).__name__
        block = visual_block("single", spec, name, str(spec))
        block.name_caption = self._caption
        return block


def visual_block(kind, estimators, names, details):
    """Return the block of scikit-learn's HTML diagram."""
    try:
        from sklearn.utils._repr_html.estimator import _VisualBlock
    except ImportError:  # pragma: no cover
        from sklearn.utils._estimator_html_repr import _VisualBlock
    return _VisualBlock(
        kind, estimators, names=names, name_details=details, dash_wrapped=True
    )
