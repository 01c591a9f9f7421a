"""The exported graph, run by onnxruntime, gives our own predictions."""

import builtins

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from skmultimodal import (
    AttentionFusion,
    BottleneckFusion,
    CrossAttentionFusion,
    DecisionFusion,
    FusionClassifier,
    FusionRegressor,
    FusionSurvival,
    FusionTransformer,
    MultimodalData,
    ParallelFusion,
    SequenceEncoder,
    TabularEncoder,
    TextEncoder,
)
from skmultimodal.datasets import (
    drop_modalities,
    load_emoji,
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.training._network import FusionModule, FusionOutput
from tests.parameters import nested

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package)
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:X has rows whose present modalities"),
]
SHORT = {"max_epochs": 1, "random_state": 0}
slow, long = pytest.mark.slow, pytest.mark.long
EXPORTED = [
    "parallel",
    pytest.param("sequential", marks=slow),
    pytest.param("feature", marks=slow),
    *(
        pytest.param(name, marks=slow)
        for name in (
            "gated",
            "low_rank",
            "film",
            "attention",
            "embrace",
            "mixture_of_experts",
            "product_of_experts",
            "evidential",
        )
    ),
    pytest.param("cross_attention", marks=long),
    pytest.param("bottleneck", marks=long),
]


def run(estimator, path, X):
    from onnxruntime import InferenceSession

    session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, estimator.onnx_inputs(X)), strict=True))


def agrees(estimator, path, X, method="predict_proba"):
    found, expected = run(estimator, path, X), getattr(estimator, method)(X)
    response = found["response"].reshape(expected.shape)
    np.testing.assert_allclose(response, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        found["fused_embedding"], estimator.transform(X), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("fusion", EXPORTED)
def test_strategies_over_pictures_and_texts(fusion, tmp_path):
    X, y = load_emoji(return_X_y=True)
    X, y = X.iloc[::25].reset_index(drop=True), np.asarray(y)[::25]
    clf = FusionClassifier(fusion=fusion, **nested(SHORT)).fit(X, y)
    path = tmp_path / "model.onnx"
    clf.to_onnx(path, X[:5])
    holes = drop_modalities(X, 0.4, random_state=0)
    nothing = X[:3].assign(image=None, text=None)  # the prior
    for rows in (X, holes, X[:1], holes[7:13], nothing):
        agrees(clf, path, rows)


@pytest.mark.parametrize(
    ("params", "fusion"),
    [
        pytest.param({"cell": "conv"}, "parallel", marks=slow),
        pytest.param({"cell": "mean"}, "parallel", marks=slow),
        pytest.param({"cell": "conv"}, AttentionFusion(tokens="sequence"), marks=long),
        pytest.param({"cell": "mean"}, CrossAttentionFusion(), marks=slow),
        pytest.param({"cell": "conv"}, BottleneckFusion(), marks=long),
    ],
    ids=str,
)
def test_sequences_of_any_length(params, fusion, tmp_path):
    rng = np.random.default_rng(0)
    n = 24
    series = [rng.normal(size=(rng.integers(2, 9), 2)) for _ in range(n)]
    words = [" ".join(rng.choice(list("abcdef"), rng.integers(1, 7))) for _ in range(n)]
    X = pd.DataFrame({"series": pd.Series(series), "text": words})
    encoders = [("series", SequenceEncoder(**params)), ("text", TextEncoder(**params))]
    clf = FusionClassifier(encoders, fusion, **nested(SHORT)).fit(X, np.arange(n) % 2)
    path = tmp_path / "model.onnx"
    clf.to_onnx(path, X[:6])
    for rows in (X, X[:1], X[5:9]):
        agrees(clf, path, rows)
    inputs = clf.onnx_inputs(X)
    assert inputs["series.lengths"].tolist() == [len(row) for row in series]
    assert inputs["present"].shape == (n, 2)


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["gru", pytest.param("lstm", marks=slow)])
def test_recurrent_cells_read_a_fixed_number_of_steps(cell, tmp_path, capfd):
    rng = np.random.default_rng(0)
    series = [rng.normal(size=(length, 2)) for length in rng.integers(2, 9, 24)]
    rest = rng.normal(size=(24, 3))
    X = MultimodalData({"series": series, "rest": rest})
    encoders = [("series", SequenceEncoder(cell)), ("rest", TabularEncoder())]
    clf = FusionClassifier(encoders, "feature", **nested(SHORT)).fit(
        X, np.arange(24) % 2
    )
    path = tmp_path / "model.onnx"
    clf.to_onnx(path, X)
    assert "torchvision" not in capfd.readouterr().err
    longest = max(map(len, series))
    short = [i for i, row in enumerate(series) if len(row) < longest]
    session = pytest.importorskip("onnxruntime").InferenceSession(path)
    for rows in (X, X[short], X[:1]):
        inputs = clf.onnx_inputs(rows, n_steps={"series": longest})
        found = session.run(["response"], inputs)[0]
        np.testing.assert_allclose(found, clf.predict_proba(rows), atol=1e-5)
    with pytest.raises(ValueError, match=f"a row has {longest} steps, and n_steps"):
        clf.onnx_inputs(X, n_steps={"series": longest - 1})
    with pytest.raises(ValueError, match=r"'n_steps' is for sequences\. Got 'rest'"):
        clf.onnx_inputs(X, n_steps={"rest": 3})


@pytest.mark.slow
def test_regression_and_float64(tmp_path):
    X, y = make_multimodal_regression(n_samples=30, random_state=0)
    path = tmp_path / "model.onnx"
    reg = FusionRegressor(fusion="parallel", **nested(SHORT)).fit(X, y)
    reg.to_onnx(path, X)
    agrees(reg, path, X[:7], "predict")
    rows, labels = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 2
    clf = FusionClassifier(**nested(SHORT)).fit(rows, labels)
    clf.to_onnx(path, rows)
    found = run(clf, path, rows)["response"]
    np.testing.assert_allclose(found, clf.predict_proba(rows), rtol=1e-12)


@pytest.mark.slow
def test_quantiles_grades_and_hazards(tmp_path):
    X, y = make_multimodal_regression(n_samples=60, random_state=0)
    X, path = drop_modalities(X, 0.2, random_state=0), tmp_path / "model.onnx"
    short = nested({"fusion": "parallel", **SHORT})
    levels = FusionRegressor(loss="quantile", quantiles=[0.1, 0.5, 0.9], **short)
    levels.fit(X, y).to_onnx(path, X)
    agrees(levels, path, X, "predict")
    grades = FusionClassifier(ordinal=True, **short)
    grades.fit(X, np.digitize(y, np.quantile(y, [0.3, 0.6]))).to_onnx(path, X)
    agrees(grades, path, X)
    times = np.array(
        [(value > 0, value - y.min() + 1) for value in y],
        dtype=[("event", bool), ("time", float)],
    )
    survival = FusionSurvival(**short).fit(X, times)
    survival.to_onnx(path, X)
    later = np.cumprod(1 - run(survival, path, X)["response"], axis=1)
    expected = survival.predict_survival_function(X)
    np.testing.assert_allclose(later, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_imputed_embeddings(tmp_path):
    X, y = make_multimodal_classification(n_samples=40, random_state=0)
    holes = drop_modalities(X, 0.5, random_state=0)
    clf = FusionClassifier(fusion="feature", missing="impute", **nested(SHORT)).fit(
        X, y
    )
    assert clf.net_.module_.imputer is not None
    path = tmp_path / "model.onnx"
    clf.to_onnx(path, X)
    agrees(clf, path, holes)
    agrees(clf, path, X)


def test_too_many_patterns_of_absence_are_refused(tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 7))
    X = {f"m{i}": X[:, [i]] for i in range(7)}
    clf = FusionClassifier(fusion="parallel", missing="impute", **nested(SHORT))
    clf.fit(X, np.arange(20) % 2)
    with pytest.raises(ValueError, match=r"at most 6 modalities: .* Got 7\. Use miss"):
        clf.to_onnx(tmp_path / "model.onnx", X)


class _Branching(FusionModule):
    def __init__(self, in_features, n_outputs):
        super().__init__(in_features)
        self.head = nn.Linear(sum(in_features.values()), n_outputs)

    def forward(self, embeddings, present=None):
        joined = torch.cat(list(embeddings.values()), 1)
        if joined.sum() > 0:  # which depends on the rows
            joined = -joined
        return FusionOutput(self.head(joined), joined, None, None)


class Branching(ParallelFusion):
    def build(self, in_features, n_outputs):
        return _Branching(in_features, n_outputs)


@pytest.mark.slow
def test_multilabel_and_trimmed(tmp_path):
    X, y = make_multimodal_classification(n_samples=30, random_state=0)
    path = tmp_path / "model.onnx"
    clf = FusionClassifier(fusion="feature", **nested(SHORT))
    clf.fit(X, np.column_stack([y, 1 - y])).trim()
    assert clf.to_onnx(path, X) is not None
    agrees(clf, path, X)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"fusion": DecisionFusion()}, "DecisionFusion, whose parts are fitted apart"),
        ({"fusion": "parallel", "training": "staged"}, "parts are fitted apart"),
        ({"fusion": "kernel"}, "trained as one network"),
        (
            {"fusion": Branching(), "aux_weight": 0.0},
            "Branching over .* finds no graph",
        ),
    ],
    ids=str,
)
def test_what_has_no_graph_is_refused(params, match, tmp_path):
    X, y = make_multimodal_classification(n_samples=30, random_state=0)
    clf = FusionClassifier(**nested(params, **SHORT)).fit(X, y)
    with pytest.raises(ValueError, match=match):
        clf.to_onnx(tmp_path / "model.onnx", X)
    assert not list(tmp_path.iterdir())


def test_one_row_and_a_missing_package_are_refused(monkeypatch):
    X, y = make_multimodal_classification(n_samples=30, random_state=0)
    emb = FusionTransformer(**nested(SHORT)).fit(X, y)
    with pytest.raises(ValueError, match="two rows of X or more"):
        emb.to_onnx(None, X[:1])
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] in ("onnxscript", "safetensors"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install skmultimodal\[onnx\]"):
        emb.to_onnx(None, X)
    with pytest.raises(ImportError, match=r"pip install skmultimodal\[save\]"):
        emb.save("never")
