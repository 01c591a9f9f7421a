"""The embedding of one modality from a fitted estimator."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from skmultimodal import (
    DecisionFusion,
    FeatureFusion,
    FusionClassifier,
    FusionTransformer,
    KernelFusion,
    SequentialFusion,
    TabularEncoder,
    TextEncoder,
)
from skmultimodal.training._network import module_key
from skmultimodal.training._tensors import Tensors
from tests.parameters import nested

N = 24
WORDS = ["red", "blue", "car", "boat", "sea"]


def frame():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(N, 2)), columns=["a", "b"])
    X["note"] = [" ".join(rng.choice(WORDS, 1 + i % 5)) for i in range(N)]
    X.loc[[3, 8], "note"] = None
    return X, np.arange(N) % 2


def fitted(fusion, encoders=None, estimator=FusionClassifier, **params):
    X, y = frame()
    encoders = encoders or [
        ("note", TextEncoder("word", "gru", out_features=5)),
        ("table", TabularEncoder(out_features=7)),
    ]
    model = estimator(
        encoders,
        fusion,
        columns={"table": ["a", "b"]},
        random_state=0,
        **nested(params, max_epochs=1),
    )
    return model.fit(X, y), X


@pytest.mark.parametrize(
    ("fusion", "params"),
    [
        ("parallel", {}),
        ("attention", {}),
        ("parallel", {"training": "staged"}),
        ("decision", {}),
        (SequentialFusion(mode="residual"), {}),
        (FeatureFusion(head=LogisticRegression()), {}),
    ],
)
def test_embedding_of_each_modality_with_nan_where_absent(fusion, params):
    model, X = fitted(fusion, **params)
    note, table = model.encode(X, "note"), model.encode(X, "table")
    assert note.shape == (N, 5)
    assert table.shape == (N, 7)
    assert np.flatnonzero(np.isnan(note).any(axis=1)).tolist() == [3, 8]
    assert np.isnan(note[[3, 8]]).all()
    assert np.isfinite(table).all()
    alone = model.encode(X.iloc[[5]], "note")
    np.testing.assert_allclose(alone, note[[5]], atol=1e-6)
    assert np.isnan(model.encode(X.iloc[[3]], "note")).all()


def test_it_is_what_the_encoder_gives():
    model, X = fitted("parallel", estimator=FusionTransformer)
    module = model.net_.module_.encoders[module_key("note")].eval()
    rows = np.delete(np.arange(N), [3, 8])
    prepared = model.encoders_["note"].transform(X["note"].iloc[rows])
    inputs = Tensors({"m": prepared}).batch(torch.arange(len(rows)))[0]["inputs"]["m"]
    with torch.no_grad():
        expected = module(**inputs).numpy()
    np.testing.assert_allclose(model.encode(X, "note")[rows], expected, atol=1e-6)


def test_features_of_strategies_without_a_network():
    encoders = [
        ("a", TabularEncoder()),
        ("table", TabularEncoder()),
    ]
    model, X = fitted(KernelFusion(), encoders)
    assert model.encode(X, "table").shape == (N, 2)


def test_errors_say_why():
    model, X = fitted("parallel")
    with pytest.raises(ValueError, match=r"\['note', 'table'\].*Got modality='image'"):
        model.encode(X, "image")
    with (
        pytest.warns(UserWarning, match="no column"),
        pytest.raises(ValueError, match="X has no column for modality 'note'"),
    ):
        model.encode(X[["a", "b"]], "note")
    encoders = [("note", TextEncoder()), ("table", LogisticRegression())]
    model, X = fitted(DecisionFusion(weights="uniform"), encoders)
    assert model.encode(X, "note").shape == (N, 64)
    with pytest.raises(ValueError, match=r"'table' has a complete model, Logistic"):
        model.encode(X, "table")
