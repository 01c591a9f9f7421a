"""A stacking of the modalities' decisions, as a member beside their sum."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skmultimodal.fusion.rules._fitted import Stacking
from skmultimodal.fusion.rules._regression import StackingRegression

__all__ = ["Stack", "cross_fitted"]


class Stack:
    """Stacking of the decisions, one rule a label if there are several.

    Parameters
    ----------
    task : Classification, Multilabel or Regression
    prior : ndarray of shape (n_outputs,)
    """

    def __init__(self, task, prior):
        self.task, self.prior = task, prior

    def fit(self, responses, target, sample_weight=None):
        """Fit to responses of shape (n_modalities, n_samples, n_outputs)."""
        rule: Stacking | StackingRegression = StackingRegression()
        if self.task.has_labels:
            final = LogisticRegression(C=0.3, tol=1e-3, max_iter=1000)
            rule = Stacking(final)
        parts = self.task.parts(responses, self.task.in_units(target))
        priors = self.task.parts(self.prior)
        self.rules = [
            clone(rule).fit(part, label, prior=prior, sample_weight=sample_weight)
            for (part, label), (prior, _) in zip(parts, priors, strict=True)
        ]
        return self

    def response(self, responses) -> np.ndarray:
        """Return the response, of shape (n_samples, n_outputs)."""
        parts = zip(self.rules, self.task.parts(responses), strict=True)
        return self.task.joined([rule.combine(part) for rule, (part, _) in parts])


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
