"""The contract of fusion strategies, as checks."""

from __future__ import annotations

import pickle
import warnings
from functools import partial

import joblib
import numpy as np
import torch
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler
from torch import nn

from skmultimodal import FusionClassifier, FusionRegressor, TabularEncoder
from skmultimodal._network import FusionModule, FusionNetwork
from skmultimodal._tasks import Classification, Regression
from skmultimodal._training import Criterion, seeded
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.utils._checks import (
    assert_close,
    check_parameters,
    require,
    require_gradients,
)

__all__ = ["fusion_checks"]

N_ROWS = 24
WIDTHS = (5, 3, 4, 1, 7, 2, 6, 9)  # of the embeddings of up to 8 modalities
SIZES = (2, 3, 8)
LOST = (["m0"], ["m1"], ["m0", "m2"], ["m0", "m1", "m2"])


def fusion_checks(strategy):
    """Yield the checks that apply to a strategy."""
    yield check_fusion_parameters
    if hasattr(strategy, "build"):
        for n_modalities in SIZES:
            for absent in (False, True):
                case = {"n_modalities": n_modalities, "absent": absent}
                yield partial(check_output, **case)
                yield partial(check_gradients, **case)
            yield partial(check_absent_values, n_modalities=n_modalities)
        yield check_full_mask
        yield partial(check_rows_apart, absent=False)
        yield partial(check_rows_apart, absent=True)
        yield check_build
    yield partial(check_fit_predict, estimator=FusionClassifier)
    yield partial(check_fit_predict, estimator=FusionRegressor)
    yield check_subsets
    if not getattr(strategy, "ordered", False):
        yield check_order


def check_fusion_parameters(strategy):
    """Parameters round-trip, nest in an estimator and include the weights."""
    check_parameters(strategy)
    params = strategy.get_params()
    needed = ["weights", *["modality_dropout"] * hasattr(strategy, "build")]
    for name in needed:
        require(name in params, strategy, f"a strategy has a parameter {name!r}.")
    clf = clone(FusionClassifier(fusion=strategy))
    clf.set_params(fusion__weights="uniform")
    require(
        clone(clf).get_params()["fusion__weights"] == "uniform",
        strategy,
        "fusion__weights='uniform' is lost by set_params or clone.",
    )


class _Vector(nn.Module):
    """An encoder whose embedding is its input."""

    def __init__(self, out_features):
        super().__init__()
        self.out_features = out_features

    def forward(self, values):
        return values


class _Steps(nn.Module):
    """An encoder of sequences, whose tokens are their steps."""

    def __init__(self, out_features):
        super().__init__()
        self.out_features = out_features

    def forward(self, values, lengths):
        tokens, mask = self.tokens(values, lengths)
        return (tokens * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True).clamp(1)

    def tokens(self, values, lengths):
        return values, torch.arange(values.shape[1]) < lengths[:, None]


def _task(strategy):
    """Return a task that the strategy is defined for, and a target."""
    classes = torch.arange(N_ROWS) % 3
    task = Classification(np.arange(3))
    if _refuses(strategy, task):
        values = np.linspace(-1, 1, N_ROWS)
        task = Regression(values)
        return task, torch.as_tensor(task.encode(values), dtype=torch.float32)
    return task, classes


def _refuses(strategy, task):
    """Whether `check_task` says that the strategy is not defined for the task."""
    try:
        getattr(strategy, "check_task", lambda task: None)(task)
    except ValueError as error:
        name = type(strategy).__name__
        require(name in str(error), strategy, f"check_task must name {name}.")
        return True
    return False


def _network(strategy, n_modalities, seed=0):
    encoders = {
        f"m{m}": partial(_Steps if m % 2 else _Vector, WIDTHS[m])
        for m in range(n_modalities)
    }
    task, _ = _task(strategy)
    with seeded(seed):
        return FusionNetwork(encoders, partial(strategy.build_for, task))


def _inputs(n_modalities):
    generator = torch.Generator().manual_seed(1)
    inputs, lengths = {}, _lengths(n_modalities)
    for m in range(n_modalities):
        shape = (N_ROWS, 4, WIDTHS[m]) if m % 2 else (N_ROWS, WIDTHS[m])
        inputs[f"m{m}"] = {"values": torch.randn(shape, generator=generator)}
        if m % 2:
            inputs[f"m{m}"]["lengths"] = lengths[:, m]
    return inputs


def _lengths(n_modalities):
    """Return the length of each row, 0 to 4 steps; a vector counts as one."""
    rows, modalities = torch.arange(N_ROWS)[:, None], torch.arange(n_modalities)
    return torch.where(modalities % 2 == 1, (rows + modalities) % 5, 1)


def _presence(n_modalities, absent=True):
    """Return presence in which every modality is absent from some row, none lost."""
    if not absent:
        return None
    rows = torch.arange(N_ROWS)[:, None]
    present = (rows + torch.arange(n_modalities)) % 3 != 0
    present[:, 0] |= ~present.any(1)
    present[-1] = False
    present[-1, -1] = True  # and one row has a single modality
    return present


def check_output(strategy, n_modalities, absent):
    """The output has the right shapes and is finite; weights are shares."""
    net, present = _network(strategy, n_modalities).eval(), _presence(n_modalities)
    present = present if absent else None
    module, (task, _) = net.fusion, _task(strategy)
    require(
        isinstance(module, FusionModule),
        strategy,
        f"build must return a FusionModule. Got {type(module).__name__}.",
    )
    output = net(_inputs(n_modalities), present)
    shapes = {
        "scores": (N_ROWS, task.n_outputs),
        "embedding": (N_ROWS, output.embedding.shape[-1]),
        "branch_scores": (N_ROWS, n_modalities, task.n_outputs),
        "weights": (N_ROWS, n_modalities),
    }
    for field, shape in shapes.items():
        value = getattr(output, field)
        if value is None and field in ("branch_scores", "weights"):
            continue
        where = f"{field!r} of forward, {n_modalities} modalities,"
        got = tuple(value.shape)
        require(got == shape, strategy, f"{where} must have shape {shape}. Got {got}.")
        require(torch.isfinite(value).all(), strategy, f"{where} is not finite.")
    if output.weights is not None:
        sums, lengths = output.weights.sum(1), _lengths(n_modalities)
        whole = (lengths > 0).all(1)  # a row of empty sequences may have no weights
        assert_close(sums[whole], torch.ones(sum(whole)), strategy, "weights sum to 1")
        off = output.weights if present is None else output.weights[~present]
        require((output.weights >= 0).all(), strategy, "weights must not be negative.")
        require(
            present is None or (off == 0).all(),
            strategy,
            "the weight of an absent modality must be zero.",
        )
    if module.additive:
        total = (output.weights[:, :, None] * output.branch_scores).sum(1)
        assert_close(total, output.scores, strategy, "additive, but the sum differs")


def check_gradients(strategy, n_modalities, absent):
    """Every parameter gets a finite gradient from the loss.

    A parameter that stands for absent modalities has "absent" in its name.
    """
    net, (task, target) = _network(strategy, n_modalities).train(), _task(strategy)
    with seeded(0):
        output = net(_inputs(n_modalities), _presence(n_modalities, absent))
    losses = net.loss(output, target, Criterion(task))
    require(
        losses.shape == (N_ROWS,),
        strategy,
        f"loss must return one value a row, ({N_ROWS},). Got {tuple(losses.shape)}.",
    )
    require(torch.isfinite(losses).all(), strategy, "the loss is not finite.")
    losses.sum().backward()
    unused = [] if absent else ["absent"]
    require_gradients(net, strategy, unused)


def check_absent_values(strategy, n_modalities):
    """What stands in the place of an absent modality does not matter."""
    net, present = _network(strategy, n_modalities).eval(), _presence(n_modalities)
    scores = []
    for filler in (0.0, 1e3, float("nan")):
        inputs = _inputs(n_modalities)
        for m, block in enumerate(inputs.values()):
            block["values"][~present[:, m]] = filler
        scores.append(net(inputs, present).scores)
    message = "scores depend on the values of absent modalities"
    for other in scores[1:]:
        assert_close(other, scores[0], strategy, message, rtol=0, atol=0)


def check_full_mask(strategy):
    """A mask of all present equals no mask."""
    net, full = _network(strategy, 3).eval(), torch.ones(N_ROWS, 3, dtype=bool)
    with_mask, without = net(_inputs(3), full), net(_inputs(3), None)
    message = "scores differ between present=None and a mask that is all True"
    assert_close(with_mask.scores, without.scores, strategy, message)


def check_rows_apart(strategy, absent):
    """At predict a row does not depend on the other rows of its batch."""
    net, present = _network(strategy, 3).eval(), _presence(3, absent)
    together, rows = net(_inputs(3), present).scores, torch.tensor([23, 4, 9])
    few = {
        name: {key: value[rows] for key, value in block.items()}
        for name, block in _inputs(3).items()
    }
    alone = net(few, None if present is None else present[rows]).scores
    message = "in eval mode the scores of a row depend on its batch"
    assert_close(alone, together[rows], strategy, message)


def check_build(strategy):
    """Build is repeatable, leaves the specification alone and gives what pickles."""
    strategy = clone(strategy)
    before = joblib.hash(vars(strategy))
    first, second = _network(strategy, 3).eval(), _network(strategy, 3).eval()
    require(
        joblib.hash(vars(strategy)) == before,
        strategy,
        "build changed the specification. Keep what it makes in the module.",
    )
    shared = {id(p) for p in first.parameters()} & {id(p) for p in second.parameters()}
    require(not shared, strategy, "two builds share parameters.")
    scores = first(_inputs(3)).scores
    message = "two builds from the same torch seed differ"
    assert_close(second(_inputs(3)).scores, scores, strategy, message)
    again = pickle.loads(pickle.dumps(first))
    message = "the module differs after pickle"
    assert_close(again(_inputs(3)).scores, scores, strategy, message)


def _unfitted(estimator, strategy, names):
    encoder = TabularEncoder((8,), 8)
    if getattr(strategy, "takes_features", False):
        encoder = StandardScaler()
    pairs = [(name, encoder) for name in names]
    return estimator(pairs, clone(strategy), max_epochs=2, random_state=0)


def check_fit_predict(strategy, estimator):
    """An estimator fits it, or it says that it is not defined for the task."""
    is_regressor = estimator is FusionRegressor
    make = (
        make_multimodal_regression if is_regressor else make_multimodal_classification
    )
    X, y = make(90, missing_rate=0.1, random_state=0)
    model = _unfitted(estimator, strategy, X)
    if _refuses(strategy, (Regression if is_regressor else Classification)(y)):
        return
    before, state = joblib.hash(model.fusion), torch.random.get_rng_state()
    numpy_state = joblib.hash(np.random.get_state(legacy=True))  # noqa: NPY002
    model.fit(X, y)
    require(
        joblib.hash(model.fusion) == before, strategy, "fit changed the specification."
    )
    require(
        torch.equal(torch.random.get_rng_state(), state)
        and joblib.hash(np.random.get_state(legacy=True)) == numpy_state,  # noqa: NPY002
        strategy,
        "fit drew from the global random state.",
    )
    response = model.predict(X) if is_regressor else model.predict_proba(X)
    require(len(response) == 90, strategy, "predict must return one row a sample.")
    require(np.isfinite(response).all(), strategy, "predictions are not finite.")
    if not is_regressor:
        ones, message = np.ones(90), "probabilities must sum to 1"
        assert_close(response.sum(1, dtype=float), ones, strategy, message)
    again = pickle.loads(pickle.dumps(model))
    response = model.predict(X)
    require(
        np.array_equal(again.predict(X), response),
        strategy,
        "the fitted estimator predicts differently after pickle.",
    )


def check_subsets(strategy):
    """Any subset of the modalities predicts; without any, the answer is the prior."""
    X, y = make_multimodal_classification(90, random_state=0)
    if _refuses(strategy, Classification(y)):
        return
    clf = _unfitted(FusionClassifier, strategy, X).fit(X, y)
    full = clf.predict_proba(X)
    for lost in LOST:
        part = {
            name: np.full_like(X[name], np.nan) if name in lost else X[name]
            for name in X
        }
        with warnings.catch_warnings():  # no training row was like these: meant so
            warnings.filterwarnings("ignore", message="X has rows whose present")
            proba = clf.predict_proba(part)
        require(
            np.isfinite(proba).all(), strategy, f"probabilities without {lost}: NaN."
        )
        matters = sum(clf.fusion_weights_[name] for name in lost) > 0
        require(
            not matters or np.abs(proba - full).max() > 0,
            strategy,
            f"nothing changes without {lost}, although their weight is not zero.",
        )
    prior = np.tile(np.bincount(y) / len(y), (90, 1))
    message = "with nothing observed the prediction must be the prior"
    assert_close(proba.astype(float), prior, strategy, message)


def check_order(strategy):
    """The order in which modalities are listed permutes weights and changes no more."""
    X, y = make_multimodal_classification(90, missing_rate=0.1, random_state=0)
    if _refuses(strategy, Classification(y)):
        return
    models = [
        _unfitted(FusionClassifier, strategy, names).fit(X, y)
        for names in (list(X), list(X)[::-1])
    ]
    proba = [model.predict_proba(X) for model in models]
    message = (
        "the order of modalities changes the prediction. Set the class attribute "
        "'ordered' to True if it has a meaning"
    )
    assert_close(proba[1], proba[0], strategy, message)
    weights = [[m.fusion_weights_[name] for name in X] for m in models]
    message = "the order of modalities changes their weights"
    assert_close(weights[1], weights[0], strategy, message)
