"""Whether probabilities mean what they say, for each modality and the fusion."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skmultimodal.estimators.conformal._base import BaseConformal
from skmultimodal.inspection._coalitions import fitted_estimator
from skmultimodal.inspection._plotting import (
    figure_and_axes,
    in_legend,
    styles_of,
    tidy,
)

__all__ = ["ReliabilityDisplay", "calibration_error", "curve_of"]


class ReliabilityDisplay:
    """Accuracy against confidence, of each modality and of the fusion.

    Confidence is the probability of the predicted class; rows are put into bins of
    equal width by it. On the diagonal a prediction made with probability 0.8 is
    right in 8 cases of 10. The expected calibration error (ECE) is the mean distance
    from it, weighted by rows [1]_.

    Parameters
    ----------
    curves : dict of str to DataFrame
        For each modality, and ``"fused"``, the bins that are not empty: mean
        ``confidence``, ``accuracy`` and ``count`` of rows.

    Attributes
    ----------
    ece : dict of str to float
        Expected calibration error of each curve.

    ax_ : matplotlib Axes
        Axes of the curves.

    count_ax_ : matplotlib Axes or None
        Axes of the counts of rows.

    figure_ : matplotlib Figure
        Figure of the axes.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern
       neural networks", ICML, 2017.

    Examples
    --------
    >>> from skmultimodal.inspection import ReliabilityDisplay
    >>> proba = [[0.9, 0.1], [0.7, 0.3], [0.3, 0.7], [0.1, 0.9]]
    >>> display = ReliabilityDisplay.from_predictions([0, 1, 1, 1], proba)
    >>> round(display.ece["fused"], 2)
    0.15
    """

    def __init__(self, curves: dict[str, pd.DataFrame]):
        self.curves = curves
        self.ece = {name: calibration_error(part) for name, part in curves.items()}

    @classmethod
    def from_estimator(cls, estimator, X, y, *, n_bins=10, ax=None):
        """Draw the curves of a fitted classifier on held-out rows.

        Parameters
        ----------
        estimator : FusionClassifier
            Fitted. Without ``predict_proba_per_modality`` only the fusion is drawn.

        X : DataFrame, MultimodalData or dict
            Rows that were not fitted on.

        y : array-like of shape (n_samples,)
            Labels.

        n_bins : int, default=10
            Number of bins between 0 and 1.

        ax : matplotlib Axes or sequence of two, default=None
            Axes of the curves, and of the counts; None makes a new figure.

        Returns
        -------
        ReliabilityDisplay
        """
        if isinstance(estimator, BaseConformal):
            estimator = fitted_estimator(estimator)
        if not hasattr(estimator, "predict_proba"):
            raise TypeError(
                f"{cls.__name__} expected a classifier with predict_proba. Got "
                f"{type(estimator).__name__}."
            )
        probabilities = {}
        if hasattr(estimator, "predict_proba_per_modality"):
            probabilities = dict(estimator.predict_proba_per_modality(X))
        probabilities["fused"] = estimator.predict_proba(X)
        return cls.from_predictions(
            y, probabilities, classes=estimator.classes_, n_bins=n_bins, ax=ax
        )

    @classmethod
    def from_predictions(cls, y_true, y_proba, *, classes=None, n_bins=10, ax=None):
        """Draw the curves of given probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels.

        y_proba : array-like of shape (n_samples, n_classes), or dict of str to them
            Probabilities of each modality and of ``"fused"``; a single array is
            ``"fused"``. Rows of NaN, of an absent modality, are left out.

        classes : array-like of shape (n_classes,), default=None
            Labels of the columns; None means the sorted labels of `y_true`.

        n_bins : int, default=10
            Number of bins between 0 and 1.

        ax : matplotlib Axes or sequence of two, default=None
            Axes of the curves, and of the counts; None makes a new figure.

        Returns
        -------
        ReliabilityDisplay
        """
        y_true = np.asarray(y_true)
        if y_true.ndim != 1:
            raise ValueError(
                f"{cls.__name__} expected one label per row. Got y of shape "
                f"{y_true.shape}."
            )
        classes = np.unique(y_true) if classes is None else np.asarray(classes)
        if not isinstance(y_proba, dict):
            y_proba = {"fused": y_proba}
        curves = {
            name: curve_of(
                y_true, _checked(name, proba, y_true, classes), classes, n_bins
            )
            for name, proba in y_proba.items()
        }
        return cls(curves).plot(ax)

    def plot(self, ax=None):
        """Draw the curves, and below them how many rows each point stands for.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of two, default=None
            Axes of the curves, and of the counts; a single one shows the curves
            only. None makes a new figure.

        Returns
        -------
        ReliabilityDisplay
        """
        self.figure_, axes = figure_and_axes(
            type(self).__name__,
            ax,
            figsize=(6.4, 4.8),
            nrows=2,
            sharex=True,
            height_ratios=[3, 1],
        )
        self.ax_, self.count_ax_ = axes[0], axes[1] if len(axes) > 1 else None
        self.ax_.plot([0, 1], [0, 1], ":", color="grey", label="perfect")
        styles = styles_of(self.curves)
        for name, curve in self.curves.items():
            label = in_legend(f"{name}, ECE {self.ece[name]:.2f}")
            style = {**styles[name], "ms": 9 if name == "fused" else 5}
            self.ax_.plot(curve["confidence"], curve["accuracy"], label=label, **style)
            if self.count_ax_ is not None:
                self.count_ax_.plot(curve["confidence"], curve["count"], **style)
        self.ax_.set(xlim=(0, 1.02), ylim=(-0.02, 1.05), ylabel="accuracy")
        self.ax_.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
        tidy(self.ax_, "both")
        lowest = self.ax_
        if self.count_ax_ is not None:
            self.count_ax_.set_ylabel("rows")
            self.count_ax_.set_ylim(bottom=0)
            tidy(self.count_ax_, "both")
            lowest = self.count_ax_
        lowest.set_xlabel("confidence: probability of the predicted class")
        self.figure_.align_ylabels(axes)
        return self


def _checked(name, proba, y_true, classes):
    """Return probabilities as an array of one row a label and one column per class."""
    proba = np.asarray(proba, dtype=np.float64)
    if proba.shape != (len(y_true), len(classes)):
        raise ValueError(
            f"The probabilities of {name!r} must have shape "
            f"{(len(y_true), len(classes))}, rows and classes. Got {proba.shape}."
        )
    return proba


def curve_of(y_true, proba, classes, n_bins):
    """Return confidence, accuracy and count of the bins that are not empty."""
    known = np.isfinite(proba).all(axis=1)
    proba, y_true = proba[known], y_true[known]
    confidence = proba.max(axis=1)
    right = classes[proba.argmax(axis=1)] == y_true
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    rows = pd.DataFrame({"confidence": confidence, "accuracy": right.astype(float)})
    grouped = rows.groupby(bins)
    return grouped.mean().assign(count=grouped.size()).rename_axis("bin")


def calibration_error(curve) -> float:
    """Return the mean distance from the diagonal, weighted by rows."""
    gaps = (curve["confidence"] - curve["accuracy"]).abs()
    rows = curve["count"].sum()
    return float((gaps * curve["count"]).sum() / rows) if rows else float("nan")
