"""Decision-level fusion: complete models, fitted apart, their decisions combined."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from skmultimodal._parameters import BOOL, NONE, either, one_of
from skmultimodal.data._judged import MANY
from skmultimodal.fusion._base import BaseFusion
from skmultimodal.fusion.apart._bar import with_bar
from skmultimodal.fusion.apart._combined import DecisionModel
from skmultimodal.fusion.apart._folds import folds_of
from skmultimodal.fusion.apart._joined import JoinedFeatures, fit_joined
from skmultimodal.fusion.apart._levels import check_levels
from skmultimodal.fusion.apart._out_of_fold import (
    best_candidates,
    fit_models,
    out_of_fold,
)
from skmultimodal.fusion.apart._row_features import with_frozen_features
from skmultimodal.fusion.rules._calibration import CALIBRATORS
from skmultimodal.fusion.rules._classification import RULES
from skmultimodal.fusion.rules._log_pool import LogPool
from skmultimodal.fusion.rules._quantile import NonNegativeQuantile
from skmultimodal.fusion.rules._regression import REGRESSION_RULES

__all__ = ["DecisionFusion"]


class DecisionFusion(BaseFusion):
    """Combine the decisions of complete models, fitted apart from each other.

    Each modality has a model of its own: any scikit-learn classifier or regressor,
    or an encoder, which becomes a network with a linear head; of a list of them the
    one with the least out-of-fold loss is taken. The weights of the
    combination are fitted to out-of-fold predictions, never to predictions on rows
    a model was trained on. Prefer it on small data, with strong classical models,
    and where modalities may be missing. By themselves decisions cannot express an
    interaction between modalities (XOR); with ``ensemble=True``, which
    ``fusion="auto"`` sets where it infers the models, machines that can stand beside
    their sum.

    Read more in the :ref:`User Guide <decision_fusion>`.

    Parameters
    ----------
    rule : str or rule, default="auto"
        How decisions combine. ``"auto"`` is the prior-corrected log-linear pool for
        labels (``"log_pool"`` or, without `ensemble`, one whose fitted weights may
        become matrices, ``LogPool(matrices=True)``) and, for values, the non-negative
        sum (``"nnls"``) of fitted weights or the weighted mean of given ones. Others
        for labels: ``"mean"``, ``"product"``, ``"max"``, ``"min"``, ``"median"``,
        ``"trimmed_mean"``, ``"majority"``, ``"weighted_vote"``, ``"borda"``,
        ``"naive_bayes"``, ``"decision_template"``, ``"dempster"``, ``"stacking"``,
        ``"competence"``; for values: ``"mean"``, ``"weighted_mean"``, ``"median"``,
        ``"trimmed_mean"``, ``"inverse_variance"``, ``"gls"``, ``"nnls"``,
        ``"stacking"``, ``"competence"``. A rule object sets the rule's own parameters.

    weights : {"cv", "learned", "uniform"} or dict, default="cv"
        ``"cv"`` fits them to out-of-fold predictions (``"learned"`` means the
        same); a dict gives ``{modality: weight}``.

    cv : int, splitter, iterable or None, default=None
        Folds, shared by all modalities. None deals rows by content into five
        stratified folds, so that equal rows never fall on both sides.

    calibrate : {"temperature", "sigmoid", "isotonic"} or None, default=None
        Calibration of each modality on its out-of-fold predictions. Weights are
        fitted to predictions calibrated by those of other folds. ``"isotonic"`` warns
        where a modality has fewer than 1,000 rows.

    refit : bool, default=True
        Whether the models are refitted to all rows; otherwise the models of the
        folds predict and their responses are averaged.

    ensemble : bool, default=False
        Whether others may stand beside the weighted sum, for rows that have every
        modality: a stacking of the decisions and, where the estimator infers the
        encoders, a kernel machine and, on at most 256 features and 10 classes, boosted
        trees on the features of all modalities. Only with ``rule="auto"``, fitted
        weights and at most 50 outputs, beyond which members cost too much, and not of
        quantiles or times of events; otherwise, and where it is False, the prediction
        is the sum.

    See Also
    --------
    ParallelFusion : Branches trained together.

    Notes
    -----
    The default is :math:`p(y|x) \\propto \\pi_y \\prod_{m \\in a} (p_m(y|x_m) /
    \\pi_y)^{w_m}` over the present modalities :math:`a`, with :math:`w \\ge 0`
    minimising the out-of-fold log loss, lightly shrunk to equal weights. With
    nothing observed it gives the prior :math:`\\pi`. For values it is
    :math:`\\bar y + \\sum_{m \\in a} w_m (f_m(x_m) - \\bar y)` with :math:`w \\ge 0` of
    least squared error, stacked regression [3]_; the weights are fitted for each
    set :math:`a`. Models of quantiles would be made models of the mean by that: they
    are refused by name under every rule fitted to squared error, and taken under
    ``"median"``, ``"trimmed_mean"`` and ``"mean"``, and given or equal weights.

    With ``ensemble=True`` the members enter one after the other, as in [4]_, each where
    it lowers the out-of-fold loss by more than two standard errors, with weights pulled
    to the sum alone; where fewer than 100 rows have every modality none does.
    `fusion_weights_`,
    `modality_weights` and `uncertainty` are those of the sum; `fusion_report_` has a
    row a member: its out-of-fold ``loss``, its ``weight``, and its ``gain`` in loss as
    it entered.

    References
    ----------
    .. [1] J. Kittler, M. Hatef, R. Duin, J. Matas, "On combining classifiers",
       IEEE TPAMI, 1998.

    .. [2] C. Genest, J. Zidek, "Combining probability distributions", Statistical
       Science, 1986.

    .. [3] L. Breiman, "Stacked regressions", Machine Learning, 1996.

    .. [4] R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, "Ensemble selection from
       libraries of models", ICML, 2004.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skmultimodal import DecisionFusion, FusionClassifier
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(n_modalities=2, random_state=0)
    >>> models = [(name, LogisticRegression()) for name in X]
    >>> clf = FusionClassifier(models, fusion=DecisionFusion(rule="mean")).fit(X, y)
    >>> sum(clf.fusion_weights_.values())
    1.0
    """

    takes_models = True
    limits: ClassVar[dict] = {
        "calibrate": either(NONE, one_of(*CALIBRATORS)),
        "refit": BOOL,
        "ensemble": BOOL,
    }

    def __init__(
        self,
        rule: Any = "auto",
        weights: str | dict[str, float] = "cv",
        *,
        cv: Any = None,
        calibrate: str | None = None,
        refit: bool = True,
        ensemble: bool = False,
    ):
        self.rule = rule
        self.weights = weights
        self.cv = cv
        self.calibrate = calibrate
        self.refit = refit
        self.ensemble = ensemble

    def fit_model(self, problem: Any) -> Any:
        """Fit the models apart, then the combination on out-of-fold predictions."""
        rule = self._checked_rule(problem)
        folds = []
        if self._needs_folds(problem, rule):
            folds = folds_of(problem, self.cv)
        return self._fit(problem, rule, folds)[0]

    def fit_folds(self, problem: Any, cv: Any = None) -> tuple:
        """Return the fitted model, and models that have not seen some of the rows.

        Those are made of the models that out-of-fold predictions are made with, and
        of a combination fitted to the predictions of the other folds; unless other
        folds are asked for than the strategy's own, or others may stand beside the sum.
        """
        if (cv is not None and cv != self.cv) or self._lets_in(problem):
            return super().fit_folds(problem, self.cv if cv is None else cv)
        rule = self._checked_rule(problem)
        folds = folds_of(problem, self.cv)
        if not self._needs_folds(problem, rule):
            fitted = self.fit_model(problem)
            return fitted, super().fit_folds(problem, cv)[1]
        model, problem, responses, of_folds = self._fit(problem, rule, folds)
        found = []
        for (train, test), models in zip(folds, of_folds, strict=True):
            others = [
                (
                    np.flatnonzero(np.isin(train, other_train)),
                    np.flatnonzero(np.isin(train, other_test)),
                )
                for other_train, other_test in folds
                if not np.array_equal(other_test, test)
            ]
            part = problem.take(train), rule, [models], responses[:, train], others
            found.append((DecisionModel(self, *part), test))
        return model, found

    def _checked_rule(self, problem):
        self.check(problem, ("cv", "learned", "uniform"))
        rule = self._rule(problem.task)
        fitted = _is_word(self.weights) and self.weights != "uniform"
        check_levels(problem, rule, fitted)
        return rule

    def _fit(self, problem, rule, folds):
        """Return the model, the problem with candidates chosen, and its folds'."""
        responses, of_folds = None, []
        refit = self.refit or not folds
        specs = problem.encoders.values()
        tried = sum(len(spec) for spec in specs if isinstance(spec, list))
        n_fits = len(folds) * (tried + len(specs)) + refit * len(specs)
        whole = problem
        with with_bar(problem, n_fits) as problem:
            problem = with_frozen_features(best_candidates(problem, folds))
            if folds:
                responses, of_folds = out_of_fold(problem, folds)
            models = [fit_models(problem)] if refit else of_folds
            # a model with calibration replaces responses by calibrated ones
            known = None if responses is None else responses.copy()
            model = DecisionModel(self, problem, rule, models, known, folds)
            if self._lets_in(problem) and folds and len(problem.names) > 1:
                joined, machines = {}, None
                if problem.encoders_for is not None:
                    features = whole.for_strategy(JoinedFeatures())
                    features = replace(features, bar=problem.bar)
                    joined, machines = fit_joined(features, folds, self.refit)
                model.add_members(problem, known, joined, machines, folds)
        return model, problem, responses, of_folds

    @property
    def asks_encoders(self) -> bool:
        return self._has_members()

    def _has_members(self) -> bool:
        fitted = _is_word(self.weights) and self.weights in ("cv", "learned")
        return self.ensemble is True and fitted and _is_word(self.rule, "auto")

    def _lets_in(self, problem) -> bool:
        """Whether others may stand beside the sum of these responses."""
        task = problem.task
        few = task.n_outputs <= MANY
        return self._has_members() and few and not task.wraps_models

    def _needs_folds(self, problem, rule) -> bool:
        fitted = self.weights in ("cv", "learned") if _is_word(self.weights) else False
        several = len(problem.names) > 1
        candidates = any(isinstance(spec, list) for spec in problem.encoders.values())
        return bool(
            (several and (fitted or rule.needs_fit))
            or candidates
            or self.calibrate
            or not self.refit
        )

    def _rule(self, task):
        known = RULES if task.has_labels else REGRESSION_RULES
        if not isinstance(self.rule, str):
            return self.rule
        name = self.rule
        if name == "auto" and task.has_labels:
            return LogPool(matrices=not self._has_members())
        if name == "auto" and task.levels is not None:
            return NonNegativeQuantile()
        if name == "auto":
            name = "nnls" if self.weights in ("cv", "learned") else "weighted_mean"
        if name not in known:
            raise ValueError(
                f"The 'rule' parameter of DecisionFusion must be 'auto', one of "
                f"{list(known)} for {task.kind}, or a rule object. "
                f"Got {self.rule!r} instead."
            )
        return known[name]()


def _is_word(value, word=None) -> bool:
    return isinstance(value, str) and word in (None, value)
