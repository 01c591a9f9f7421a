"""The one door to scikit-learn names that are private or depend on its version."""

from __future__ import annotations

from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.validation import _check_sample_weight, _check_y

try:  # scikit-learn >= 1.9, experimental
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # pragma: no cover

    class CallbackSupportMixin:
        """Stand-in where scikit-learn has no callbacks."""

    def with_callbacks(method):
        """Return the method unchanged."""
        return method


__all__ = [
    "Branches",
    "CallbackSupportMixin",
    "_BaseComposition",
    "_check_sample_weight",
    "_check_y",
    "check_weights",
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


class Branches:
    """The encoders as one parallel step of the HTML diagram."""

    def __init__(self, encoders, names):
        self.encoders, self.names = encoders, names

    def _sk_visual_block_(self):
        details = [str(encoder) for encoder in self.encoders]
        return visual_block("parallel", self.encoders, self.names, details)

    def __repr__(self):
        return ", ".join(self.names)


def visual_block(kind, estimators, names, details):
    """Return the block of scikit-learn's HTML diagram."""
    try:
        from sklearn.utils._repr_html.estimator import _VisualBlock
    except ImportError:  # pragma: no cover
        from sklearn.utils._estimator_html_repr import _VisualBlock
    return _VisualBlock(
        kind, estimators, names=names, name_details=details, dash_wrapped=True
    )
