"""Cooperative fusion: linear terms of the modalities that are asked to agree."""

from __future__ import annotations

from collections import deque
from itertools import combinations, pairwise
from typing import Any, ClassVar

import numpy as np
from scipy.linalg import eigh
from scipy.special import expit, logit, softmax
from sklearn.linear_model import enet_path

from skmultimodal._parameters import NOT_NEGATIVE, POSITIVE, a_number, either, one_of
from skmultimodal.fusion._base import BaseFusion, unheard
from skmultimodal.fusion.apart._folds import folds_of
from skmultimodal.fusion.apart._frozen import (
    FrozenFeatures,
    FrozenModel,
    features_of_fold,
    shares_of,
)
from skmultimodal.fusion.rules._weights import row_shares

__all__ = ["CooperativeFusion", "cooperative_path"]

PATIENCE = 2  # penalties without a lower loss before the smaller ones are left out
RHOS = (0.0, 0.2, 0.5, 1.0, 3.0, 9.0)
# the mean of a target given scores, its inverse, and a bound on its derivative
LINKS = {
    "regression": (lambda scores: scores, lambda mean: mean, 1.0),
    "classification": (lambda scores: softmax(scores, axis=1), np.log, 0.5),
    "multilabel": (expit, logit, 0.25),
}


class CooperativeFusion(BaseFusion):
    """Add linear terms of fixed features, and penalise where they disagree.

    Cooperative learning [1]_: with ``rho=0`` one sparse linear model of all features
    (early fusion), with ``rho=1`` and two modalities a model of each apart (late
    fusion), and beyond that terms that say the same. Prefer it where features are
    many, rows are few and modalities share what matters, or to see which features
    count. It cannot express an interaction between modalities. No network is
    trained.

    Read more in the :ref:`User Guide <cooperative_fusion>`.

    Parameters
    ----------
    rho : float or "cv", default="cv"
        Weight of the disagreement. ``"cv"`` chooses among 0, 0.2, 0.5, 1, 3 and 9.

    alpha : float or "cv", default="cv"
        Weight of the penalty on coefficients, of standardised features.

    l1_ratio : float, default=0.5
        Share of the penalty, in [0, 1], that is on absolute values and makes
        coefficients zero; the rest is on squares.

    weights : {"uniform"} or dict, default="uniform"
        Weights of the modalities, on the simplex. They scale features, so that those
        of a larger weight are penalised less; equal weights leave them as they are.

    cv : int, splitter, iterable or None, default=None
        Folds by whose loss ``"cv"`` chooses. None deals rows by content into five.

    See Also
    --------
    CanonicalFusion : What the modalities have in common, found without y.
    DecisionFusion : A model each, whose predictions are combined.

    Notes
    -----
    Features are what the encoders prepare, before any network: numbers standardised
    and categories one-hot encoded. Give scikit-learn transformers for images, text
    and sound. With terms :math:`f_m(x) = \\theta_m^T x_m`, zero where a modality is
    absent, the coefficients minimise the mean over rows of

    .. math:: \\ell\\Big(y, \\beta_0 + \\sum_m f_m\\Big) + \\frac{\\rho}{2}
        \\sum_{m < j} a_m a_j (f_m - f_j)^2 + \\alpha \\Big(\\lambda \\|\\theta\\|_1 +
        \\frac{1 - \\lambda}{2} \\|\\theta\\|_2^2\\Big)

    with :math:`\\ell` half the squared error of the standardised y, or the log loss,
    where :math:`f_m` are logits; :math:`\\lambda` is `l1_ratio`. For values that is an
    elastic net on rows to which :math:`\\sqrt\\rho\\,(x_m, -x_j)` with target 0 were
    added; for labels such nets are solved in turn, with the curvature of the loss
    replaced by its largest. Cost ``O(n d^2 + d^3)`` a fold with ``d = sum d_m``.

    Where modalities are absent from a row, the terms of the present ones are
    multiplied by the coefficients of a linear regression, over training rows, of the
    sum of all terms on theirs: nothing changes for terms that are uncorrelated, and
    one of two that agree counts twice.

    Differences from [1]_: absent modalities; weights of modalities and of rows;
    several outputs.

    References
    ----------
    .. [1] D. Y. Ding, S. Li, B. Narasimhan, R. Tibshirani, "Cooperative learning for
       multiview analysis", PNAS 119(38), 2022.

    Examples
    --------
    >>> from skmultimodal import CooperativeFusion, FusionClassifier
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(fusion=CooperativeFusion(rho=1.0)).fit(X, y)
    >>> sorted(clf.contributions(X))
    ['m0', 'm1', 'm2', 'prior']
    """

    takes_features = True
    takes_any_loss = False
    limits: ClassVar[dict] = {
        "rho": either(one_of("cv"), NOT_NEGATIVE),
        "alpha": either(one_of("cv"), POSITIVE),
        "l1_ratio": a_number("a number in [0, 1]", lambda v: 0 <= v <= 1),
    }

    def __init__(
        self,
        rho: float | str = "cv",
        *,
        alpha: float | str = "cv",
        l1_ratio: float = 0.5,
        weights: str | dict[str, float] = "uniform",
        cv: Any = None,
    ):
        self.rho = rho
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.weights = weights
        self.cv = cv

    def fit_model(self, problem: Any) -> Any:
        """Fit the encoders' preprocessing, choose the penalties, fit the terms."""
        self.check(problem, ("uniform",))
        problem = problem.select(sorted(problem.names))
        features = FrozenFeatures(type(self).__name__)
        unscaled = features.fit_transform(problem)
        shares = shares_of(self.weights, problem.names)
        model = _CooperativeModel(features, problem, shares)
        scale = len(shares) * shares
        blocks = _scaled(unscaled, scale)

        def fold_parts(fold):
            part = features_of_fold(features, unscaled, problem, fold)
            return _scaled(part.learnt, scale), _scaled(part.held_out, scale)

        rho, alphas = self._chosen(blocks, problem, fold_parts)
        path = cooperative_path(blocks, *_parts(problem), rho, alphas, self.l1_ratio)
        coef, bias = deque(path, maxlen=1).pop()
        model.set_terms(coef, bias, blocks, scale, problem)
        model.set_penalties(rho, alphas[-1])
        return model

    def _chosen(self, blocks, problem, fold_parts):
        """Return rho and the alphas down to the one chosen, by the loss on folds."""
        rhos = RHOS if self.rho == "cv" else (self.rho,)
        rhos = rhos if len(blocks) > 1 else (0.0,)
        alphas = _alphas(blocks, problem, self.l1_ratio)
        if self.alpha != "cv":
            alphas = np.append(alphas[alphas > self.alpha], self.alpha)
            if len(rhos) == 1:
                return rhos[0], alphas
        folds = folds_of(problem, self.cv)
        if not folds:  # too few rows to choose by
            middle = len(alphas) if self.alpha != "cv" else len(alphas) // 2
            return rhos[0], alphas[:middle]
        losses = np.full((len(rhos), len(alphas)), np.inf)
        parts = [(*fold, *fold_parts(fold)) for fold in folds]
        for r, rho in enumerate(rhos):
            paths = [self._fold_losses(problem, part, rho, alphas) for part in parts]
            for a, of_folds in enumerate(zip(*paths, strict=True)):
                losses[r, a] = sum(of_folds)
                if self.alpha == "cv" and losses[r].argmin() < a - PATIENCE:
                    break
        if self.alpha != "cv":
            return rhos[losses[:, -1].argmin()], alphas
        best, last = np.unravel_index(losses.argmin(), losses.shape)
        return rhos[best], alphas[: last + 1]

    def _fold_losses(self, problem, part, rho, alphas):
        """Yield the loss on the test rows of a fold for one alpha after the other."""
        train, test, learnt, held_out = part
        task = problem.task
        weight = row_shares(problem.n_samples, problem.sample_weight)
        rows, target = np.hstack(held_out), problem.target[test]
        known = _parts(problem.take(train))
        path = cooperative_path(learnt, *known, rho, alphas, self.l1_ratio, tol=1e-3)
        for coef, bias in path:
            losses = task.losses(task.response(rows @ coef + bias), target)
            yield weight[test] @ losses


class _CooperativeModel(FrozenModel):
    """Linear terms and a bias."""

    rho: float
    alpha: float

    def set_penalties(self, rho, alpha):
        """Keep what the terms were fitted with."""
        self.rho, self.alpha = float(rho), float(alpha)

    def set_terms(self, coef, bias, blocks, scale, problem):
        """Keep the coefficients, and how the terms vary together."""
        self.bias, self.coefs, self.n_features = bias, {}, len(coef)
        present = problem.present
        weight = row_shares(problem.n_samples, problem.sample_weight)
        stop, terms = 0, []
        for m, name in enumerate(self.names):
            start, stop = stop, stop + blocks[m].shape[1]
            self.coefs[name] = scale[m] * coef[start:stop]
            terms.append(blocks[m] @ coef[start:stop])
        stacked = np.stack(terms)  # (n_modalities, n, n_outputs)
        pairs = np.einsum("mnk,jnk,n->kmj", stacked, stacked, weight)
        together = (present.T * weight) @ present
        self.moments = pairs / np.maximum(together, np.finfo(float).tiny)

    def joined(self, features, present):
        return np.hstack([features[name] for name in self.names])

    def _terms(self, features, present):
        """Return the terms, scaled for what is absent, (n_modalities, n, n_outputs)."""
        terms = np.stack([features[name] @ self.coefs[name] for name in self.names])
        patterns, which = np.unique(present, axis=0, return_inverse=True)
        for p, here in enumerate(patterns):
            rows = np.flatnonzero(which.ravel() == p)
            if here.all() or not here.any():
                continue
            inner, total = self.moments[:, here][:, :, here], self.moments[:, here]
            ridge = 1e-9 * np.trace(inner, axis1=1, axis2=2) + np.finfo(float).tiny
            inner = inner + ridge[:, None, None] * np.eye(here.sum())
            # NOTE[DIFF] present terms stand in for absent ones
            factors = np.linalg.solve(inner, total.sum(axis=2)[:, :, None])
            terms[np.ix_(here, rows)] *= factors[:, :, 0].T[:, None]
        return terms

    def _respond(self, features, present):
        scores = self._terms(features, present).sum(axis=0) + self.bias
        response = self.task.response(scores)
        response[unheard(self.weights, self.names, present)] = self.prior
        return response

    def contributions(self, cells, present):
        terms = self._terms(self.features.transform(cells, present), present)
        named = dict(zip(self.names, terms, strict=True))
        return {"prior": np.tile(self.bias, (len(present), 1)), **named}


def cooperative_path(
    blocks, present, target, weight, kind, rho, alphas, l1_ratio=0.5, tol=1e-4
):
    """Yield coefficients and bias of cooperative learning for decreasing penalties.

    Parameters
    ----------
    blocks : list of ndarray of shape (n_samples, n_features)
        Features of each modality, zeros in absent rows.
    present : ndarray of bool of shape (n_samples, n_modalities)
    target : ndarray of shape (n_samples, n_outputs)
        Values about 0, or indicators of classes or labels.
    weight : ndarray of shape (n_samples,)
        Sums to one.
    kind : {"regression", "classification", "multilabel"}
    rho : float
    alphas : sequence of float
    l1_ratio : float, default=0.5
    tol : float, default=1e-4
        Largest change of a coefficient in the last step, relative to the largest.

    Yields
    ------
    coef : ndarray of shape (n_features, n_outputs)
    bias : ndarray of shape (n_outputs,)

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion._cooperative import cooperative_path
    >>> x = np.array([[1.0], [-1.0]])
    >>> ((coef, bias),) = cooperative_path(
    ...     [x, x], np.ones((2, 2), bool), x, np.full(2, 0.5), "regression", 1.0, [0.1]
    ... )
    >>> coef.ravel().round(3)  # both fit x / 2: (1 / 2 - .05 / 2) / (1 + .05 / 2)
    array([0.463, 0.463])
    """
    link, inverse, bound = LINKS[kind]
    X = np.hstack(blocks)
    weighted, center = X.T * weight, weight @ X
    net = _Net(blocks, present, weight, rho / bound, l1_ratio, tol)
    mirrored = kind == "classification" and target.shape[1] == 2
    mean = weight @ target
    if kind != "regression":
        mean = np.clip(mean, 1e-7, 1 - 1e-7)
    coef, bias = np.zeros((X.shape[1], target.shape[1])), inverse(mean)
    for alpha in alphas:
        step, ahead = 0, (coef, bias)  # Nesterov's momentum, begun anew where it errs
        for _ in range(500 if kind != "regression" else 1):
            scores = X @ ahead[0] + ahead[1]
            goal = scores + (target - link(scores)) / bound
            level = weight @ goal
            moments = weighted @ (goal - level)
            if mirrored:
                half = net.solve(moments[:, 1:], alpha / bound, coef[:, 1:])
                new = np.hstack([-half, half])
            else:
                new = net.solve(moments, alpha / bound, coef)
            change, last = new - coef, (coef, bias)
            step = 0 if np.sum((ahead[0] - new) * change) > 0 else step + 1
            coef, bias = new, level - center @ new
            share = step / (step + 3)
            ahead = coef + share * change, bias + share * (bias - last[1])
            largest = np.abs(coef).max(initial=0.0)
            if np.abs(change).max(initial=0.0) <= tol * max(largest, 1e-3):
                break
        yield coef, bias


class _Net:
    """The elastic net whose quadratic form is that of squared cooperation.

    The form is kept by its eigenvectors: a penalty of squares alone is then solved
    outright, and others on no more rows than there are features or augmented rows.
    """

    def __init__(self, blocks, present, weight, rho, l1_ratio, tol):
        self.l1_ratio, self.tol = l1_ratio, tol
        n_rows = len(weight) * (1 + len(blocks) * (len(blocks) - 1) // 2)
        if n_rows < sum(block.shape[1] for block in blocks):
            rows = _augmented(blocks, weight, rho, present)
            values, left = eigh(rows @ rows.T)
            kept = values > 1e-12 * values[-1]
            self.values = values[kept]
            self.basis = rows.T @ left[:, kept] / np.sqrt(self.values)
        else:
            values, vectors = eigh(_gram(blocks, weight, rho, present))
            kept = values > 1e-12 * values[-1]
            self.values, self.basis = values[kept], vectors[:, kept]
        if l1_ratio:
            self.root = np.sqrt(self.values * len(self.values))
            self.rows = np.asfortranarray(self.root[:, None] * self.basis.T)

    def solve(self, goal, alpha, start):
        """Return the c of least c'Gc / 2 - g'c + penalty for each column g of goal."""
        if not len(self.values):
            return np.zeros_like(start)
        along = self.basis.T @ goal
        if self.l1_ratio == 0:
            return self.basis @ (along / (self.values + alpha)[:, None])
        goals = len(self.values) * along / self.root[:, None]
        solved = [
            enet_path(
                self.rows,
                np.ascontiguousarray(column),
                l1_ratio=self.l1_ratio,
                alphas=[alpha],
                coef_init=np.ascontiguousarray(first),
                tol=self.tol,
                max_iter=10_000,
                random_state=0,  # of a seed that it draws even where it needs none
            )[1][:, 0]
            for column, first in zip(goals.T, start.T, strict=True)
        ]
        return np.column_stack(solved)


def _augmented(blocks, weight, rho, present):
    """Return the centred rows, and below them those of the pairs."""
    X, root = np.hstack(blocks), np.sqrt(weight)[:, None]
    stops = np.cumsum([0, *(block.shape[1] for block in blocks)])
    rows = [root * (X - weight @ X)]
    for i, j in combinations(range(len(blocks)), 2):
        both = np.sqrt(rho) * root * (present[:, [i]] & present[:, [j]])
        pair = np.zeros_like(X)
        pair[:, stops[i] : stops[i + 1]] = both * blocks[i]
        pair[:, stops[j] : stops[j + 1]] = -both * blocks[j]
        rows.append(pair)
    return np.vstack(rows)


def _gram(blocks, weight, rho, present):
    """Return the products of the columns of `_augmented`, without its rows."""
    stops = np.cumsum([0, *(block.shape[1] for block in blocks)])
    parts = [slice(*pair) for pair in pairwise(stops)]
    X, partners = np.hstack(blocks), present.sum(axis=1) - 1
    centred = X - weight @ X
    gram = (centred.T * weight) @ centred
    for m, block in enumerate(blocks):
        gram[parts[m], parts[m]] += rho * (block.T * weight * partners) @ block
    for m, j in combinations(range(len(blocks)), 2):
        both = rho * (blocks[m].T * weight) @ blocks[j]
        gram[parts[m], parts[j]] -= both
        gram[parts[j], parts[m]] -= both.T
    return gram


def _scaled(blocks, scale):
    """Return the features of the modalities, in order, scaled."""
    return [
        factor * block for factor, block in zip(scale, blocks.values(), strict=True)
    ]


def _alphas(blocks, problem, l1_ratio):
    """Return penalties from one that leaves nothing to one that leaves nearly all."""
    X, (_, target, weight, _) = np.hstack(blocks), _parts(problem)
    if l1_ratio:
        errors = target - weight @ target
        top = np.abs((X.T * weight) @ errors).max(initial=0.0) / l1_ratio
        least = -2 if X.shape[1] > len(X) else -3
        return max(top, 1e-12) * np.logspace(0, least, 16)
    top = np.square(X).T @ weight
    return max(top.sum(), 1e-12) * np.logspace(0, -5, 16)


def _parts(problem) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Return what `cooperative_path` takes of a problem besides the features."""
    target = problem.task.one_hot(problem.target)
    weight = row_shares(problem.n_samples, problem.sample_weight)
    return problem.present, target, weight, problem.task.kind
