"""Kernel fusion: one machine on a weighted sum of the modalities' kernels."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.metrics.pairwise import rbf_kernel

from skmultimodal._parameters import POSITIVE, POSITIVE_INT
from skmultimodal.encoders.features._kernel import (
    KernelClassifier,
    KernelRegressor,
    _KernelRidge,
)
from skmultimodal.fusion._base import BaseFusion
from skmultimodal.fusion.apart._folds import folds_of
from skmultimodal.fusion.apart._frozen import (
    FrozenFeatures,
    FrozenModel,
    features_of_fold,
    shares_of,
    supervised_names,
)

__all__ = ["KernelFusion", "alignment"]

ALIGNED_ROWS = 1500  # rows of which the alignment is computed


def _are_alphas(value):
    listed = isinstance(value, (tuple, list, np.ndarray)) and len(value)
    return listed and all(map(POSITIVE[1], value))


class KernelFusion(BaseFusion):
    """Add the kernels of the modalities' fixed features and fit one kernel machine.

    Multiple-kernel learning: every modality says how alike two rows are, and the
    weighted sum of what they say is the kernel of a classifier or regressor. Prefer
    it with a few hundred rows and features of unequal kinds. No network is trained.

    Read more in the :ref:`User Guide <kernel_fusion>`.

    Parameters
    ----------
    weights : {"alignment", "uniform"} or dict, default="alignment"
        Weights of the kernels, on the simplex. ``"alignment"`` are proportional to
        the alignment of each centred kernel with the target.

    gamma : float, default=1.0
        Width of the Gaussian kernels: they are ``exp(-gamma * |x - z|^2 / v)``,
        where ``v`` is the mean squared distance between training rows.

    alphas : tuple of float, default=(0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
        Penalties to choose from, by leaving one row out; by folds, each with encoders
        of its own, where an encoder learns from y.

    max_landmarks : int, default=1500
        With more rows than this, the kernel is expanded on a random sample of them.

    See Also
    --------
    CanonicalFusion : What fixed features have in common.
    DecisionFusion : A model each, whose predictions are combined.

    Notes
    -----
    Features are what the encoders prepare, before any network: numbers standardised
    and categories one-hot encoded. Give scikit-learn transformers for images,
    text and sound. With :math:`a` the present modalities of a row,

    .. math:: K(x, z) = \\frac{\\sum_m \\mu_m\\, a_m(x)\\, a_m(z)\\, K_m(x, z)}
        {\\sqrt{\\sum_m \\mu_m a_m(x)}\\, \\sqrt{\\sum_m \\mu_m a_m(z)}}, \\qquad
        \\mu_m \\propto \\frac{\\langle K_m^c, Y Y^T \\rangle_F}{\\|K_m^c\\|_F}

    with :math:`K^c` the kernel centred over the rows that have the modality, at most
    1500 of them, and :math:`Y` the centred class indicators or values; a negative
    alignment counts as zero. The machine is least squares, which gives calibrated
    probabilities, see :class:`skmultimodal.encoders.KernelClassifier`. Cost
    ``O(n m^2 + m^3)`` for ``m`` landmarks.

    Differences from [1]_: least squares instead of a support vector machine;
    the division above, which drops the kernels of absent modalities and leaves
    :math:`K(x, x) = 1` and the kernel positive semi-definite; the width of kernels is
    set by the mean of squared distances, not by their median, so that a weight of
    two counts as two copies of a row.

    References
    ----------
    .. [1] C. Cortes, M. Mohri, A. Rostamizadeh, "Algorithms for learning kernels
       based on centered alignment", JMLR 13, 2012.
    .. [2] M. Gonen, E. Alpaydin, "Multiple kernel learning algorithms", JMLR 12,
       2011.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier, KernelFusion
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(fusion=KernelFusion()).fit(X, y)
    >>> clf.predict_proba(X).shape
    (200, 2)
    """

    takes_features = True
    takes_any_loss = False
    limits: ClassVar[dict] = {
        "gamma": POSITIVE,
        "alphas": ("a tuple of one finite number > 0 or more", _are_alphas),
        "max_landmarks": POSITIVE_INT,
    }

    def __init__(
        self,
        weights: str | dict[str, float] = "alignment",
        *,
        gamma: float = 1.0,
        alphas: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0),
        max_landmarks: int = 1500,
    ):
        self.weights = weights
        self.gamma = gamma
        self.alphas = alphas
        self.max_landmarks = max_landmarks

    def fit_model(self, problem: Any) -> Any:
        """Fit the encoders' preprocessing, the weights and the kernel machine."""
        self.check(problem, ("alignment", "uniform"))
        problem = problem.select(sorted(problem.names))
        features = FrozenFeatures(type(self).__name__)
        blocks = features.fit_transform(problem)
        folds = []  # to choose by, where leaving one out shows what y has taught
        if supervised_names(problem):
            folds = [
                features_of_fold(features, blocks, problem, fold)
                for fold in folds_of(problem, None)
            ]
        shares = shares_of(self.weights, problem.names)
        if isinstance(self.weights, str) and self.weights == "alignment":
            parts = [(fold.held_out, fold.n_varying, fold.test) for fold in folds]
            whole = [(blocks, features.n_varying, np.arange(problem.n_samples))]
            shares = self._aligned_shares(parts or whole, problem)
        model = _KernelModel(features, problem, shares)

        def kernel_of(blocks, n_varying):
            widths = [blocks[name].shape[1] for name in problem.names]
            return CombinedKernel(widths, self._gammas(n_varying), shares)

        rows_of_folds = [
            (
                kernel_of(fold.learnt, fold.n_varying),
                (fold.train, model.joined(fold.learnt, problem.present[fold.train])),
                (fold.test, model.joined(fold.held_out, problem.present[fold.test])),
            )
            for fold in folds
        ]
        # NOTE[DIFF] least squares instead of a support vector machine
        machine = (_Classifier if problem.task.has_labels else _Regressor)(
            kernel_of(blocks, features.n_varying),
            self.alphas,
            self.max_landmarks,
            problem.seed,
            rows_of_folds,
        )
        model.fit_head(machine, model.joined(blocks, problem.present), problem)
        return model

    def _gammas(self, n_varying):
        """Return the widths; the mean squared distance is twice the variance."""
        # NOTE[DIFF] not by their median: a weight of two then counts as two rows
        return [self.gamma / (2 * max(n, 1)) for n in n_varying.values()]

    def _aligned_shares(self, parts, problem):
        """Return weights by the mean alignments; equal ones if none is positive."""
        found = np.zeros(len(problem.names))
        for blocks, n_varying, rows in parts:
            gammas, part = self._gammas(n_varying), problem.take(rows)
            share = len(rows) / problem.n_samples
            found += share * _alignments(blocks, gammas, part)
        found = np.maximum(found, 0.0)
        total = found.sum()
        return found / total if total > 0 else np.full(len(found), 1 / len(found))


class _KernelModel(FrozenModel):
    def joined(self, features, present):
        """Return the features side by side, then which modalities are present."""
        return np.hstack([*(features[name] for name in self.names), present])


class CombinedKernel:
    """The weighted sum of Gaussian kernels on rows made by `_KernelModel.joined`.

    Parameters
    ----------
    widths : list of int
        Features of each modality.
    gammas : list of float
    shares : ndarray of shape (n_modalities,)
    """

    def __init__(self, widths: Any, gammas: Any, shares: Any):
        self.widths, self.gammas, self.shares = widths, gammas, shares

    def __call__(self, X, Z):
        """Return the kernel of two sets of rows."""
        total, stop = np.zeros((len(X), len(Z))), 0
        n_features = sum(self.widths)
        masks = X[:, n_features:] * self.shares, Z[:, n_features:]
        for m, (width, gamma) in enumerate(zip(self.widths, self.gammas, strict=True)):
            start, stop = stop, stop + width
            both = np.outer(masks[0][:, m], masks[1][:, m])
            total += both * rbf_kernel(X[:, start:stop], Z[:, start:stop], gamma=gamma)
        scales = [np.sqrt(rows[:, n_features:] @ self.shares) for rows in (X, Z)]
        left, right = (np.where(scale > 0, scale, 1.0) for scale in scales)
        # NOTE[DIFF] divided, so that kernels of absent modalities drop out
        return total / left[:, None] / right


class _Machine(_KernelRidge):
    """Replaces the kernel of a kernel model, and what chooses its penalty.

    `folds` has a kernel, and positions and rows to learn from and of those held out,
    each time; it is empty where rows are left out one by one, and after `fit`.
    """

    gamma = 1.0

    def __init__(self, kernel, alphas, max_landmarks, random_state, folds):
        self.kernel = kernel
        self.alphas = alphas
        self.max_landmarks = max_landmarks
        self.random_state = random_state
        self.folds = folds

    def _kernel(self, X):
        return self.kernel(X, self.landmarks_)

    def _held_out(self, target, weight):
        if not self.folds:
            return None
        responses = np.tile(target.astype(float), (len(self.alphas), 1, 1))
        for kernel, (train, learnt), (test, held_out) in self.folds:
            own = type(self)(
                kernel, self.alphas, self.max_landmarks, self.random_state, ()
            )
            solutions = own._solutions(learnt, target[train], weight[train])
            for a, (_, coef, _) in enumerate(solutions):
                own._set_coef(coef)
                response = own._kernel(held_out) @ own.dual_coef_ + own.intercept_
                responses[a, test] = response
        self.folds = ()
        return responses


class _Classifier(_Machine, KernelClassifier):
    pass


class _Regressor(_Machine, KernelRegressor):
    pass


def alignment(kernel, target, weight) -> float:
    """Return the centred alignment of a kernel with the target, in [-1, 1].

    Parameters
    ----------
    kernel : ndarray of shape (n_samples, n_samples)
    target : ndarray of shape (n_samples, n_outputs)
    weight : ndarray of shape (n_samples,)

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion._kernel import alignment
    >>> y = np.array([[1.0], [1.0], [-1.0], [-1.0]])
    >>> round(alignment(np.eye(4), y, np.ones(4)), 3)  # 1 / sqrt(3)
    0.577
    """
    share, root = weight / weight.sum(), np.sqrt(weight)
    center = np.eye(len(target)) - share
    centred = root[:, None] * (center @ kernel @ center.T) * root
    goal = root[:, None] * (target - share @ target)
    norms = np.linalg.norm(centred), np.linalg.norm(goal.T @ goal)
    if norms[0] <= 1e-10 * np.linalg.norm(kernel) or norms[1] == 0:
        return 0.0  # a constant, but for rounding
    return float(np.sum(goal * (centred @ goal)) / norms[0] / norms[1])


def _alignments(blocks, gammas, problem):
    """Return the alignment of each modality's kernel with the target."""
    names, weight = problem.names, problem.sample_weight
    weight = np.ones(problem.n_samples) if weight is None else weight
    target = problem.task.one_hot(problem.target)
    found = np.zeros(len(names))
    for m, name in enumerate(names):
        rows = np.flatnonzero(problem.present[:, m] & (weight > 0))
        if len(rows) > ALIGNED_ROWS:
            order = np.random.RandomState(problem.seed_of(name)).permutation(len(rows))
            rows = rows[order[:ALIGNED_ROWS]]
        if len(rows):
            kernel = rbf_kernel(blocks[name][rows], gamma=gammas[m])
            found[m] = alignment(kernel, target[rows], weight[rows])
    return found
