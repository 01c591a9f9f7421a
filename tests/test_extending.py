"""The classes that the user guide adds keep the contract and work."""

import sys
from importlib import util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import FunctionTransformer

from skmultimodal import (
    DecisionFusion,
    FusionClassifier,
    FusionRegressor,
    ImageEncoder,
    MultimodalData,
    TabularEncoder,
    TextEncoder,
    Training,
)
from skmultimodal.datasets import load_emoji, make_multimodal_xor
from skmultimodal.fusion import FusionModule
from skmultimodal.training._settings import JointTraining
from skmultimodal.utils._module_checks import check_precision
from skmultimodal.utils.estimator_checks import (
    parametrize_with_encoder_checks,
    parametrize_with_fusion_checks,
)

CODE = Path(__file__).parents[1] / "docs" / "user_guide" / "code"


def module(name):
    """Import a file of the page, such that what it defines pickles."""
    spec = util.spec_from_file_location(name, CODE / f"{name}.py")
    sys.modules[name] = loaded = util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


PairwiseFusion = module("my_strategy").PairwiseFusion
LetterEncoder = module("my_encoder").LetterEncoder
GraphEncoder = module("my_graph_encoder").GraphEncoder
MostCertain = module("my_rule").MostCertain
NeighboursFusion = module("my_neighbours").NeighboursFusion


def texts():
    return load_emoji(return_X_y=True)[0]["text"][:40]


def graphs():
    """Return graphs whose edges join two values of one sign, or of two, and which."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 240)
    cells = []
    for label in y:
        nodes = rng.choice([-1.0, 1.0], (rng.integers(4, 9), 1))
        pairs = np.array([(i, j) for i in range(len(nodes)) for j in range(i)])
        joined = (nodes[pairs, 0].prod(axis=1) > 0) == label
        cells.append((nodes, pairs[joined][: rng.integers(1, 12)]))
    return pd.Series(cells), y


@parametrize_with_fusion_checks([PairwiseFusion(), NeighboursFusion()])
def test_strategy(strategy, check):
    check(strategy)


@parametrize_with_encoder_checks(
    [(LetterEncoder(), texts), (GraphEncoder(), lambda: graphs()[0][:40])]
)
def test_encoder(encoder, check):
    check(encoder)


@pytest.mark.parametrize(
    "path", sorted(CODE.glob("my_*.py")), ids=lambda path: path.stem
)
def test_the_code_is_short(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert sum(line != "" for line in lines) < 60


def test_grid_search_by_object(emoji_small):
    X, y = emoji_small
    encoders = [("image", ImageEncoder((8, 16), 16)), ("text", TextEncoder())]
    grid = {
        "fusion": [PairwiseFusion(), PairwiseFusion({"image": 1.0, "text": 2.0})],
        "text": [LetterEncoder(), TextEncoder()],
    }
    clf = FusionClassifier(encoders, random_state=0, training=Training(max_epochs=3))
    search = GridSearchCV(clf, grid, cv=2, error_score="raise").fit(X, y)
    assert search.predict_proba(X).shape == (200, 8)
    assert isinstance(search.best_params_["fusion"], PairwiseFusion)


def test_given_weights_are_the_fitted_ones(emoji_small):
    X, y = emoji_small
    encoders = [("image", ImageEncoder((8, 16), 16)), ("text", LetterEncoder())]
    fusion = PairwiseFusion({"image": 1.0, "text": 3.0})
    clf = FusionClassifier(
        encoders, fusion, random_state=0, training=Training(max_epochs=1)
    ).fit(X, y)
    assert clf.fusion_weights_ == pytest.approx({"image": 0.25, "text": 0.75})


def test_products_solve_xor():
    X, y = make_multimodal_xor(1200, n_features=(8, 8), random_state=0)
    encoders = [(name, TabularEncoder()) for name in X]
    clf = FusionClassifier(encoders, PairwiseFusion(), random_state=0)
    assert clf.fit(X[:800], y[:800]).score(X[800:], y[800:]) > 0.9


def test_encoder_learns_from_edges():
    cells, y = graphs()
    X = {"graph": cells, "noise": np.random.default_rng(1).normal(size=(240, 1))}
    encoders = [("graph", GraphEncoder()), ("noise", TabularEncoder(out_features=2))]
    training = Training(lr=0.05, max_epochs=10)
    clf = FusionClassifier(encoders, "parallel", training=training, random_state=0)
    train, test = np.arange(180), np.arange(180, 240)
    X = MultimodalData(X)
    assert clf.fit(X[train], y[train]).score(X[test], y[test]) > 0.9


def test_neighbours_by_hand():
    """Distances 0 and 4 of the first row; the second has only what one row has."""
    X = {"a": np.array([[0.0], [2.0]]), "b": np.array([[0.0], [np.nan]])}
    encoders = [(name, FunctionTransformer()) for name in X]
    fusion = NeighboursFusion(width=4.0)
    clf = FusionClassifier(encoders, fusion).fit(X, [0, 1])
    rows = {"a": np.array([[0.0], [np.nan]]), "b": np.array([[0.0], [5.0]])}
    near, far = 1.0, 0.5 * np.exp(-1)
    expected = [[near / (near + far), far / (near + far)], [1, 0]]
    with pytest.warns(UserWarning, match="No training row"):
        proba = clf.predict_proba(rows)
    np.testing.assert_allclose(proba, expected, atol=1e-8)


def test_neighbours_with_inferred_encoders_and_values(emoji_small):
    X, y = emoji_small
    clf = FusionClassifier(fusion=NeighboursFusion(0.2)).fit(X, y)
    assert clf.score(X, y) > 0.9
    assert clf.fusion_weights_ == {"image": 0.5, "text": 0.5}
    weight = np.where(y == y[0], 1.0, 1e-9)
    only = FusionRegressor(fusion=NeighboursFusion())
    only.fit(X, 2.0 * (y == y[0]), sample_weight=weight)
    np.testing.assert_allclose(only.predict(X), 2.0, atol=1e-3)


class Steps(PairwiseFusion):
    """Rounds its scores, so that they jump."""

    def build(self, in_features, n_outputs):
        module = super().build(in_features, n_outputs)
        return _Rounded(in_features, module)


class _Rounded(FusionModule):
    def __init__(self, in_features, inner):
        super().__init__(in_features)
        self.inner = inner

    def forward(self, embeddings, present=None):
        output = self.inner(embeddings, present)
        return output._replace(scores=(1e9 * output.scores) % 7)


def test_scores_that_jump_are_declared():
    with pytest.raises(AssertionError, match="set the class attribute 'smooth'"):
        check_precision(Steps(), JointTraining())
    declared = type("Declared", (Steps,), {"smooth": False})
    check_precision(declared(), JointTraining())


def test_rule_follows_the_most_certain_modality():
    proba = np.array([[[0.2, 0.8], [0.5, 0.5]], [[0.9, 0.1], [0.4, 0.6]]])
    rule = MostCertain().fit(proba, np.array([0, 1]), prior=np.array([0.5, 0.5]))
    np.testing.assert_allclose(rule.combine(proba), [[0.9, 0.1], [0.4, 0.6]])


def test_rule_in_decision_fusion(emoji_small):
    X, y = emoji_small
    clf = FusionClassifier(fusion=DecisionFusion(rule=MostCertain(), cv=2))
    proba = clf.fit(X, y).predict_proba(X[:20])
    parts = clf.predict_proba_per_modality(X[:20])
    sure = np.maximum(parts["image"].max(axis=1), parts["text"].max(axis=1))
    np.testing.assert_allclose(proba.max(axis=1), sure, rtol=1e-6)
