"""Rules whose weights follow the skill of each model among similar rows."""

from __future__ import annotations

import numpy as np
from sklearn.metrics.pairwise import euclidean_distances, nan_euclidean_distances
from sklearn.utils import check_random_state, gen_batches

from skmultimodal.fusion.rules import _pool
from skmultimodal.fusion.rules._base import BaseRule
from skmultimodal.fusion.rules._log_pool import LogPool, log_losses
from skmultimodal.fusion.rules._weights import fit_log_pool, is_clear

__all__ = ["Competence", "LocalSkill", "competence_factors", "local_losses"]

SHARPNESS = (1.0, 2.0, 4.0, 8.0, 16.0)  # that may turn skill into weights
MOST_ROWS = 5000  # out-of-fold rows that are kept to look for neighbours among
CELLS = 4_000_000  # distances at a time
TIE = 1e-12  # squared distances that differ by less are the same


def local_losses(distances, losses, present, counts, usual, n_neighbors):
    """Return the mean loss of each modality among the nearest rows that have it.

    Rows as near as the last neighbour are neighbours too, so that their order does not
    matter. One more row of usual loss is counted, the answer where there are none.

    Parameters
    ----------
    distances : ndarray of shape (n_queries, n_samples)
        Squared; infinite for a row that is no neighbour, NaN for one that has nothing
        in common with the query.
    losses, present : ndarray of shape (n_modalities, n_samples)
    counts : ndarray of shape (n_samples,)
        How often each row counts.
    usual : ndarray of shape (n_modalities,)
    n_neighbors : float

    Returns
    -------
    ndarray of shape (n_modalities, n_queries)
    """
    found = np.repeat(usual[:, None], len(distances), axis=1)
    for m, here in enumerate(present):
        gaps = np.nan_to_num(distances[:, here], nan=np.inf, posinf=np.inf)
        if not gaps.size:
            continue
        count = counts[here]
        weight = (gaps <= _radius(gaps, count, n_neighbors) + TIE) & np.isfinite(gaps)
        weight = weight * count
        total = weight @ losses[m, here] + usual[m]
        found[m] = total / (weight.sum(axis=1) + 1)
    return found


def _radius(gaps, count, n_neighbors):
    """Return the distance within which there are `n_neighbors`, (n_queries, 1)."""
    if (count == 1).all():
        k = int(min(np.ceil(n_neighbors), gaps.shape[1]))
        return np.partition(gaps, k - 1, axis=1)[:, k - 1 : k]
    order = gaps.argsort(axis=1)
    enough = count[order].cumsum(axis=1) >= min(n_neighbors, count.sum()) - 1e-9
    last = np.take_along_axis(order, enough.argmax(axis=1)[:, None], axis=1)
    return np.take_along_axis(gaps, last, axis=1)


def competence_factors(losses, present, sharpness):
    """Return the factors of the weights, of mean one over present modalities.

    Parameters
    ----------
    losses, present : ndarray of shape (n_modalities, n_samples)
        Mean losses among neighbours.
    sharpness : float
        Zero makes all factors one.

    Returns
    -------
    ndarray of shape (n_modalities, n_samples)
        In proportion to ``exp(-sharpness * losses)``; zero where absent.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion.rules._competence import competence_factors
    >>> losses = np.log([[1.0], [3.0]])
    >>> competence_factors(losses, np.ones((2, 1), dtype=bool), 1.0).ravel()
    array([1.5, 0.5])
    """
    powers = np.where(present, -sharpness * losses, -np.inf)
    skills = np.exp(powers - powers.max(axis=0))
    return skills / skills.sum(axis=0) * present.sum(axis=0)


class LocalSkill(BaseRule):
    """What weights by row add to a rule with fixed weights, which it is mixed into.

    The fixed weights are what remains where weights by row gain nothing.
    """

    needs_fit = True
    weighs_by_row = True
    n_neighbors: int | None
    passthrough: tuple[str, ...]

    def fit(self, *args, **params):
        super().fit(*args, **params)
        self.__dict__.pop("_own", None)  # of the rows of fitting
        return self

    def fit_parameters(self, values, y, present, sample_weight, features=None):
        super().fit_parameters(values, y, present, sample_weight)
        size = self.n_neighbors
        if size is not None and not size >= 1:
            raise ValueError(
                f"The 'n_neighbors' parameter of {type(self).__name__} must be None or "
                f"an int of at least 1. Got {size!r} instead."
            )
        rows = np.arange(len(y))
        if len(y) > MOST_ROWS:
            rows = np.sort(check_random_state(0).permutation(rows)[:MOST_ROWS])
        known = values[:, rows], y[rows], present[:, rows], sample_weight[rows]
        self.remember(*known, None if features is None else features[rows])
        answers = self.coordinates(known[0], known[2])
        twins = np.column_stack([np.nan_to_num(answers, nan=-1.0), known[1]])
        kin = [np.unique(twins, axis=0, return_inverse=True)[1].ravel()]
        groups = None if self._groups is None else self._groups[rows]
        if groups is not None:
            kin.append(np.unique(groups, return_inverse=True)[1])
        local = self._local(self.points_, kin)  # by others, not by a row's own kind
        plain = self.weigh(np.ones(known[2].shape), *known)[1]
        best, losses = 0.0, plain
        for sharpness in SHARPNESS:
            factors = competence_factors(local, known[2], sharpness)
            found = self.weigh(factors, *known)[1]
            if known[3] @ found < known[3] @ losses:
                best, losses = sharpness, found
        clear = is_clear(plain - losses, known[3], groups)
        self.sharpness_ = best if clear else 0.0
        self._own = known, competence_factors(local, known[2], self.sharpness_)

    def remember(self, values, y, present, sample_weight, points):
        """Keep what neighbours are found by and what their losses are."""
        self.points_ = self.coordinates(values, present) if points is None else points
        self.losses_ = self.row_losses(values, y)  # (n_modalities, n)
        self.present_, self.counts_ = present, sample_weight
        share = present * sample_weight
        total = np.maximum(share.sum(axis=1), np.finfo(float).tiny)
        self.usual_ = (share * self.losses_).sum(axis=1) / total
        size = self.n_neighbors or 2 * np.sqrt(sample_weight.sum())
        self.n_neighbors_ = max(float(size), 1.0)

    def fit_weights(self, values, y, present, sample_weight):
        if self.sharpness_ == 0:
            return super().fit_weights(values, y, present, sample_weight)
        known, factors = self._own
        return self.weigh(factors, *known)[0]

    def factors(self, values, present, features=None):
        """Return the factors of the weights, of shape (n_modalities, n_samples)."""
        if self.sharpness_ == 0:
            return np.ones(present.shape)
        points = self.coordinates(values, present) if features is None else features
        return competence_factors(self._local(points), present, self.sharpness_)

    def row_weights(self, present, values=None, features=None):
        weights = super().row_weights(present)
        rows = present.any(axis=0)
        if values is None or self.averages_ or not rows.any():
            return weights
        features = None if features is None else features[rows]
        weights[:, rows] *= self.factors(values[:, rows], present[:, rows], features)
        return weights

    def coordinates(self, values, present):
        """Return where the rows lie by their answers, NaN where one is absent."""
        points = np.where(present[:, :, None], self.measured(values), np.nan)
        return np.moveaxis(points, 0, 1).reshape(present.shape[1], -1)

    def measured(self, values):
        """Return values whose Euclidean distance says how alike answers are."""
        raise NotImplementedError

    def row_losses(self, values, y):
        """Return the loss of each modality in each row, (n_modalities, n_samples)."""
        raise NotImplementedError

    def weigh(self, factors, values, y, present, sample_weight):
        """Return the weights fitted beside factors, and the loss of each row."""
        raise NotImplementedError

    def _local(self, points, kin=()):
        """Return the local losses at points.

        Each of `kin`, (n_samples,), names what rows that are no neighbours share: that
        they are copies, or their group.
        """
        known = self.losses_, self.present_, self.counts_, self.usual_
        found = []
        gap = nan_euclidean_distances
        if np.isfinite(points).all() and np.isfinite(self.points_).all():
            gap = euclidean_distances
        for batch in gen_batches(len(points), max(CELLS // len(self.points_), 1)):
            distances = gap(points[batch], self.points_, squared=True)
            for shared in kin:
                distances[shared[batch, None] == shared] = np.inf
            found.append(local_losses(distances, *known, self.n_neighbors_))
        return np.concatenate(found, axis=1)


class Competence(LocalSkill, LogPool):
    """Combine as the log-linear pool does, by the skill of models among similar rows.

    For modalities that are worth more in some rows than in others: images by day, a
    sensor within its range. The weight of a model in a row rises with the probability
    that it gave the truth, out of fold, in the nearest rows: by the answers of all
    models or, with `passthrough`, by the columns of tables that say where which
    modality is good. Absent modalities are left out. Where weights by row do not lower
    the out-of-fold log loss by more than a standard error, it is :class:`LogPool`.

    Parameters
    ----------
    n_neighbors : int, default=None
        Nearest rows whose losses count. None is twice the square root of their number.

    passthrough : tuple of str, default=()
        Tables (or blocks of numbers) whose columns, standardised and one-hot encoded,
        neighbours are found by, instead of answers.

    Attributes
    ----------
    sharpness_ : float
        How much losses matter, of 1, 2, 4, 8 and 16 that of least log loss; zero where
        none gains, the weights of a row then being `weights_`.

    weights_ : ndarray of shape (n_modalities,)
        Of models as good as the others of a row among its neighbours.

    bias_ : ndarray of shape (n_classes,)
        Zero.

    prior_ : ndarray of shape (n_classes,)
        Class prior.

    member_priors_ : ndarray of shape (n_modalities, n_classes)
        As in :class:`LogPool`.

    n_neighbors_ : float
        Neighbours that are asked for.

    See Also
    --------
    Stacking : Weights that are the same in all rows, of each class.

    Notes
    -----
    :math:`p(c|x) \\propto \\pi_c \\prod_{m \\in a} (p_m(c|x_m) / \\pi_{mc})^{w_m
    f_m(x)}` with :math:`f_m(x) = |a| \\, s_m(x)^\\beta / \\sum_{k \\in a}
    s_k(x)^\\beta` and the skill :math:`s_m(x)` the geometric mean of the probabilities
    of the truth among the neighbours that have modality :math:`m`. Distances are those
    of the square roots of probabilities (Hellinger's), over the modalities that both
    rows have. Selection of models by row is reviewed in [1]_; here weights, fitted
    beside the factors, and :math:`\\beta` are chosen on rows judged by their
    neighbours without themselves and, where `fit` gets `groups`, without rows of
    their group. At most 5000 rows are kept.

    References
    ----------
    .. [1] R. Cruz, R. Sabourin, G. Cavalcanti, "Dynamic classifier selection: recent
       advances and perspectives", Information Fusion, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion import Competence
    >>> rng = np.random.default_rng(0)
    >>> y, day = rng.integers(0, 2, 400), np.arange(400) % 2
    >>> right = np.stack([np.where(day, y, 1 - y), np.where(day, 1 - y, y)])
    >>> proba = np.where(right[..., None] == [0, 1], 0.8, 0.2)
    >>> rule = Competence(passthrough=("hours",)).fit(proba, y, features=day[:, None])
    >>> combined = rule.combine(proba, features=day[:, None])
    >>> float((combined.argmax(axis=1) == y).mean())
    1.0
    """

    prior_correction = True
    shrinkage = 0.01
    bias = False
    equal_if_no_gain = True
    matrices = False

    def __init__(
        self, n_neighbors: int | None = None, passthrough: tuple[str, ...] = ()
    ):
        self.n_neighbors = n_neighbors
        self.passthrough = passthrough

    def measured(self, values):
        return np.sqrt(np.clip(values, 0.0, 1.0))

    def row_losses(self, values, y):
        return np.stack([log_losses(proba, y) for proba in values])

    def weigh(self, factors, values, y, present, sample_weight):
        ratios, offset = self._terms(values, present)
        if (factors == 1).all():
            weights = LogPool.fit_weights(self, values, y, present, sample_weight)
        else:
            ratios = ratios * factors[:, :, None]
            weights = fit_log_pool(
                ratios,
                y,
                offset,
                shrinkage=self.shrinkage,
                sample_weight=sample_weight,
            )[0]
        return weights, log_losses(_pool.log_pool(ratios, weights, offset), y)

    def pool(self, proba, present, features=None):
        ratios, offset = self._terms(proba, present)
        ratios = ratios * self.factors(proba, present, features)[:, :, None]
        return _pool.log_pool(ratios, self.weights_, offset)
