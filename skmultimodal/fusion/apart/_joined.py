"""Machines on the features of all modalities, which see how they interact."""

from __future__ import annotations

import joblib
import numpy as np
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from skmultimodal.data._containers import take_rows
from skmultimodal.encoders.features._kernel import KernelClassifier, KernelRegressor
from skmultimodal.fusion.apart._cache import cached, content_key, makers
from skmultimodal.fusion.apart._frozen import FrozenFeatures, FrozenModel, shares_of

__all__ = ["JoinedFeatures", "fit_joined"]

LANDMARKS = 800  # of the kernel, which is fitted once a fold
TREE_FEATURES, TREE_OUTPUTS = 256, 10  # more of either, and trees cost too much


class JoinedFeatures:
    """What asks for the default features of each kind of modality."""

    takes_models = False
    takes_features = True


class JoinedModel(FrozenModel):
    """Machines on the joined features of rows that have every modality.

    Attributes
    ----------
    machines : dict of str to list of EstimatorModel
        One of each name, or one a fold, whose answers are averaged.
    """

    def joined(self, features, present):
        """Return the features side by side, each modality of variance one."""
        # one Gaussian kernel of them is the product of the modalities' kernels
        varying = self.features.n_varying
        return np.hstack(
            [features[name] / np.sqrt(max(varying[name], 1)) for name in self.names]
        )

    def fit_machines(self, specs, rows, problem, folds, refit):
        """Fit the machines to complete rows; return out-of-fold responses by name."""
        shape = (problem.n_samples, problem.task.n_outputs)
        found = {name: np.full(shape, np.nan) for name in specs}
        complete = problem.present.all(axis=1)
        self.machines = {}
        bar = problem.bar
        if bar is not None:
            bar.grow(len(specs) * (len(folds) + refit))
        for name, spec in specs.items():
            heads = []
            for train, test in _told(folds, name, bar):
                train, test = train[complete[train]], test[complete[test]]
                part = problem.take(train)
                if not len(train) or part.says_less(problem):
                    continue
                self.fit_head(spec, rows[train], part)
                heads.append(self.head)
                unmet = self.task.unmet(problem.target[test], part.target)
                test = test[~unmet]
                if len(test):
                    found[name][test] = self.head.response(rows[test])
            if refit:
                if bar is not None:
                    bar.tell(f"{name}, all rows")
                self.fit_head(
                    spec, rows[complete], problem.take(np.flatnonzero(complete))
                )
                heads = [self.head]
                if bar is not None:
                    bar.advance()
            self.machines[name] = heads
        return found

    def keep(self, names):
        """Return itself with the named machines alone; None if it has none of them."""
        self.machines = {k: heads for k, heads in self.machines.items() if k in names}
        return self if self.machines else None

    def answers(self, cells, present) -> dict[str, np.ndarray]:
        """Return the responses of each machine, NaN where a row lacks a modality."""
        shape = (len(present), self.task.n_outputs)
        out = {name: np.full(shape, np.nan) for name in self.machines}
        complete = np.flatnonzero(present.all(axis=1))
        if len(complete):
            taken = {name: take_rows(cells[name], complete) for name in self.names}
            features = self.features_of(taken, present[complete])
            rows = self.joined(features, present[complete])
            for name, heads in self.machines.items():
                answers = [head.response(rows) for head in heads]
                out[name][complete] = np.mean(answers, axis=0)
        return out


def fit_joined(problem, folds, refit):
    """Return out-of-fold responses by machine, and the model of all machines.

    Features learn nothing from y and are fitted once, to all rows. There are no
    machines where the rows with every modality lack a class.

    Parameters
    ----------
    problem : FusionProblem
        With encoders that give fixed features.
    folds : list of (train, test) positions
    refit : bool
        Whether machines are fitted to all rows, else those of the folds answer.

    Returns
    -------
    responses : dict of str to ndarray of shape (n_samples, n_outputs)
        NaN for rows that lack a modality, are in no test part, or have a label that
        no complete row of the fold has.
    model : JoinedModel or None
    """
    if problem.memory is None:
        return _fit(problem, folds, refit)
    given = [problem.seed, folds, refit, problem.encoders, problem.task.key()]
    key = joblib.hash([makers(), *given])
    asked = [key, *content_key(problem)]
    return cached(problem.memory, _fit, asked, problem, folds, refit)


def _fit(problem, folds, refit):
    complete = np.flatnonzero(problem.present.all(axis=1))
    if not len(complete) or problem.take(complete).says_less(problem):
        return {}, None
    if problem.bar is not None:
        problem.bar.tell("features of all modalities")
    features = FrozenFeatures("DecisionFusion")
    blocks = features.fit_transform(problem)
    model = JoinedModel(features, problem, shares_of("uniform", problem.names))
    rows = model.joined(blocks, problem.present)
    specs = _machines(rows.shape[1], problem.task)
    return model.fit_machines(specs, rows, problem, folds, refit), model


def _told(folds, name, bar):
    """Yield the folds, while the bar tells of them and counts those that are done."""
    for k, fold in enumerate(folds):
        if bar is not None:
            bar.tell(f"{name}, fold {k + 1} of {len(folds)}")
        yield fold
        if bar is not None:
            bar.advance()


def _machines(n_features, task) -> dict:
    """Return the machines by name: smooth ones, and, where cheap, those of steps."""
    kernel = KernelClassifier if task.has_labels else KernelRegressor
    machines = {"kernel": kernel(max_landmarks=LANDMARKS)}
    if n_features <= TREE_FEATURES and task.n_outputs <= TREE_OUTPUTS:
        trees = (
            HistGradientBoostingClassifier
            if task.has_labels
            else HistGradientBoostingRegressor
        )
        several = task.one_label and task.n_outputs > 2
        machines["trees"] = trees(max_iter=40 if several else 100)
    return machines
