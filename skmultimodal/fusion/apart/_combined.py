"""The fitted models of modalities apart, and the rule that combines what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skmultimodal._warnings import warn
from skmultimodal.data._containers import take_rows
from skmultimodal.encoders._tabular import TabularEncoder
from skmultimodal.fusion._base import FusionModel, naming, unheard
from skmultimodal.fusion.apart._ensemble import Ensemble
from skmultimodal.fusion.apart._frozen import FrozenFeatures
from skmultimodal.fusion.apart._out_of_fold import respond
from skmultimodal.fusion.apart._row_features import freeze
from skmultimodal.fusion.apart._stack import Stack, cross_fitted
from skmultimodal.fusion.apart._standalone import NoModel, warn_unjudged
from skmultimodal.fusion.joint._encode import encode_by_member
from skmultimodal.fusion.rules._base import fit_by_part, unless_all
from skmultimodal.fusion.rules._calibration import CALIBRATORS
from skmultimodal.fusion.rules._disagreement import disagreement, spread
from skmultimodal.fusion.rules._prior import at_prior

__all__ = ["DecisionModel"]

FEW_ROWS = 1000  # for isotonic calibration


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
    features = FrozenFeatures("passthrough")
    features.fit_transform(replace(part, encoders=tables))
    return features


class DecisionModel(FusionModel):
    """Fitted models of the modalities and the rule that combines them."""

    dtype = "float64"

    def __init__(self, spec, problem, rule, models, responses, folds):
        self.task, self.names, self.models = problem.task, problem.names, models
        self.given_weights = spec.weights
        self.memory = problem.memory
        self.n_features = len(self.names) * problem.task.n_scores
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
        squares = not self.task.has_labels and self.task.levels is None
        if squares and responses is not None:
            self.errors = self._squared_errors(responses, problem)
        self.passed = None
        if getattr(rule, "passthrough", ()):
            self.passed = passed_features(problem, rule.passthrough)
        if responses is not None and getattr(rule, "trusts_priors", False):
            self._warn_of_priors(rule, responses, problem)
        self.rules = self._fit_rules(rule, spec.weights, responses, problem)
        weights = np.zeros(len(self.names))
        weights[self.judged] = np.mean([rule.weights_ for rule in self.rules], axis=0)
        self.weights = dict(zip(self.names, weights.tolist(), strict=True))
        self.ensemble: Ensemble | None = None
        self.stack: Stack | None = None
        self.joined: Any = None

    def add_members(self, problem, responses, joined, machines, folds):
        """Let members beside the sum in, for rows that have every modality.

        Parameters
        ----------
        problem : FusionProblem
        responses : ndarray of shape (n_modalities, n_samples, n_outputs)
            Out-of-fold responses of the modalities, which the sum was fitted to.
        joined : dict of str to ndarray of shape (n_samples, n_outputs)
            Those of machines on the joined features, if there are any.
        machines : JoinedModel or None
        folds : list of (train, test) positions
        """
        rows = np.isfinite(responses).all(axis=(0, 2))
        for response in joined.values():
            rows &= np.isfinite(response).all(axis=1)
        if not self.judged.all() or not rows.any():
            return
        stacked, stack = cross_fitted(problem, responses, rows, folds, self.prior)
        rows &= np.isfinite(stacked).all(axis=1)
        present = np.isfinite(responses).all(axis=2).T
        extra = self._passed(problem.cells, problem.present)
        combined = self._combined(responses, present, extra)
        members = {"sum": combined, "stack": stacked, **joined}
        weight, groups = problem.sample_weight, problem.groups
        self.ensemble = Ensemble(self.task, self.prior).fit(
            {name: response[rows] for name, response in members.items()},
            problem.target[rows],
            None if weight is None else weight[rows],
            None if groups is None else groups[rows],
        )
        self.report = self.ensemble.report
        self.stack = stack if "stack" in self.ensemble.weights else None
        if machines is not None:
            self.joined = machines.keep(self.ensemble.weights)

    def trim(self):
        """Drop the cache."""
        self.memory = None

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
        errors = (responses - self.task.in_units(problem.target)) ** 2
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
        if not self.task.has_labels:
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
        target = problem.target[rows]
        return [
            CALIBRATORS[kind]().fit(
                part, label, sample_weight=self.task.weight_of(k, target, weight)
            )
            for k, (part, label) in enumerate(self.task.parts(response[rows], target))
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
        parts = zip(calibrators, self.task.parts(response), strict=True)
        return self.task.joined([one.predict(part) for one, (part, _) in parts])

    def _warn_of_priors(self, rule, responses, problem):
        """Warn of models whose mean probabilities are not the shares of the classes."""
        weight = problem.sample_weight
        weight = np.ones(problem.n_samples) if weight is None else weight
        others = []
        for name, response in zip(self.names, responses, strict=True):
            known = np.isfinite(response).all(axis=1)
            target = problem.target[known]
            parts = self.task.parts(response[known], target)
            if known.any() and not all(
                at_prior(part, y, self.task.weight_of(k, target, weight[known]))
                for k, (part, y) in enumerate(parts)
            ):
                others.append(name)
        if others:
            warn(
                f"The mean probabilities of {others} are not the shares of the "
                "classes, as under class_weight='balanced', and "
                f"{type(rule).__name__} takes them as they are. Use rule='log_pool' or "
                "'stacking', which correct that, calibrate='sigmoid', or a model "
                "without class weights."
            )

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
        extra = self._passed(problem.cells, problem.present)
        if problem.groups is not None:
            extra["groups"] = problem.groups
        return fit_by_part(
            rule,
            self.task,
            known[unless_all(self.judged)],
            self.task.in_units(problem.target),
            self.prior,
            problem.sample_weight,
            weights=weights,
            **extra,
        )

    def _responses(self, cells, present):
        """Return the responses of shape (n_modalities, n_samples, n_outputs)."""
        return np.stack(
            [
                self._response_of(name, cells[name], present[:, m], self.memory)
                for m, name in enumerate(self.names)
            ]
        )

    def _response_of(self, name, cells, present, memory=None):
        """Return the response of one modality, (n_samples, n_outputs)."""
        if len(self.models) > 1 or memory is not None:
            with naming(name):
                cells = freeze(cells, present, self.encoders[name], memory)
        of_folds = [
            respond(model, cells, present, memory) for model in self._fitted(name)
        ]
        return self._calibrated(name, np.mean(of_folds, axis=0))

    def response(self, cells, present):
        if len(self.names) == 1 and present.all():
            return self._responses(cells, present)[0]
        responses = self._responses(cells, present)
        joined = self._joined(cells, present)
        return self._answer(responses, present, self._passed(cells, present), joined)

    def responses(self, cells, presences):
        union = np.any(presences, axis=0)
        own, joined = self._responses(cells, union), self._joined(cells, union)
        found = []
        for present in presences:
            if len(self.names) == 1 and present.all():
                found.append(own[0])
                continue
            known = np.where(present.T[:, :, None], own, np.nan)
            passed = self._passed(cells, present)
            found.append(self._answer(known, present, passed, joined))
        return found

    def response_to_mixed(self, cells, rows, present):
        if self.passed is not None or self.joined is not None:  # which see cells
            return super().response_to_mixed(cells, rows, present)
        responses = np.full((*present.T.shape, self.task.n_outputs), np.nan)
        for m, name in enumerate(self.names):
            here = present[:, m]
            if here.any():
                used, which = np.unique(rows[here, m], return_inverse=True)
                taken = take_rows(cells[name], used)
                own = self._response_of(name, taken, np.ones(len(used), dtype=bool))
                responses[m, here] = own[which]
        if len(self.names) == 1 and present.all():
            return responses[0]
        return self._answer(responses, present, {}, {})

    def _joined(self, cells, present):
        """Return the responses of the machines on the joined features, by name."""
        return {} if self.joined is None else self.joined.answers(cells, present)

    def _answer(self, responses, present, extra, joined):
        """Return the combination; of the ensemble, for rows with every modality."""
        combined = self._combined(responses, present, extra)
        if self.ensemble is None or len(self.ensemble.weights) == 1:
            return combined
        rows = present.all(axis=1)
        if not rows.any():
            return combined
        members = {"sum": combined[rows]}
        if self.stack is not None:
            members["stack"] = self.stack.response(responses[:, rows])
        members |= {name: response[rows] for name, response in joined.items()}
        combined[rows] = self.ensemble.combine(members)
        return combined

    def _combined(self, responses, present, extra):
        heard = present.T[self.judged]
        parts = self.task.parts(responses[self.judged])
        combined = self.task.joined(
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
        outputs = self.task.output_names()
        return [f"{name}__{output}" for name in self.names for output in outputs]

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
        if method == "modality_weights":
            return all(rule.takes_weights for rule in self.rules)
        if method == "uncertainty":
            return self.task.one_label or self.errors is not None
        return super().offers(method)

    def modality_weights(self, cells, present):
        heard = present & ~unheard(self.given_weights, self.names, present)[:, None]
        weights = np.zeros(present.shape)
        seen = heard.T[self.judged]
        if any(rule.weighs_by_row for rule in self.rules):
            responses = self._responses(cells, present)[self.judged]
            extra = self._passed(cells, present)
            parts = self.task.parts(responses)
            pairs = zip(self.rules, parts, strict=True)
            by_label = [rule.row_weights(seen, p, **extra) for rule, (p, _) in pairs]
        else:
            by_label = [rule.row_weights(seen) for rule in self.rules]
        weights[:, self.judged] = np.mean(by_label, axis=0).T
        return weights

    def uncertainty(self, cells, present):
        """Return what the modalities' predictions disagree by, by row."""
        weights = np.array([self.weights[name] for name in self.names])
        responses = self._responses(cells, present)
        responses[:, unheard(self.given_weights, self.names, present)] = np.nan
        responses[~self.judged] = np.nan
        if self.task.one_label:
            return disagreement(responses, weights, self.prior)
        parts = spread(responses, weights, self.errors, self.task.scale**2)
        return Bunch(**{key: self.task.predict(part) for key, part in parts.items()})

    def response_per_modality(self, cells, present):
        return dict(zip(self.names, self._responses(cells, present), strict=True))
