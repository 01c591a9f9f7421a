"""What every combination rule shares: checks, weights, and rows without a modality."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import has_fit_parameter

from skmultimodal.data._scaling import moments
from skmultimodal.fusion.rules._pool import linear_pool, shares

__all__ = [
    "BaseRegressionRule",
    "BaseRule",
    "fit_by_part",
    "fit_final",
    "unless_all",
]


class BaseRule(BaseEstimator):
    """Base class of the rules that combine class probabilities.

    A rule of your own defines `pool`; and, if something is fitted to out-of-fold
    predictions, `fit_weights` or `fit_parameters`. All of them see float64 arrays
    of rows where at least one modality is present; absent entries hold the prior.
    Probabilities are clipped at 1e-7 before a logarithm is taken.

    Attributes
    ----------
    weights_ : ndarray of shape (n_modalities,)
        Weights of the modalities; equal where the rule has none.

    prior_ : ndarray of shape (n_classes,)
        The answer where nothing is observed.

    See Also
    --------
    BaseRegressionRule : The same for values.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion import BaseRule
    >>> class Midrange(BaseRule):
    ...     takes_weights = False
    ...     def pool(self, proba, present):
    ...         here = present[:, :, None]
    ...         low = np.where(here, proba, np.inf).min(axis=0)
    ...         return low + np.where(here, proba, -np.inf).max(axis=0)
    >>> proba = np.array([[[0.2, 0.8]], [[0.6, 0.4]], [[0.5, 0.5]]])
    >>> rule = Midrange().fit(proba, np.array([1]), prior=np.array([0.5, 0.5]))
    >>> rule.combine(proba).round(2)
    array([[0.4, 0.6]])
    """

    needs_fit = False  # whether it combines by parameters fitted to predictions
    takes_weights = True  # whether `weights` may be given
    convex = True  # whether given weights are brought to sum one
    weighs_by_row = False  # whether `row_weights` takes predictions and features
    trusts_priors = False  # whether it takes mean probabilities for shares of classes
    _groups: np.ndarray | None = None  # of the rows that `fit` shows to the hooks

    def fit(
        self,
        proba,
        y,
        present=None,
        *,
        prior=None,
        sample_weight=None,
        weights="cv",
        features=None,
        groups=None,
    ):
        """Fit the rule to out-of-fold predictions.

        Without rows, weights are equal, and a rule that cannot do without fitted
        parameters averages.

        Parameters
        ----------
        proba : ndarray of shape (n_modalities, n_samples, n_classes)
            Out-of-fold class probabilities.

        y : ndarray of shape (n_samples,)
            Classes as positions 0 to n_classes - 1.

        present : ndarray of bool of shape (n_modalities, n_samples), default=None
            Which modalities are present. None means all.

        prior : ndarray of shape (n_classes,), default=None
            Class prior. None takes the class shares of `y`.

        sample_weight : ndarray of shape (n_samples,), default=None
            How often each row counts.

        weights : {"cv", "uniform"} or ndarray of shape (n_modalities,), default="cv"
            ``"cv"`` fits them to these predictions if the rule has such weights.

        features : ndarray of shape (n_samples, n_features), default=None
            Features of the rows for a rule with `passthrough`.

        groups : ndarray of shape (n_samples,), default=None
            For a rule that judges rows by others: those of one group do not judge
            each other.

        Returns
        -------
        self : BaseRule

        Raises
        ------
        ValueError
            If shapes disagree, a present entry is not finite, or weights are not
            what the rule takes.
        """
        proba, present = self._check_stack(proba, present)
        y = self.check_target(np.asarray(y), proba.shape)
        if sample_weight is None:
            sample_weight = np.ones(len(y))
        sample_weight = np.asarray(sample_weight, dtype=np.float64)
        if sample_weight.shape != (proba.shape[1],):
            raise ValueError(
                f"{self._name} got sample_weight of shape {sample_weight.shape} for "
                f"{proba.shape[1]} samples. Pass one weight a sample."
            )
        if prior is None:
            prior = self.default_prior(y, sample_weight, proba.shape[2])
        self.prior_ = np.asarray(prior, dtype=np.float64)
        if self.prior_.shape != proba.shape[2:]:
            raise ValueError(
                f"{self._name} got a prior of shape {self.prior_.shape} for "
                f"{proba.shape[2]} outputs. Pass one value an output."
            )
        rows = unless_all(present.any(axis=0) & (sample_weight > 0))
        present = present[:, rows]
        known = (
            _filled(proba[:, rows], present, self.prior_),
            y[rows],
            present,
            sample_weight[rows],
        )
        self._groups = None if groups is None else np.asarray(groups)[rows]
        empty = not present.size
        self.averages_ = self.needs_fit and empty
        if not self.averages_:
            extra = {} if features is None else {"features": features[rows]}
            self.fit_parameters(*known, **extra)
        if not isinstance(weights, str):
            self.weights_ = self._given(weights, len(proba))
        elif weights not in ("cv", "uniform"):
            raise ValueError(
                f"The 'weights' of {self._name} must be 'cv', 'uniform' or an array. "
                f"Got {weights!r} instead."
            )
        elif weights == "uniform" or empty or len(proba) == 1:
            self.weights_ = self.equal_weights(len(proba))
        else:
            self.weights_ = self.fit_weights(*known)
        del self._groups  # of the rows of fitting
        return self

    def combine(self, proba, present=None, features=None):
        """Combine the predictions of the modalities.

        Parameters
        ----------
        proba : ndarray of shape (n_modalities, n_samples, n_classes)
            Class probabilities; anything where a modality is absent.

        present : ndarray of bool of shape (n_modalities, n_samples), default=None
            Which modalities are present. None means all.

        features : ndarray of shape (n_samples, n_features), default=None
            As in `fit`.

        Returns
        -------
        combined : ndarray of shape (n_samples, n_classes)
            Probabilities that sum to one; the prior where nothing is present.

        Raises
        ------
        ValueError
            If the stack is not that of `fit`, or a present entry is not finite.
        """
        proba, present = self._check_stack(proba, present)
        expected = (len(self.weights_), len(self.prior_))
        if (proba.shape[0], proba.shape[2]) != expected:
            raise ValueError(
                f"{self._name} was fitted to {expected[0]} modalities and "
                f"{expected[1]} outputs. Got {proba.shape[0]} and {proba.shape[2]}."
            )
        rows = present.any(axis=0)
        combined = np.tile(self.prior_, (proba.shape[1], 1))
        if rows.any():
            present = present[:, rows]
            proba = _filled(proba[:, rows], present, self.prior_)
            if self.averages_:
                pooled = linear_pool(proba, np.ones(len(proba)), present)
            else:
                extra = {} if features is None else {"features": features[rows]}
                pooled = self.pool(proba, present, **extra)
            combined[rows] = self.finish(pooled)
        return combined

    def row_weights(self, present):
        """Return the weights of the modalities in each row, as `present`.

        Parameters
        ----------
        present : ndarray of bool of shape (n_modalities, n_samples)
            Which modalities are present.

        Returns
        -------
        ndarray of shape (n_modalities, n_samples)
            Brought to sum one over the present modalities where the rule is convex,
            else as they are; zero where a modality is absent.
        """
        if not self.convex:
            return self.weights_[:, None] * present
        weights = np.zeros(present.shape)
        rows = present.any(axis=0)
        weights[:, rows] = shares(self.weights_, present[:, rows])
        return weights

    def pool(self, proba, present):
        """Return the combination, of shape (n_samples, n_classes), in any scale."""
        raise NotImplementedError(f"{self._name} must define 'pool'.")

    def fit_weights(self, proba, y, present, sample_weight):
        """Return fitted weights of shape (n_modalities,); equal ones by default."""
        return self.equal_weights(len(proba))

    def fit_parameters(self, proba, y, present, sample_weight):
        """Set fitted attributes other than weights; none by default."""

    def equal_weights(self, n_modalities):
        """Return the equal weights of this rule, 1 / n_modalities by default."""
        return np.full(n_modalities, 1.0 / n_modalities)

    def finish(self, pooled):
        """Return rows that sum to one; the prior where every class has nothing."""
        total = pooled.sum(axis=1, keepdims=True)
        shares = np.divide(pooled, total, out=np.zeros_like(pooled), where=total > 0)
        return np.where(total > 0, shares, self.prior_)

    def check_target(self, y, shape):
        """Return `y` as positions of classes."""
        if y.shape != shape[1:2]:
            raise ValueError(
                f"{self._name} got y of shape {y.shape} for {shape[1]} samples. "
                "Pass one class position a sample."
            )
        if len(y) and (y.min() < 0 or y.max() >= shape[2]):
            raise ValueError(
                f"{self._name} expects classes 0 to {shape[2] - 1} in y. "
                f"Got {y.min()} to {y.max()}."
            )
        return y.astype(np.intp)

    def default_prior(self, y, sample_weight, n_outputs):
        """Return the class shares of `y`."""
        counts = np.bincount(y, weights=sample_weight, minlength=n_outputs)
        if not counts.any():
            return np.full(n_outputs, 1.0 / n_outputs)
        return counts / counts.sum()

    @property
    def _name(self):
        return type(self).__name__

    def _check_stack(self, proba, present):
        proba = np.asarray(proba, dtype=np.float64)
        if proba.ndim != 3:
            raise ValueError(
                f"{self._name} expects predictions of shape (n_modalities, n_samples, "
                f"n_outputs). Got {proba.shape}."
            )
        if present is None:
            present = np.ones(proba.shape[:2], dtype=bool)
        present = np.asarray(present, dtype=bool)
        if present.shape != proba.shape[:2]:
            raise ValueError(
                f"{self._name} expects 'present' of shape {proba.shape[:2]}. "
                f"Got {present.shape}."
            )
        wrong = present & ~np.isfinite(proba).all(axis=2)
        if wrong.any():
            modality, row = np.argwhere(wrong)[0]
            raise ValueError(
                f"{self._name} got NaN or infinity for modality {modality}, row {row}. "
                "Mark it as absent in 'present', or correct its model."
            )
        return proba, present

    def _given(self, weights, n_modalities):
        weights = np.asarray(weights, dtype=np.float64)
        if weights.shape != (n_modalities,):
            raise ValueError(
                f"{self._name} got weights of shape {weights.shape} for "
                f"{n_modalities} modalities. Pass one weight per modality."
            )
        if not np.isfinite(weights).all() or weights.min() < 0 or not weights.any():
            raise ValueError(
                f"The weights of {self._name} must be finite, not negative and not "
                f"all zero. Got {weights.tolist()}."
            )
        if not self.takes_weights and np.ptp(weights) > 0:
            raise ValueError(
                f"{self._name} has no weights. Got {weights.tolist()}. Use "
                "weights='uniform', or a rule with weights, such as 'log_pool'."
            )
        if not self.takes_weights:
            return self.equal_weights(n_modalities)
        return weights / weights.sum() if self.convex else weights


class BaseRegressionRule(BaseRule):
    """Base class of the rules that combine values.

    As `BaseRule`, with ``values`` of shape (n_modalities, n_samples, n_outputs) in
    the place of probabilities, `y` of shape (n_samples,) or (n_samples, n_outputs),
    and the mean of `y` as the prior. Hooks see `y` with two axes.

    Attributes
    ----------
    weights_ : ndarray of shape (n_modalities,)
        Weights of the modalities, shared by all outputs.

    prior_ : ndarray of shape (n_outputs,)
        The answer where nothing is observed.

    See Also
    --------
    BaseRule : The same for class probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion import MeanValue
    >>> values = np.array([[[1.0], [2.0]], [[3.0], [4.0]]])
    >>> rule = MeanValue().fit(values, np.array([2.0, 3.0]))
    >>> rule.combine(values).ravel()
    array([2., 3.])
    """

    def least_squares(self, fitted):
        """Whether it predicts means whatever the models do; `fitted`: its weights."""
        return False

    def finish(self, pooled):
        """Return the values as they are."""
        return pooled

    def check_target(self, y, shape):
        """Return `y` with two axes."""
        y = y.astype(np.float64)
        if y.ndim == 1:
            y = y[:, None]
        if y.shape != shape[1:]:
            raise ValueError(
                f"{self._name} got y of shape {y.shape} for values of shape "
                f"{shape[1:]} of each modality."
            )
        return y

    def default_prior(self, y, sample_weight, n_outputs):
        """Return the mean of `y`, zero without rows."""
        total = sample_weight.sum()
        return sample_weight @ y / total if total > 0 else np.zeros(n_outputs)

    def scale(self, y, sample_weight):
        """Return the standard deviation of each output, one if it is constant."""
        return moments(y, sample_weight)[1]


def _filled(values, present, prior):
    """Return values with the prior where a modality is absent."""
    if present.all():
        return values
    return np.where(present[:, :, None], values, prior)


def unless_all(chosen):
    """Return a mask as it is or, where it is all true, a slice, which copies nothing.

    Predictions of many classes are large.
    """
    return slice(None) if chosen.all() else chosen


def fit_by_part(rule, task, responses, target, prior, sample_weight, **options) -> list:
    """Return a rule like `rule` fitted to each part of a task: one, or one a label.

    Parameters
    ----------
    rule : BaseRule
    task : Task
    responses : ndarray of shape (n_modalities, n_samples, n_outputs)
        Out-of-fold responses, NaN where a modality is absent or has none.
    target : ndarray of shape (n_samples,) or (n_samples, n_outputs)
    prior : ndarray of shape (n_outputs,)
    sample_weight : ndarray of shape (n_samples,) or None
    **options : dict
        Of the rule's `fit`; ``features`` and ``groups`` are by row.
    """
    present = np.isfinite(responses).all(axis=2)
    rows = unless_all(present.any(axis=0))
    target = target[rows]
    weight = None if sample_weight is None else sample_weight[rows]
    options = {
        name: value[rows] if name in ("features", "groups") else value
        for name, value in options.items()
    }
    parts = zip(task.parts(responses[:, rows], target), task.parts(prior), strict=True)
    return [
        task.rule_of(k, rule).fit(
            said,
            label,
            present[:, rows],
            prior=known,
            sample_weight=task.weight_of(k, target, weight),
            **options,
        )
        for k, ((said, label), (known, _)) in enumerate(parts)
    ]


def fit_final(estimator, features, target, sample_weight):
    """Return a fitted clone; weights go in only where some are not one."""
    final = clone(estimator)
    if (sample_weight == 1).all():
        return final.fit(features, target)
    if not has_fit_parameter(final, "sample_weight"):
        raise ValueError(
            f"The final_estimator {type(final).__name__} takes no sample_weight. Use "
            "one that does, or fit without weights."
        )
    return final.fit(features, target, sample_weight=sample_weight)
