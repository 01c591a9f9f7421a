"""What y is: its encoding, its loss, and the link from scores to predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, log_softmax, softmax
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from skmultimodal.data._scaling import moments

__all__ = ["Answer", "Classification", "Multilabel", "Regression"]

EPS = 1e-7  # smallest probability that enters a logarithm


class Task:
    """What depends on what y is; this class has what most tasks share.

    A task is fitted on y by its constructor. `encode` gives the target that
    strategies train on, `loss` the loss of each row as a torch tensor, `response`
    the prediction scale (probabilities or values), `scores` its inverse,
    `predict` the labels, `truth` the response that would be right for a target, and
    `prior` that where nothing is observed.
    """

    kind: str  # for messages
    has_labels = True  # whose responses are probabilities
    one_label = False  # a row: one class, and the probabilities sum to one
    scoring = "accuracy"  # the estimators' own
    n_outputs: int
    classes: Any
    levels: Any = None  # of the quantiles that outputs are, a tuple of float

    grades: Any = None  # labels from lowest to highest, where they have an order
    wraps_models = False  # whether models of scikit-learn are made others for it
    needs_loss: str | None = None  # what it predicts, where no other loss will do

    @property
    def n_scores(self) -> int:
        """Columns of scores; those of responses are `n_outputs`."""
        return self.n_outputs

    def key(self) -> tuple:
        """Return what tells the task from others of the same y, for a cache."""
        return self.kind, self.classes, self.levels

    def score(self, y, predicted, sample_weight=None) -> float:
        """Return the score of predictions."""
        return accuracy_score(y, predicted, sample_weight=sample_weight)

    def decision(self, scores) -> np.ndarray:
        """Return scores as `decision_function` of scikit-learn gives them."""
        return scores

    def scorer(self):
        """Return the estimators' own scoring, as scikit-learn takes it."""
        return self.scoring

    def output_names(self) -> list[str]:
        """Return a name for each output: its class where it is one, else a number."""
        named = self.one_label and len(self.classes) == self.n_outputs
        return [str(c) for c in (self.classes if named else range(self.n_outputs))]

    def in_units(self, target) -> np.ndarray:
        """Return targets in the units of y: labels as encoded, values unscaled."""
        return target

    def net_target(self, y, target) -> np.ndarray:
        """Return what a skorch net of the user is fitted to, from y and its target."""
        return target.astype(np.float32)

    def unmet(self, target, met) -> np.ndarray:
        """Return which rows have a label that no row of `met` has, (n_samples,)."""
        return np.zeros(len(target), dtype=bool)

    def loss_target(self, target, scores):
        """Return a tensor of targets in the dtype that losses compare with scores."""
        return target.to(scores.dtype)

    def parts(self, responses, target=None) -> list[tuple[Any, Any]]:
        """Return responses and targets of each problem that a rule combines."""
        return [(responses, target)]

    def rule_of(self, part, rule):
        """Return a new rule like `rule` for the problem at position `part`."""
        return clone(rule)

    def weight_of(self, part, target, sample_weight):
        """Return the weights of the rows in the problem at position `part`."""
        return sample_weight

    def joined(self, parts) -> np.ndarray:
        """Return the responses whose parts these are."""
        return parts[0]

    def centred(self, response) -> np.ndarray:
        """Return what adds up where a strategy is additive: the scores."""
        return self.scores(response)

    def of_centred(self, centred) -> np.ndarray:
        """Return the response of what `centred` gave."""
        return self.response(centred)

    def scores(self, response) -> np.ndarray:
        raise NotImplementedError

    def response(self, scores) -> np.ndarray:
        raise NotImplementedError


class Classification(Task):
    """One label per row: cross-entropy, softmax."""

    kind = "classification"
    one_label = True

    def __init__(self, y):
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes = np.unique(y)
        self.n_outputs = len(self.classes)

    def encode(self, y) -> np.ndarray:
        """Return class indices of shape (n_samples,); refuse unseen labels."""
        y = column_or_1d(y, warn=True)
        unseen = np.setdiff1d(y, self.classes)
        if len(unseen):
            raise ValueError(
                f"y contains labels that were not seen in the first fit: "
                f"{unseen[:5].tolist()}. Expected labels among "
                f"{self.classes[:10].tolist()}."
            )
        return np.searchsorted(self.classes, y)

    def decode(self, target) -> np.ndarray:
        """Return the labels of encoded targets."""
        return self.classes[target]

    def loss(self, scores, target):
        from torch.nn.functional import log_softmax

        # as cross_entropy, which takes twice as many operations under vmap
        return -log_softmax(scores, 1).gather(1, target[:, None])[:, 0]

    def response(self, scores) -> np.ndarray:
        return softmax(scores, axis=-1)

    def scores(self, response) -> np.ndarray:
        return np.log(np.clip(response, EPS, None))

    def predict(self, response) -> np.ndarray:
        return self.classes[self.chosen(response)]

    def chosen(self, response) -> np.ndarray:
        """Return the class that is predicted, as a position."""
        return response.argmax(axis=-1)

    def decision(self, scores) -> np.ndarray:
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def prior(self, target, sample_weight=None) -> np.ndarray:
        """Return the class frequencies, of shape (n_classes,)."""
        counts = np.bincount(target, sample_weight, minlength=self.n_outputs)
        return counts / counts.sum()

    def losses(self, response, target) -> np.ndarray:
        """Return the log loss of each row, for comparing predictions."""
        scores = self.scores(response)
        return -log_softmax(scores, axis=1)[np.arange(len(target)), target]

    def one_hot(self, target) -> np.ndarray:
        return np.eye(self.n_outputs)[target]

    truth = one_hot  # the response that would be right

    strata = staticmethod(lambda target: target)

    def unmet(self, target, met) -> np.ndarray:
        return ~np.isin(target, met)

    def merits(self, response, target, sample_weight=None) -> np.ndarray:
        """Return the merit of each row, whose mean is the score."""
        return self.chosen(response) == target

    def net_target(self, y, target) -> np.ndarray:
        return target.astype(np.int64)

    def loss_target(self, target, scores):
        return target

    def distributions(self, response) -> np.ndarray:
        """Return the distributions, of shape (..., n_distributions, n_outcomes)."""
        return response[..., None, :]

    def centred(self, response) -> np.ndarray:
        """Return log probabilities less their mean, in which the normaliser cancels."""
        scores = self.scores(response)
        return scores - scores.mean(axis=-1, keepdims=True)

    def link(self):
        """Return the module from a tensor of scores to one of responses."""
        from torch import nn

        return nn.Softmax(dim=-1)


class Multilabel(Task):
    """Several labels a row: binary cross-entropy a label, sigmoid."""

    kind = "multilabel"

    def __init__(self, y):
        y = np.asarray(y)
        self.n_outputs = y.shape[1]
        self.classes = np.arange(self.n_outputs)

    def encode(self, y) -> np.ndarray:
        """Return the indicator of shape (n_samples, n_labels)."""
        y = np.asarray(y.todense() if hasattr(y, "todense") else y)
        if y.shape[1] != self.n_outputs:
            raise ValueError(
                f"y must have {self.n_outputs} labels. Got {y.shape[1]} instead."
            )
        return y.astype(np.float64)

    def decode(self, target) -> np.ndarray:
        return np.asarray(target, dtype=np.int64)

    def loss(self, scores, target):
        from torch.nn.functional import binary_cross_entropy_with_logits

        target = target.to(scores.dtype)
        losses = binary_cross_entropy_with_logits(scores, target, reduction="none")
        return losses.mean(dim=-1)

    def response(self, scores) -> np.ndarray:
        return expit(scores)

    def scores(self, response) -> np.ndarray:
        response = np.clip(response, EPS, 1 - EPS)
        return np.log(response) - np.log1p(-response)

    def predict(self, response) -> np.ndarray:
        return (response > 0.5).astype(np.int64)

    def prior(self, target, sample_weight=None) -> np.ndarray:
        return np.average(target, axis=0, weights=sample_weight)

    def losses(self, response, target) -> np.ndarray:
        response = np.clip(response, EPS, 1 - EPS)
        likelihood = np.where(target > 0.5, response, 1 - response)
        return -np.log(likelihood).mean(axis=1)

    def one_hot(self, target) -> np.ndarray:
        return np.asarray(target)

    truth = one_hot

    strata = staticmethod(lambda target: None)

    def unmet(self, target, met) -> np.ndarray:
        least = np.where(met < 0, 1.0, met).min(axis=0, initial=1.0)
        most = met.max(axis=0, initial=0.0)
        asked = target >= 0  # of a survival, what is below zero is not asked
        return (asked & ((target < least) | (target > most))).any(axis=1)

    def merits(self, response, target, sample_weight=None) -> np.ndarray:
        """Return the share of right labels in each row."""
        return ((response > 0.5) == (target > 0.5)).mean(axis=1)

    def distributions(self, response) -> np.ndarray:
        """Return those of absence and presence of each label."""
        return np.stack([1 - response, response], axis=-1)

    def parts(self, responses, target=None) -> list[tuple[Any, Any]]:
        binary = self.distributions(responses)
        return [
            (
                binary[..., k, :],
                None if target is None else target[:, k].astype(np.int64),
            )
            for k in range(self.n_outputs)
        ]

    def joined(self, parts) -> np.ndarray:
        return np.stack([part[..., 1] for part in parts], axis=-1)

    def link(self):
        """Return the module from a tensor of scores to one of responses."""
        from torch import nn

        return nn.Sigmoid()


class Regression(Task):
    """Real values: squared error of standardised targets, identity."""

    kind = "regression"
    has_labels = False
    scoring = "r2"

    def __init__(self, y, sample_weight=None):
        y = np.asarray(y, dtype=np.float64)
        self.single = y.ndim == 1
        y = y.reshape(len(y), -1)
        self.n_outputs = y.shape[1]
        self.classes = None
        self.mean, self.scale = moments(y, sample_weight)

    def encode(self, y) -> np.ndarray:
        """Return the standardised values, of shape (n_samples, n_outputs)."""
        y = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        if y.shape[1] != self.n_outputs:
            raise ValueError(
                f"y must have {self.n_outputs} outputs. Got {y.shape[1]} instead."
            )
        return (y - self.mean) / self.scale

    def decode(self, target) -> np.ndarray:
        return self.predict(self.response(target))

    def loss(self, scores, target):
        return ((scores - target.to(scores.dtype)) ** 2).mean(dim=-1)

    def response(self, scores) -> np.ndarray:
        """Return the values in float64: 32 bits cannot hold 1e9 and a fraction."""
        return np.asarray(scores, dtype=np.float64) * self.scale + self.mean

    def scores(self, response) -> np.ndarray:
        return (response - self.mean) / self.scale

    def predict(self, response) -> np.ndarray:
        return response[:, 0] if self.single else response

    def prior(self, target, sample_weight=None) -> np.ndarray:
        return self.mean

    def losses(self, response, target) -> np.ndarray:
        return ((self.scores(response) - target) ** 2).mean(axis=1)

    def one_hot(self, target) -> np.ndarray:
        return np.asarray(target)

    def truth(self, target) -> np.ndarray:
        return self.response(target)

    in_units = truth

    strata = staticmethod(lambda target: None)

    def score(self, y, predicted, sample_weight=None) -> float:
        """Return the score of predicted values."""
        return r2_score(y, predicted, sample_weight=sample_weight)

    def merits(self, response, target, sample_weight=None) -> np.ndarray:
        """Return what each row adds to the score, whose mean it is."""
        values = self.in_units(target)
        spread = np.maximum(values.var(axis=0), np.finfo(float).tiny)
        return 1 - ((response - values) ** 2 / spread).mean(axis=1)

    def net_target(self, y, target) -> np.ndarray:
        return y.astype(np.float32)

    def centred(self, response) -> np.ndarray:
        """Return the values as they are."""
        return response

    def of_centred(self, centred) -> np.ndarray:
        return centred

    def link(self):
        """Return the module from a tensor of scores to one of responses."""
        from skmultimodal.training._links import Unscaled

        return Unscaled(self.mean, self.scale)


class Answer(BaseEstimator):
    """A response as the estimator that gives it, for scikit-learn's scorers.

    Parameters
    ----------
    task : Classification, Multilabel or Regression
    response : ndarray of shape (n_samples, n_outputs), default=None
    """

    def __init__(self, task, response=None):
        self.task = task
        self.response = response
        self.classes_ = task.classes

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return self.task.predict(self.response)

    def predict_proba(self, X):
        return self.response

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier" if self.task.has_labels else "regressor"
        return tags


def classification_task(y):
    """Return the task of a classifier for `y`."""
    kind = type_of_target(y, input_name="y")
    return Multilabel(y) if kind == "multilabel-indicator" else Classification(y)
