"""Rules that combine class probabilities by parameters fitted to predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from skmultimodal.fusion.rules import _pool
from skmultimodal.fusion.rules._base import BaseRule, fit_final
from skmultimodal.fusion.rules._pool import EPS

__all__ = ["DecisionTemplate", "NaiveBayes", "Stacking"]


class NaiveBayes(BaseRule):
    """Combine the decided labels by their out-of-fold confusion matrices.

    Parameters
    ----------
    smoothing : float, default=1.0
        Rows added to each cell of the confusion matrices.

    Attributes
    ----------
    log_confusions_ : ndarray of shape (n_modalities, n_classes, n_classes)
        log P(said | true), the true class first.

    weights_ : ndarray of shape (n_modalities,)
        Equal: the rule has no weights.

    prior_ : ndarray of shape (n_classes,)
        Class prior.

    References
    ----------
    .. [1] L. Xu, A. Krzyzak, C. Suen, "Methods of combining multiple classifiers",
       IEEE Transactions on Systems, Man, and Cybernetics, 1992.
    """

    needs_fit = True
    takes_weights = False

    def __init__(self, smoothing: float = 1.0):
        self.smoothing = smoothing

    def fit_parameters(self, proba, y, present, sample_weight):
        n_modalities, _, n_classes = proba.shape
        counts = np.full((n_modalities, n_classes, n_classes), float(self.smoothing))
        for m, said in enumerate(proba.argmax(axis=2)):
            here = present[m]
            np.add.at(counts[m], (y[here], said[here]), sample_weight[here])
        self.log_confusions_ = np.log(counts / counts.sum(axis=2, keepdims=True))

    def pool(self, proba, present):
        return _pool.naive_bayes(proba, self.log_confusions_, present, self.prior_)


class DecisionTemplate(BaseRule):
    """Combine by closeness to the mean out-of-fold profile of each class.

    Probabilities are a softmax of minus squared distances over twice the pooled
    variance of the profiles. This orders the classes by distance, as [1]_ does, and
    spreads less evenly than the similarities given there.

    Attributes
    ----------
    templates_ : ndarray of shape (n_classes, n_modalities, n_classes)
        Mean profiles; one at the class itself where a modality never met the class.

    variance_ : float
        Mean squared distance to the template of the true class, an entry.

    weights_ : ndarray of shape (n_modalities,)
        Equal: the rule has no weights.

    prior_ : ndarray of shape (n_classes,)
        Class prior.

    References
    ----------
    .. [1] L. Kuncheva, J. Bezdek, R. Duin, "Decision templates for multiple
       classifier fusion", Pattern Recognition, 2001.
    """

    needs_fit = True
    takes_weights = False

    def fit_parameters(self, proba, y, present, sample_weight):
        n_modalities, _, n_classes = proba.shape
        counts = present * sample_weight  # (n_modalities, n_samples)
        of_class = np.eye(n_classes)[y]
        totals = (of_class.T * counts[:, None]) @ proba
        totals = totals.swapaxes(0, 1)  # (n_classes, n_modalities, n_classes)
        seen = (counts @ of_class).T[:, :, None]  # (n_classes, n_modalities, 1)
        crisp = np.repeat(np.eye(n_classes)[:, None], n_modalities, axis=1)
        self.templates_ = np.divide(totals, seen, out=crisp, where=seen > 0)
        gaps = np.square(proba - self.templates_[y].swapaxes(0, 1)).mean(axis=2)
        self.variance_ = max(float((gaps * counts).sum() / counts.sum()), EPS)

    def pool(self, proba, present):
        return _pool.nearest_template(proba, self.templates_, self.variance_, present)


class Stacking(BaseRule):
    """Combine by an estimator fitted to out-of-fold log probabilities.

    Features are the log probabilities of all modalities, the log prior where one is
    absent; and, for each modality absent in some rows of fitting, whether it is
    present.

    Parameters
    ----------
    final_estimator : classifier with `predict_proba`, default=None
        None is a multinomial logistic regression.

    passthrough : tuple of str, default=()
        Tables (or blocks of numbers) whose columns, standardised and one-hot
        encoded, are features of the final estimator as well.

    Attributes
    ----------
    final_estimator_ : classifier
        The fitted estimator.

    flagged_ : ndarray of shape (n_modalities,)
        Which modalities have an availability feature.

    weights_ : ndarray of shape (n_modalities,)
        Equal: the rule has no weights.

    prior_ : ndarray of shape (n_classes,)
        Class prior.

    References
    ----------
    .. [1] D. Wolpert, "Stacked generalization", Neural Networks, 1992.
    """

    needs_fit = True
    takes_weights = False

    def __init__(self, final_estimator: Any = None, passthrough: tuple[str, ...] = ()):
        self.final_estimator = final_estimator
        self.passthrough = passthrough

    def fit_parameters(self, proba, y, present, sample_weight, features=None):
        self.flagged_ = ~present.all(axis=1)
        self.averages_ = len(np.unique(y)) < 2  # nothing to tell apart
        if self.averages_:
            return
        final = self.final_estimator
        if final is None:
            final = _logistic(proba.shape[0] * proba.shape[2] * proba.shape[2])
        if not hasattr(final, "predict_proba"):
            raise TypeError(
                "The 'final_estimator' of Stacking must have 'predict_proba'. "
                f"{type(final).__name__} has none."
            )
        features = self._features(proba, present, features)
        self.final_estimator_ = fit_final(final, features, y, sample_weight)

    def pool(self, proba, present, features=None):
        combined = np.zeros(proba.shape[1:])
        features = self._features(proba, present, features)
        classes = self.final_estimator_.classes_
        combined[:, classes] = self.final_estimator_.predict_proba(features)
        return combined

    def _features(self, proba, present, extra):
        logs = np.log(np.clip(proba, EPS, 1.0))
        logs = np.moveaxis(logs, 0, 1).reshape(proba.shape[1], -1)
        blocks = [logs, present[self.flagged_].T]
        return np.hstack(blocks if extra is None else [*blocks, extra])


def _logistic(n_coefficients):
    """Return a regression, exact where small so that weights equal repeated rows."""
    if n_coefficients <= 400:
        return LogisticRegression(solver="newton-cholesky", tol=1e-10, max_iter=1000)
    return LogisticRegression(tol=1e-5, max_iter=1000)
