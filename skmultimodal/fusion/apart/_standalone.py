"""Complete models of one modality, fitted apart from the others."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

from skmultimodal._warnings import warn
from skmultimodal.data._cells import AlikeVectors, decode_cells, decode_text
from skmultimodal.data._containers import (
    CellsWithFeatures,
    cells_and_labels,
    take_rows,
)
from skmultimodal.encoders._base import as_encoder
from skmultimodal.encoders._readable import first_step, is_model
from skmultimodal.fusion._base import naming, seeded_numpy
from skmultimodal.fusion.apart._folds import folds_of
from skmultimodal.fusion.apart._hazard_models import of_intervals
from skmultimodal.fusion.apart._quantile_models import of_levels
from skmultimodal.fusion.apart._wrapped import WrappedModel
from skmultimodal.fusion.joint._layers import Heads
from skmultimodal.fusion.joint._model import fit_network
from skmultimodal.training._net import is_skorch_net
from skmultimodal.training._network import FusionModule, FusionOutput, derived_seed
from skmultimodal.training._settings import JointTraining

__all__ = [
    "EstimatorModel",
    "NoModel",
    "StandaloneNetwork",
    "fit_standalone",
    "warn_unjudged",
]


def fit_standalone(problem, name, key=None):
    """Return the model of one modality, fitted to the rows that have it.

    Parameters
    ----------
    problem : FusionProblem
    name : str
    key : str, default=None
        By which a cache knows the model.

    Returns
    -------
    EstimatorModel, StandaloneNetwork or NoModel
        With ``response(cells)``, of shape (n_samples, n_outputs). There is no model
        where the modality's rows all have one label, other rows have others, and what
        was to be fitted does not take that.
    """
    whole = problem.select([name])
    present = whole.present[:, 0]
    with naming(name):
        if not present.any():
            raise ValueError(
                "it is absent from every training row. Leave it out, or set its "
                "encoder to 'drop'."
            )
        problem = whole
        if not present.all():
            problem = whole.take(np.flatnonzero(present))
        if not is_model(problem.encoders[name]):
            return StandaloneNetwork(problem, name, key)
        try:
            return EstimatorModel(problem, name, key, whole)
        except ValueError:
            if problem.says_less(whole):
                return NoModel(whole, name)
            raise


def warn_unjudged(problem, names) -> None:
    """Warn of modalities in so few rows that no other row judges their models."""
    for name in names:
        n_rows = int(problem.present[:, problem.names.index(name)].sum())
        warn(
            f"Modality {name!r} is in {n_rows} of {problem.n_samples} training rows, "
            "too few to fit a model to some and judge it on others. It gets no weight. "
            "Give it more rows, or set its encoder to 'drop'."
        )


class NoModel:
    """Stands for the model of a modality that none could be fitted to."""

    history = ()

    def __init__(self, problem, name):
        self.task = problem.task
        self.n_outputs = self.n_features = problem.task.n_outputs
        self.fitted = clone(problem.encoders[name])

    def response(self, cells):
        return np.full((len(cells), self.n_outputs), np.nan)


class _Alone:
    """Specification of a linear head on the embedding of one modality."""

    weights = None

    def joint_training(self, settings):
        return JointTraining()

    def build_for(self, task, in_features, joint):
        return _Linear(in_features, task.n_scores)


class _Linear(FusionModule):
    def __init__(self, in_features, n_outputs):
        super().__init__(in_features)
        self.heads = Heads(in_features, n_outputs)

    def forward(self, embeddings, present=None):
        scores = self.heads(embeddings)[:, 0]
        return FusionOutput(scores, embeddings[self.names[0]])


class StandaloneNetwork:
    """An encoder with a linear head, trained as a network of its own."""

    def __init__(self, problem, name, key=None):
        self.key = key
        seed = problem.seed_of(name)
        encoder = as_encoder(problem.encoders[name])
        problem = replace(problem, encoders={name: encoder}, seed=seed)
        self.name, self.model = name, fit_network(_Alone(), problem).finished()
        self.model.trim()  # it is not trained further
        self.n_features = self.model.n_features
        self.n_outputs = problem.task.n_outputs
        self.fitted, self.history = self.model.encoders[name], self.model.history

    def response(self, cells):
        present = np.ones((len(cells), 1), dtype=bool)
        return widened(
            self.model.response({self.name: cells}, present), self.model.task
        )

    def embedding(self, cells):
        present = np.ones((len(cells), 1), dtype=bool)
        return self.model.embedding({self.name: cells}, present)

    encode = embedding


class EstimatorModel:
    """A scikit-learn classifier or regressor on the cells of one modality.

    Of several labels, one that does not vary in the modality's rows, such as a rare one
    in a fold, is answered by its share in all rows, those of `whole`.
    """

    history = ()

    def __init__(self, problem, name, key=None, whole=None):
        self.key = key
        self.task = task = problem.task
        self.name, self.n_outputs = name, task.n_outputs
        spec = problem.encoders[name]
        self.cells_format = cells_format(spec)
        model = seeded_clone(_for_task(spec, problem), problem.seed_of(name))
        cells = problem.cells[name]
        y, self.net = problem.y, is_skorch_net(spec)
        if self.net:
            y = task.net_target(problem.y, problem.target)
        weights = weight_params(model, problem.sample_weight, name)
        self.fitted = model
        later, X = self._later(cells)
        fit = later.fit
        if whole is not None and isinstance(model, MultiOutputClassifier):
            fit = partial(_fit_labels, model, whole)
        with seeded_numpy(problem.seed_of(name)):
            fit(X, y, **weights)
        if later is not model:
            model.steps[0][1].fit(take_rows(cells.raw, slice(0, 1)))

    def _later(self, cells):
        """Return the steps that see the cells' features, or else the cells."""
        if not isinstance(cells, CellsWithFeatures):
            return self.fitted, self.cells_format(cells)
        if not isinstance(self.fitted, Pipeline):  # one pipeline a label
            return self.fitted, self.cells_format(cells.raw)
        return self.fitted[1:], cells.features

    def response(self, cells):
        with naming(self.name):
            return self._response(cells)

    def _response(self, cells):
        (model, X), task = self._later(cells), self.task
        if not task.has_labels:
            return self.as_response(model.predict(X))
        if hasattr(model, "predict_proba"):
            proba = model.predict_proba(X)
            if not task.one_label:
                return _positive(proba, model)
        elif hasattr(model, "decision_function"):
            scores = np.asarray(model.decision_function(X), dtype=np.float64)
            if not task.one_label:
                return expit(scores)
            scores = np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
            proba = softmax(scores, axis=1)
        else:
            predicted = model.predict(X)
            return task.one_hot(task.encode(predicted))
        return self.as_response(proba)

    def as_response(self, answers):
        """Return what the model predicts, values or probabilities, as a response."""
        if not self.task.has_labels:
            values = np.asarray(answers, dtype=np.float64)
            return values.reshape(len(values), -1)
        return self._aligned(answers)

    def embedding(self, cells):
        """Return the log-odds or values, the only embedding such a model has."""
        return self.task.scores(self.response(cells))

    def _aligned(self, proba):
        """Return columns for every class of the task, zero for unseen ones."""
        classes = np.arange(proba.shape[1]) if self.net else self.fitted.classes_
        proba = widened(proba, self.task)
        if len(classes) == self.task.n_outputs:
            return proba
        out = np.zeros((len(proba), self.task.n_outputs))
        columns = classes if self.net else self.task.encode(classes)
        out[:, columns] = proba
        return out


def widened(response, task) -> np.ndarray:
    """Return a response in float64, where probabilities of classes sum to one.

    Those that do so in 32 bits do not in 64, of which scikit-learn warns. What is
    further from it than rounding is the model's own.
    """
    response = np.asarray(response, dtype=np.float64)
    if not task.one_label:
        return response
    total = response.sum(axis=1, keepdims=True)
    error = np.abs(total - 1)
    return np.where((error > 1e-12) & (error < 1e-4), response / total, response)


def seeded_clone(model, seed: int):
    """Return a clone whose unset random states are drawn from `seed`."""
    model = clone(model)
    params = model.get_params(deep=True)
    states = {
        key: derived_seed(seed, key)
        for key in sorted(params)
        if key.split("__")[-1] == "random_state" and params[key] is None
    }
    return model.set_params(**states)


def weight_params(model, sample_weight, name) -> dict:
    """Return the fit parameters that hand `sample_weight` to a model."""
    if sample_weight is None:
        return {}
    from sklearn import get_config

    if get_config()["enable_metadata_routing"]:
        router = get_routing_for_object(model)
        if router.consumes("fit", {"sample_weight"}):
            return {"sample_weight": sample_weight}
        return {}
    if isinstance(model, Pipeline):
        last_name, last = model.steps[-1]
        nested = weight_params(last, sample_weight, name)
        return {f"{last_name}__{key}": value for key, value in nested.items()}
    if _takes_weights(model):
        return {"sample_weight": sample_weight}
    raise ValueError(
        f"Modality {name!r}: its model {type(model).__name__} takes no sample_weight, "
        "but weights were given (class_weight counts as weights). Use a model that "
        "takes them, or enable metadata routing and set its fit request."
    )


def _takes_weights(model) -> bool:
    if isinstance(model, VotingClassifier | VotingRegressor):  # hands them on
        return all(_takes_weights(member) for _, member in model.estimators)
    if isinstance(model, WrappedModel):
        return _takes_weights(model.estimator)
    return has_fit_parameter(model, "sample_weight")


def _for_task(model, problem):
    """Wrap a model that cannot predict several outputs, or quantiles."""
    task = problem.task
    if task.levels is not None:
        folds, fold = folds_of(problem, None), None
        if folds:
            fold = np.zeros(problem.n_samples, dtype=np.int8)
            for k, (_, test) in enumerate(folds):
                fold[test] = k
        return of_levels(model, task.levels, fold)
    if task.wraps_models:
        return of_intervals(model, task)
    if task.has_labels and not task.one_label:
        tags = get_tags(model).classifier_tags
        if not is_skorch_net(model) and not (tags and tags.multi_label):
            return MultiOutputClassifier(model)
    if not task.has_labels and task.n_outputs > 1 and not is_skorch_net(model):
        if not get_tags(model).target_tags.multi_output:
            return MultiOutputRegressor(model)
    return model


def _fit_labels(model, whole, X, y, **weights):
    """Fit a model a label, and the shares in all rows of labels that do not vary."""
    constant = np.ptp(y, axis=0) == 0
    varying = iter(())
    if not constant.all():
        model.fit(X, y[:, ~constant], **weights)
        varying = iter(model.estimators_)
    model.estimators_ = [
        DummyClassifier().fit(column, column, whole.sample_weight)
        if is_constant
        else next(varying)
        for column, is_constant in zip(whole.target.T, constant, strict=True)
    ]
    model.classes_ = [each.classes_ for each in model.estimators_]


def _positive(proba, model):
    """Return multilabel probabilities of shape (n_samples, n_labels)."""
    if not isinstance(proba, list):
        return np.asarray(proba, dtype=np.float64)
    columns = []
    for label, p in enumerate(proba):
        if p.shape[1] == 2:
            columns.append(p[:, 1])
        else:  # a label that was constant in training
            only = model.estimators_[label].classes_[0]
            columns.append(np.full(len(p), float(only)))
    return np.column_stack(columns)


def cells_format(model):
    """Return the function that gives cells the shape `model` expects.

    A text model gets the Series of str; a table model a frame; an image model the
    stacked float32 array where it takes arrays of three or more axes, flattened
    rows otherwise; a skorch net stacked float32 arrays.
    """
    if is_skorch_net(model):
        return _stacked
    first = first_step(model)
    tags = get_tags(first).input_tags
    no_validation = get_tags(first).no_validation
    if tags.string and not (tags.two_d_array or tags.three_d_array):
        return _texts
    if not tags.two_d_array or no_validation:
        return _as_is
    if tags.three_d_array:
        return _stacked
    return _two_d


def _as_is(cells):
    return cells


def _texts(cells):
    """Return texts as they are; refuse the first cell that is none."""
    values, labels = cells_and_labels(cells)
    decode_cells(values, decode_text, labels=labels)
    return cells


def _stacked(cells):
    if isinstance(cells, pd.DataFrame):
        return cells.to_numpy(dtype=np.float32)
    values, labels = cells_and_labels(cells)
    values = np.asarray(values)
    if values.dtype == object:
        decode = AlikeVectors(np.float32)
        values = np.stack(decode_cells(values, decode, labels=labels, remedy=""))
    return values.astype(np.float32)


def _two_d(cells):
    if isinstance(cells, pd.DataFrame):
        return cells
    if isinstance(cells, pd.Series):
        first = next(iter(cells), None)
        if first is None or np.ndim(first) == 0 or isinstance(first, str):
            return cells.to_frame()
    values = cells if isinstance(cells, np.ndarray) else cells.to_numpy()
    if values.dtype != object and values.ndim <= 2:
        return values.reshape(len(values), -1)
    return _stacked(cells).reshape(len(values), -1)
