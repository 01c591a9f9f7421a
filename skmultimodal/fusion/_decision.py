"""Decision-level fusion: complete models, fitted apart, their decisions combined."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone
from sklearn.utils import Bunch

from skmultimodal._parameters import BOOL, NONE, either, one_of
from skmultimodal._warnings import warn
from skmultimodal.encoders._tabular import TabularEncoder
from skmultimodal.fusion._base import BaseFusion, FusionModel, naming, unheard
from skmultimodal.fusion.apart._folds import folds_of
from skmultimodal.fusion.apart._frozen import FixedFeatures
from skmultimodal.fusion.apart._out_of_fold import (
    best_candidates,
    fit_models,
    out_of_fold,
    respond,
)
from skmultimodal.fusion.apart._row_features import freeze, with_frozen_features
from skmultimodal.fusion.apart._standalone import NoModel, warn_unjudged
from skmultimodal.fusion.joint._encode import encode_by_member
from skmultimodal.fusion.rules._calibration import CALIBRATORS
from skmultimodal.fusion.rules._classification import RULES
from skmultimodal.fusion.rules._disagreement import disagreement, spread
from skmultimodal.fusion.rules._regression import REGRESSION_RULES

__all__ = ["DecisionFusion"]

FEW_ROWS = 1000  # for isotonic calibration


class DecisionFusion(BaseFusion):
    """Combine the decisions of complete models, fitted apart from each other.

    Each modality has a model of its own: any scikit-learn classifier or regressor,
    or an encoder, which becomes a network with a linear head; of a list of them the
    one with the least out-of-fold loss is taken. The weights of the
    combination are fitted to out-of-fold predictions, never to predictions on rows
    a model was trained on. Prefer it on small data, with strong classical models,
    and where modalities may be missing. It cannot express an interaction between
    modalities (XOR).

    Read more in the :ref:`User Guide <decision_fusion>`.

    Parameters
    ----------
    rule : str or rule, default="auto"
        How decisions combine. ``"auto"`` is the prior-corrected log-linear pool
        (``"log_pool"``) for labels and, for values, the non-negative sum (``"nnls"``)
        of fitted weights or the weighted mean of given ones. Other names
        for labels: ``"mean"``, ``"product"``, ``"max"``, ``"min"``, ``"median"``,
        ``"trimmed_mean"``, ``"majority"``, ``"weighted_vote"``, ``"borda"``,
        ``"naive_bayes"``, ``"decision_template"``, ``"dempster"``, ``"stacking"``;
        for values: ``"mean"``, ``"weighted_mean"``, ``"median"``,
        ``"trimmed_mean"``, ``"inverse_variance"``, ``"gls"``, ``"nnls"``,
        ``"stacking"``. A rule object sets the rule's own parameters.

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
    set :math:`a`.

    References
    ----------
    .. [1] J. Kittler, M. Hatef, R. Duin, J. Matas, "On combining classifiers",
       IEEE TPAMI, 1998.

    .. [2] C. Genest, J. Zidek, "Combining probability distributions", Statistical
       Science, 1986.

    .. [3] L. Breiman, "Stacked regressions", Machine Learning, 1996.

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
    }

    def __init__(
        self,
        rule: Any = "auto",
        weights: str | dict[str, float] = "cv",
        *,
        cv: Any = None,
        calibrate: str | None = None,
        refit: bool = True,
    ):
        self.rule = rule
        self.weights = weights
        self.cv = cv
        self.calibrate = calibrate
        self.refit = refit

    def fit_model(self, problem: Any) -> Any:
        """Fit the models apart, then the combination on out-of-fold predictions."""
        self._check(problem, ("cv", "learned", "uniform"))
        rule = self._rule(problem.task)
        folds, responses, of_folds = [], None, []
        if self._needs_folds(problem, rule):
            folds = folds_of(problem, self.cv)
        problem = with_frozen_features(best_candidates(problem, folds))
        if folds:
            responses, of_folds = out_of_fold(problem, folds)
        models = [fit_models(problem)] if self.refit or not folds else of_folds
        return DecisionModel(self, problem, rule, models, responses, folds)

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
        known = REGRESSION_RULES if task.kind == "regression" else RULES
        if not isinstance(self.rule, str):
            return self.rule
        name = self.rule
        if name == "auto" and task.kind == "regression":
            name = "nnls" if self.weights in ("cv", "learned") else "weighted_mean"
        elif name == "auto":
            name = "log_pool"
        if name not in known:
            raise ValueError(
                f"The 'rule' parameter of DecisionFusion must be 'auto', one of "
                f"{list(known)} for {task.kind}, or a rule object. "
                f"Got {self.rule!r} instead."
            )
        return known[name]()


def _is_word(value) -> bool:
    return isinstance(value, str)


def passed_features(problem, names):
    """Return the fitted features of tables for a rule with `passthrough`."""
    unknown = [name for name in names if name not in problem.names]
    if unknown:
        raise ValueError(
            f"'passthrough' names {unknown}, which are not among the modalities "
            f"{problem.names}."
        )
    for name in names:
        if getattr(problem.cells[name], "ndim", 1) != 2:
            raise ValueError(
                f"Modality {name!r}: 'passthrough' takes tables and blocks of numbers. "
                "Got one column of cells."
            )
    part = problem.select(list(names))
    tables = {name: TabularEncoder() for name in names}
    return FixedFeatures(replace(part, encoders=tables), "passthrough")


class DecisionModel(FusionModel):
    """Fitted models of the modalities and the rule that combines them."""

    dtype = "float64"

    def __init__(self, spec, problem, rule, models, responses, folds):
        self.task, self.names, self.models = problem.task, problem.names, models
        self.given_weights = spec.weights
        self.memory = problem.memory
        self.n_features = len(self.names) * problem.task.n_outputs
        weight = problem.sample_weight
        self.prior = self.task.prior(problem.target, weight)
        first = {name: self._fitted(name)[0] for name in self.names}
        self.encoders = {name: model.fitted for name, model in first.items()}
        self.history = [
            {"modality": name, **row}
            for name, model in first.items()
            for row in model.history
        ]
        self.judged = self._judged(spec, problem, responses)
        self.calibrators = {}
        if spec.calibrate is not None and responses is not None:
            self._calibrate(spec.calibrate, responses, problem, folds)
        self.errors = None
        if self.task.kind == "regression" and responses is not None:
            self.errors = self._squared_errors(responses, problem)
        self.passed = None
        if getattr(rule, "passthrough", ()):
            self.passed = passed_features(problem, rule.passthrough)
        self.rules = self._fit_rules(rule, spec.weights, responses, problem)
        weights = np.zeros(len(self.names))
        weights[self.judged] = np.mean([rule.weights_ for rule in self.rules], axis=0)
        self.weights = dict(zip(self.names, weights.tolist(), strict=True))

    def _fitted(self, name):
        """Return the models of a modality that could be fitted, else the first."""
        models = [of_fold[name] for of_fold in self.models]
        return [m for m in models if not isinstance(m, NoModel)] or models[:1]

    def _judged(self, spec, problem, responses):
        """Return which modalities enter the combination, (n_modalities,), and warn.

        Those are left out that have no model, or none that could be judged on rows
        which it was not fitted to, unless their weight is given.
        """
        fits = [not isinstance(self._fitted(name)[0], NoModel) for name in self.names]
        judged = np.array(fits)
        if responses is not None and not isinstance(spec.weights, dict):
            judged &= np.isfinite(responses).all(axis=2).any(axis=1)
        if not judged.any():  # of all: nothing to choose by
            judged = np.ones(len(self.names), dtype=bool)
        elif not judged.all():
            warn_unjudged(problem, np.array(self.names)[~judged].tolist())
        return judged

    def _squared_errors(self, responses, problem):
        """Return the mean out-of-fold errors, of shape (n_modalities, n_outputs)."""
        errors = (responses - self._rule_target(problem)) ** 2
        weight = problem.sample_weight
        weight = np.ones(problem.n_samples) if weight is None else weight
        known = np.isfinite(responses).all(axis=2) * weight  # (n_modalities, n)
        total = np.maximum(known.sum(axis=1), np.finfo(float).tiny)
        sums = np.einsum("mn,mnk->mk", known, np.nan_to_num(errors))
        return sums / total[:, None]

    def _calibrate(self, kind, responses, problem, folds):
        """Fit the calibrators, and calibrate what the rule is fitted to.

        That is cross-fitted: the predictions of a fold are calibrated by those of the
        others, for calibrators trust rows that they were fitted to too much.
        """
        if self.task.kind == "regression":
            raise ValueError("'calibrate' is for labels, not for values.")
        known = np.isfinite(responses).all(axis=2)  # (n_modalities, n)
        if kind == "isotonic":
            self._warn_few_rows(known)
        for m, name in enumerate(self.names):
            raw = responses[m].copy()
            for train, test in folds:
                rows = train[known[m, train]]
                fitted = self._calibrators(kind, raw, rows, problem)
                responses[m, test] = self._calibrated_by(fitted, raw[test])
            rows = np.flatnonzero(known[m])
            self.calibrators[name] = self._calibrators(kind, raw, rows, problem)

    def _calibrators(self, kind, response, rows, problem):
        """Return the calibrators fitted to some rows, one or one a label."""
        weight = problem.sample_weight
        weight = None if weight is None else weight[rows]
        return [
            CALIBRATORS[kind]().fit(part, target, sample_weight=weight)
            for part, target in self._parts(response[rows], problem.target[rows])
        ]

    def _warn_few_rows(self, known):
        count = known.sum(axis=1)
        if count.min() < FEW_ROWS:
            name = self.names[count.argmin()]
            warn(
                f"calibrate='isotonic' fits curves to the {count.min()} rows that have "
                f"modality {name!r}, and overfits below {FEW_ROWS}. Use 'sigmoid' or "
                "'temperature'."
            )

    def _calibrated(self, name, response):
        if name not in self.calibrators:
            return response
        return self._calibrated_by(self.calibrators[name], response)

    def _calibrated_by(self, calibrators, response):
        parts = zip(calibrators, self._parts(response), strict=True)
        return self._joined([one.predict(part) for one, (part, _) in parts])

    def _parts(self, responses, target=None):
        """Return what one rule sees: everything, or one binary problem a label."""
        if self.task.kind != "multilabel":
            return [(responses, target)]
        labels = range(self.task.n_outputs)
        return [
            (
                np.stack([1 - responses[..., k], responses[..., k]], axis=-1),
                None if target is None else target[:, k].astype(np.int64),
            )
            for k in labels
        ]

    def _joined(self, parts):
        if self.task.kind != "multilabel":
            return parts[0]
        return np.stack([part[..., 1] for part in parts], axis=-1)

    def _fit_rules(self, rule, weights, responses, problem):
        """Return the fitted rule, one a label if there are several."""
        n_modalities = len(self.names)
        if isinstance(weights, dict):
            weights = np.array([weights[name] for name in self.names], dtype=float)
            weights = weights[self.judged]
        elif responses is None:
            weights = "uniform"
        elif weights == "learned":
            weights = "cv"
        if n_modalities == 1 or responses is None:
            shape = (n_modalities, problem.n_samples, problem.task.n_outputs)
            known = np.full(shape, np.nan)
        else:
            known = responses
        known = known[self.judged]
        present = np.isfinite(known).all(axis=2)
        rows = present.any(axis=0)
        if responses is None:
            rows = np.zeros_like(rows)
        target, weight = self._rule_target(problem), problem.sample_weight
        extra = self._passed(problem.cells, problem.present)
        if extra:
            extra = {"features": extra["features"][rows]}
        fitted = []
        for k, (part, label) in enumerate(self._parts(known[:, rows], target[rows])):
            prior = self.prior
            if self.task.kind == "multilabel":
                prior = np.array([1 - self.prior[k], self.prior[k]])
            fitted.append(
                clone(rule).fit(
                    part,
                    label,
                    present=present[:, rows],
                    prior=prior,
                    sample_weight=None if weight is None else weight[rows],
                    weights=weights,
                    **extra,
                )
            )
        return fitted

    def _rule_target(self, problem):
        if self.task.kind == "regression":
            return self.task.response(problem.target)
        return problem.target

    def _responses(self, cells, present):
        """Return the responses of shape (n_modalities, n_samples, n_outputs)."""
        stacked = []
        for m, name in enumerate(self.names):
            here, fitted = cells[name], self.encoders[name]
            if len(self.models) > 1 or self.memory is not None:
                with naming(name):
                    here = freeze(here, present[:, m], fitted, self.memory)
            of_folds = [
                respond(model, here, present[:, m], self.memory)
                for model in self._fitted(name)
            ]
            stacked.append(self._calibrated(name, np.mean(of_folds, axis=0)))
        return np.stack(stacked)

    def response(self, cells, present):
        if len(self.names) == 1 and present.all():
            return self._responses(cells, present)[0]
        responses = self._responses(cells, present)
        return self._combined(responses, present, self._passed(cells, present))

    def responses(self, cells, presences):
        union = np.any(presences, axis=0)
        own = self._responses(cells, union)
        found = []
        for present in presences:
            if len(self.names) == 1 and present.all():
                found.append(own[0])
                continue
            known = np.where(present.T[:, :, None], own, np.nan)
            passed = self._passed(cells, present)
            found.append(self._combined(known, present, passed))
        return found

    def _combined(self, responses, present, extra):
        heard = present.T[self.judged]
        parts = self._parts(responses[self.judged])
        combined = self._joined(
            [
                rule.combine(part, present=heard, **extra)
                for rule, (part, _) in zip(self.rules, parts, strict=True)
            ]
        )
        combined[unheard(self.given_weights, self.names, present)] = self.prior
        return combined

    def _passed(self, cells, present) -> dict:
        """Return the features that a rule sees beside the decisions, if any."""
        if self.passed is None:
            return {}
        columns = [self.names.index(name) for name in self.passed.names]
        blocks = self.passed.transform(cells, present[:, columns])
        return {"features": np.hstack(list(blocks.values()))}

    def feature_names(self):
        outputs = range(self.task.n_outputs)
        return [f"{name}__{k}" for name in self.names for k in outputs]

    def scores(self, cells, present):
        return self.task.scores(self.response(cells, present))

    def embedding(self, cells, present):
        """Return the scores of each modality, the prior's where it is absent."""
        responses = self._responses(cells, present)
        responses = np.where(np.isfinite(responses), responses, self.prior)
        scores = self.task.scores(responses)  # (n_modalities, n, n_outputs)
        return np.moveaxis(scores, 0, 1).reshape(len(present), -1)

    def encode(self, cells, present, name):
        return encode_by_member(self.models[0], cells, present, name, self.names)

    def offers(self, method):
        if method == "uncertainty":
            return self.task.kind == "classification" or self.errors is not None
        return super().offers(method)

    def uncertainty(self, cells, present):
        """Return what the modalities' predictions disagree by, by row."""
        weights = np.array([self.weights[name] for name in self.names])
        responses = self._responses(cells, present)
        responses[:, unheard(self.given_weights, self.names, present)] = np.nan
        responses[~self.judged] = np.nan
        if self.task.kind == "classification":
            return disagreement(responses, weights, self.prior)
        parts = spread(responses, weights, self.errors, self.task.scale**2)
        return Bunch(**{key: self.task.predict(part) for key, part in parts.items()})

    def response_per_modality(self, cells, present):
        return dict(zip(self.names, self._responses(cells, present), strict=True))
