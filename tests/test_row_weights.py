"""Weights of rows under mini-batches: a row counts the same in whatever batch."""

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from skmultimodal import (
    FusionClassifier,
    FusionRegressor,
)
from skmultimodal.fusion.joint._model import validation_split
from skmultimodal.training._accelerated import ShareOfBatches
from skmultimodal.training._net import seeded
from skmultimodal.training._tensors import BatchIterator, TensorRows, Tensors
from tests.parameters import nested

N = 1500


def linear(kind, fusion, **params):
    """An estimator that is linear in the two numbers, so that it cannot overfit."""
    encoders = [("a", StandardScaler()), ("b", StandardScaler())]
    params = nested(params, weight_decay=0.0)
    return kind(encoders, fusion, random_state=0, **params)


@pytest.fixture(scope="module")
def rare():
    """1,500 rows, 2 % positive, no signal."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, 2))
    y = np.zeros(N, dtype=int)
    y[rng.permutation(N)[:30]] = 1
    return {"a": X[:, :1], "b": X[:, 1:]}, y


@pytest.fixture
def numbers():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((200, 2))
    y = (X[:, 0] + rng.standard_normal(200) > 0).astype(int)
    return {"a": X[:, :1], "b": X[:, 1:]}, y, rng.exponential(size=200)


@pytest.mark.parametrize(
    ("fusion", "balance", "batch_size"),
    [
        ("parallel", None, 16),
        ("parallel", None, 64),
        ("parallel", None, N),
        ("parallel", "gradient_blending", 64),
        ("sequential", None, 64),
        ("feature", None, 16),
    ],
)
def test_balanced_classes_without_signal_are_even(rare, fusion, balance, batch_size):
    X, y = rare
    epochs, lr = {16: (4, 0.01), 64: (12, 0.01), N: (25, 0.02)}[batch_size]
    clf = linear(
        FusionClassifier,
        fusion,
        class_weight="balanced",
        batch_size=batch_size,
        max_epochs=epochs,
        lr=lr,
        modality_dropout=0.0,
        balance=balance,
    ).fit(X, y)
    assert clf.predict_proba(X)[:, 1].mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.slow
def test_a_class_weight_in_chunks_is_that_of_the_data(rare):
    X, y = rare
    clf = linear(
        FusionClassifier,
        "parallel",
        modality_dropout=0.0,
        class_weight={0: N / (2 * (N - 30)), 1: N / (2 * 30)},
        lr=0.01,
    )
    order = np.random.default_rng(0).permutation(N)
    order = np.concatenate([np.flatnonzero(y)[:1], order])  # a first chunk of both
    for epoch in range(12):
        for rows in np.array_split(order, 50 if epoch < 2 else 5):  # some of one class
            clf.partial_fit({k: v[rows] for k, v in X.items()}, y[rows], classes=[0, 1])
    assert clf.predict_proba(X)[:, 1].mean() == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("kind", [FusionClassifier, FusionRegressor])
@pytest.mark.parametrize("batch_size", [16, 64, 200])
def test_losses_of_the_history_are_weighted_means(numbers, kind, batch_size):
    X, y, weight = numbers
    params = {"optimizer": "sgd", "lr": 1e-12, "max_epochs": 1, "early_stopping": True}
    params |= {"modality_dropout": 0.0, "aux_weight": 0.0}
    model = linear(kind, "feature", batch_size=batch_size, **params)
    model.fit(X, y, sample_weight=weight)
    losses = {}
    problem = model._problem(X, y, weight, None)[1]
    task, parts = model.task_, validation_split(problem)
    rows = task.losses(
        model.fusion_.response(problem.cells, problem.present), problem.target
    )
    for key, part in zip(["train_loss", "valid_loss"], parts, strict=True):
        losses[key] = np.average(rows[part], weights=weight[part])
    found = model.history_.iloc[0]
    for key, expected in losses.items():
        assert found[key] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("batch_size", [16, 64, 200])
def test_only_the_ratios_of_weights_matter(numbers, batch_size):
    X, y, weight = numbers
    clf = linear(FusionClassifier, "parallel", batch_size=batch_size, optimizer="sgd")
    one, other = (clf.fit(X, y, c * weight).predict_proba(X) for c in (1.0, 1024.0))
    np.testing.assert_allclose(one, other, rtol=1e-5)


def steps_of(clf, X, y, **weights):
    """Return by how much `partial_fit` changes the parameters."""
    before = {k: v.clone() for k, v in clf.net_.module_.state_dict().items()}
    clf.partial_fit(X, y, **weights)
    after = clf.net_.module_.state_dict()
    return np.concatenate([(after[k] - before[k]).numpy().ravel() for k in before])


def test_weights_of_chunks_are_in_one_unit(numbers):
    X, y, _ = numbers
    params = {"optimizer": "sgd", "lr": 0.1, "batch_size": 200, "modality_dropout": 0.0}
    steps = []
    for weight in (None, np.full(200, 3.0)):
        clf = linear(FusionClassifier, "parallel", **params)
        clf.partial_fit(X, y)
        steps.append(steps_of(clf, X, y, sample_weight=weight))
    np.testing.assert_allclose(3 * steps[0], steps[1], rtol=1e-4, atol=1e-7)


def test_balanced_weights_of_a_chunk_are_refused(numbers):
    X, y, _ = numbers
    with pytest.raises(ValueError, match="class_weight='balanced' has no meaning"):
        FusionClassifier(fusion="parallel", class_weight="balanced").partial_fit(X, y)


@pytest.mark.parametrize("balance", [None, "ogm_ge"])
def test_what_the_history_says_of_modalities_counts_weights(numbers, balance):
    X, y, _ = numbers
    weight = np.random.default_rng(0).integers(0, 4, 200)
    params = {"batch_size": 10**4, "max_epochs": 1, "modality_dropout": 0.0}
    clf = linear(FusionClassifier, "parallel", balance=balance, **params)
    weighted = clf.fit(X, y, weight).history_.iloc[0]
    X = {name: np.repeat(cells, weight, axis=0) for name, cells in X.items()}
    repeated = clf.fit(X, np.repeat(y, weight)).history_.iloc[0]
    for key in ("train_loss", "alone_a", "alone_b"):
        assert weighted[key] == pytest.approx(repeated[key], rel=1e-5)


@pytest.mark.parametrize("world", [2, 3, 8])
def test_shares_of_processes_add_up_to_the_whole_batch(world):
    """Processes that each take a share give the mean of w * loss, batch by batch."""
    rng = np.random.default_rng(0)
    weight, row = rng.exponential(size=50), np.arange(50.0)
    data = Tensors({"m": {"x": row}}, None, row, weight, torch.float64)
    data = TensorRows(data, rng.permutation(50)[:43])  # the last batch has 3 rows

    def losses(iterator):
        for _, (target, share, n_rows) in iterator:
            yield ((target + 1) * share).sum() / n_rows  # the loss of a row: its number

    with seeded(0):
        shares = [ShareOfBatches(data, 10, True, (r, world)) for r in range(world)]
    parts = np.array([[float(v) for v in losses(share)] for share in shares])
    with seeded(0):
        whole = BatchIterator(data, 10, shuffle=True)
    whole.generator = torch.Generator().manual_seed(0)
    expected = [float(((t + 1) * w).mean()) for _, (t, w) in whole]
    np.testing.assert_allclose(parts.mean(axis=0), expected)
