"""A stacking of the modalities' decisions, as a member beside their sum."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge

from skmultimodal.fusion.rules._fitted import Stacking
from skmultimodal.fusion.rules._regression import StackingRegression

__all__ = ["Stack", "cross_fitted"]


class Stack:
    """Stacking of the decisions, one rule a label or value if there are several.

    Models add up to a value, none is subtracted [1]_: where there is nothing to learn,
    a model that meets large values in the rows that it learns from is above those that
    it leaves out, by whatever it learns with, and a stack that may subtract it
    predicts them without knowing anything.

    Parameters
    ----------
    task : Classification, Multilabel or Regression
    prior : ndarray of shape (n_outputs,)

    References
    ----------
    .. [1] L. Breiman, "Stacked regressions", Machine Learning, 1996.
    """

    def __init__(self, task, prior):
        self.task, self.prior = task, prior

    def fit(self, responses, target, sample_weight=None):
        """Fit to responses of shape (n_modalities, n_samples, n_outputs)."""
        rule: Stacking | StackingRegression = StackingRegression(Ridge(positive=True))
        if self.task.has_labels:
            # the optimum itself: stopped before it, a stack is worth less as a member
            final = LogisticRegression(C=0.3, solver="newton-cg")
            rule = Stacking(final)
        parts = self._parts(responses, self.task.in_units(target))
        priors = self._parts(self.prior)
        self.rules = [
            clone(rule).fit(part, label, prior=prior, sample_weight=sample_weight)
            for (part, label), (prior, _) in zip(parts, priors, strict=True)
        ]
        return self

    def response(self, responses) -> np.ndarray:
        """Return the response, of shape (n_samples, n_outputs)."""
        parts = zip(self.rules, self._parts(responses), strict=True)
        found = [rule.combine(part) for rule, (part, _) in parts]
        if self.task.has_labels:
            return self.task.joined(found)
        return np.concatenate(found, axis=1)

    def _parts(self, responses, target=None):
        """Return responses and targets of each label or value, values one by one."""
        if self.task.has_labels:
            return self.task.parts(responses, target)
        values = np.split(responses, responses.shape[-1], axis=-1)
        if target is None:
            return [(value, None) for value in values]
        return list(zip(values, np.split(target, len(values), axis=1), strict=True))


def cross_fitted(problem, responses, rows, folds, prior):
    """Return the stack's out-of-fold responses, NaN elsewhere, and the stack.

    Parameters
    ----------
    problem : FusionProblem
    responses : ndarray of shape (n_modalities, n_samples, n_outputs)
    rows : ndarray of bool of shape (n_samples,)
        Those with every modality.
    folds : list of (train, test) positions
    prior : ndarray of shape (n_outputs,)
    """
    weight = problem.sample_weight
    if not problem.task.one_label:  # whose folds are not stratified
        responses = _without_priors_of_folds(problem, responses, folds)

    def fitted(train):
        of_rows = None if weight is None else weight[train]
        stack = Stack(problem.task, prior)
        return stack.fit(responses[:, train], problem.target[train], of_rows)

    out = np.full(responses.shape[1:], np.nan)
    for train, test in folds:
        train, test = train[rows[train]], test[rows[test]]
        unmet = problem.task.unmet(problem.target[test], problem.target[train])
        test = test[~unmet]
        if len(train) and len(test):
            out[test] = fitted(train).response(responses[:, test])
    return out, fitted(np.flatnonzero(rows))


def _without_priors_of_folds(problem, responses, folds):
    """Return responses as if the models of all folds had met the same prior.

    That of the rows a fold learns from is off to the side where those it holds out are
    not, by which a stack that may subtract would tell these without any model.
    """
    task, out, weight = problem.task, responses.copy(), problem.sample_weight

    def origin(m, rows):
        rows = rows[problem.present[rows, m]]
        share = None if weight is None else weight[rows]
        target = problem.target[rows]
        if task.has_labels:
            return task.scores(task.prior(target, share))
        return task.scores(np.average(task.truth(target), axis=0, weights=share))

    every = np.arange(problem.n_samples)
    for m in range(len(responses)):
        for train, test in folds:
            if problem.present[train, m].any():
                shift = origin(m, train) - origin(m, every)
                out[m, test] = task.response(task.scores(responses[m, test]) - shift)
    return out
