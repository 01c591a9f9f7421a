"""Canonical fusion: what fixed features of the modalities have in common."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy.linalg import cho_solve, cholesky, eigh, solve_triangular
from sklearn.linear_model import LogisticRegression, Ridge

from skmultimodal._parameters import POSITIVE_INT, a_number
from skmultimodal.fusion._base import BaseFusion
from skmultimodal.fusion.apart._folds import folds_of
from skmultimodal.fusion.apart._frozen import (
    FrozenFeatures,
    FrozenModel,
    features_of_fold,
    shares_of,
    supervised_names,
)
from skmultimodal.fusion.apart._staged import aligned

__all__ = ["CanonicalFusion", "canonical_maps"]


class CanonicalFusion(BaseFusion):
    """Project fixed features to what the modalities have in common, then predict.

    Multiset canonical correlation analysis [1]_, regularised: linear maps of the
    modalities that agree with each other as well as they can, found without y.
    Prefer it for features that are many and noisy where rows are few, or to
    explore. What one modality alone knows is lost. No network is trained.

    Read more in the :ref:`User Guide <canonical_fusion>`.

    Parameters
    ----------
    n_components : int, default=32
        Width of the common space; at most the number of features.

    regularization : float, default=0.1
        Shrinkage, in (0, 1], of the covariance of each modality's standardised
        features towards the identity. Near 0 many features agree by chance; with 1
        large directions of variance are preferred.

    weights : {"uniform"} or dict, default="uniform"
        Weights of the modalities, on the simplex, in the agreement and in the mean
        of their projections, renormalised over the present modalities.

    head : estimator, default=None
        Classifier or regressor on the common space; None is a logistic regression
        or a ridge regression. Where an encoder learns from y, it is trained on
        out-of-fold projections.

    See Also
    --------
    CooperativeFusion : Linear terms that agree and predict y.
    KernelFusion : A weighted sum of kernels of fixed features.
    FeatureFusion : Maps trained for y.

    Notes
    -----
    Features are what the encoders prepare, before any network: numbers standardised
    and categories one-hot encoded. Give scikit-learn transformers for images,
    text and sound. With :math:`X_m` the features, :math:`K_m` the diagonal matrix
    of present rows times sample weights and :math:`C = \\sum_m w_m K_m`, the maps
    minimise

    .. math:: \\sum_m w_m \\Big( \\| K_m^{1/2} (G - X_m A_m) \\|_F^2
        + \\rho_m \\|A_m\\|_F^2 \\Big), \\qquad G^T C G = I,

    (MAX-VAR, with missing rows as in [2]_): :math:`C^{1/2} G` are the leading
    eigenvectors of :math:`\\sum_m w_m C^{-1/2} K_m X_m R_m^{-1} X_m^T K_m C^{-1/2}`
    and :math:`A_m = R_m^{-1} X_m^T K_m G`, where :math:`R_m` is
    :math:`X_m^T K_m X_m` shrunk. A row becomes
    :math:`\\sum_m w_m(a) A_m^T x_m` over its present modalities. Cost
    ``O(n d^2 + d^3)`` with ``d = sum d_m``.

    Differences from [1]_: shrinkage, weights of modalities and of rows. The training
    rows of the head are projections, like those of new rows, not :math:`G`.

    References
    ----------
    .. [1] J. R. Kettenring, "Canonical analysis of several sets of variables",
       Biometrika 58(3), 1971.
    .. [2] M. van de Velden, T. H. A. Bijmolt, "Generalized canonical correlation
       analysis of matrices with missing rows", Psychometrika 71(2), 2006.

    Examples
    --------
    >>> from skmultimodal import CanonicalFusion, FusionClassifier
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(fusion=CanonicalFusion(n_components=4)).fit(X, y)
    >>> clf.transform(X).shape
    (200, 4)
    """

    takes_features = True
    limits: ClassVar[dict] = {
        "n_components": POSITIVE_INT,
        "regularization": a_number("a number in (0, 1]", lambda v: 0 < v <= 1),
    }

    def __init__(
        self,
        n_components: int = 32,
        *,
        regularization: float = 0.1,
        weights: str | dict[str, float] = "uniform",
        head: Any = None,
    ):
        self.n_components = n_components
        self.regularization = regularization
        self.weights = weights
        self.head = head

    def fit_model(self, problem: Any) -> Any:
        """Fit the encoders' preprocessing, the maps and the head."""
        self.check(problem, ("uniform",))
        problem = problem.select(sorted(problem.names))
        features = FrozenFeatures(type(self).__name__)
        blocks = features.fit_transform(problem)
        shares = shares_of(self.weights, problem.names)
        maps = self._maps(blocks, problem, shares)
        model = _CanonicalModel(features, problem, shares, maps)
        rows = model.joined(blocks, problem.present)
        if supervised_names(problem):
            rows = self._out_of_fold(model, blocks, rows, problem)
        head = self.head
        if head is None:
            labels = problem.task.has_labels
            head = LogisticRegression(max_iter=1000) if labels else Ridge()
        model.fit_head(head, rows, problem)
        return model

    def _maps(self, blocks, problem, shares):
        weight = problem.sample_weight
        weight = np.ones(problem.n_samples) if weight is None else weight
        return canonical_maps(
            list(blocks.values()),
            problem.present * weight[:, None],
            shares,
            self.n_components,
            self.regularization,
        )

    def _out_of_fold(self, model, blocks, rows, problem):
        """Return projections of rows whose y has taught neither encoders nor maps."""
        found = rows.copy()
        for fold in folds_of(problem, None):
            part = features_of_fold(model.features, blocks, problem, fold)
            train = problem.take(part.train)
            maps = self._maps(part.learnt, train, model.shares)
            own = _CanonicalModel(model.features, train, model.shares, maps)
            found[part.test] = aligned(
                own.joined(part.held_out, problem.present[part.test]),
                own.joined(part.learnt, train.present),
                rows[part.train],
            )
        return found


class _CanonicalModel(FrozenModel):
    def __init__(self, features, problem, shares, maps):
        super().__init__(features, problem, shares)
        self.maps = maps

    def joined(self, features, present):
        weights = present * self.shares
        total = weights.sum(axis=1, keepdims=True)
        weights = weights / np.where(total > 0, total, 1.0)
        return sum(
            weights[:, m, None] * (features[name] @ self.maps[m])
            for m, name in enumerate(self.names)
        )


def canonical_maps(blocks, row_weights, shares, n_components, regularization):
    """Return the map of each modality, (n_features, n_components).

    Parameters
    ----------
    blocks : list of ndarray of shape (n_samples, n_features)
        Standardised features, zeros in absent rows.
    row_weights : ndarray of shape (n_samples, n_modalities)
        Weight of each row in each modality, zero where absent.
    shares : ndarray of shape (n_modalities,)
    n_components : int
    regularization : float
        In (0, 1].
    """
    common = row_weights @ shares
    known = common > 0
    root = np.sqrt(np.where(known, common, 1.0))
    whitened, unwhiten = [], []
    for m, block in enumerate(blocks):
        weighted = row_weights[:, m, None] * block
        total = row_weights[:, m].sum()
        # NOTE[DIFF] shrinkage, and weights of modalities and of rows
        covariance = (1 - regularization) * (block.T @ weighted) / total
        covariance.flat[:: len(covariance) + 1] += regularization
        lower = cholesky(total * covariance, lower=True)  # R = L L^T
        half = solve_triangular(lower, weighted.T, lower=True).T  # K X L^-T
        whitened.append(np.sqrt(shares[m]) * half * (known / root)[:, None])
        unwhiten.append((lower, weighted))
    stacked = np.hstack(whitened)  # (n_samples, sum of n_features)
    few_rows = len(stacked) < stacked.shape[1]  # the smaller problem has all values
    gram = stacked @ stacked.T if few_rows else stacked.T @ stacked
    first = max(len(gram) - n_components, 0)
    values, vectors = eigh(gram, subset_by_index=(first, len(gram) - 1))
    kept = np.flatnonzero(values >= 1e-10 * values[-1])[::-1]
    values, vectors = np.maximum(values[kept], 1e-100), vectors[:, kept]
    other = (stacked.T if few_rows else stacked) @ vectors / np.sqrt(values)
    left, right = (vectors, other) if few_rows else (other, vectors)
    largest = np.abs(right).argmax(axis=0)
    signs = np.sign(right[largest, np.arange(len(kept))])
    # entries of unit variance instead of columns of unit norm
    shared = signs * np.sqrt(common.sum()) * left / root[:, None]
    return [
        cho_solve((lower, True), weighted.T @ shared) for lower, weighted in unwhiten
    ]
