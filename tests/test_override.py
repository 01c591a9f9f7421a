"""One modality overridden, the rest automatic."""

import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import nn

from skmultimodal import (
    DecisionFusion,
    FusionClassifier,
    ModuleEncoder,
    MultimodalData,
    Training,
)
from skmultimodal.data import stack_images
from skmultimodal.inspection import modality_importance
from skmultimodal.model_selection import compare_fusion

TEXT = make_pipeline(TfidfVectorizer(), LogisticRegression())


@pytest.fixture(scope="module")
def rows(emoji_small):
    X, y = emoji_small
    X, keep = X[:40].reset_index(drop=True), y[:4]
    X = X.assign(size=np.linspace(0, 1, 40), vendor=list("ab") * 20)
    return X, y[:40].isin(keep).to_numpy()


def fit(encoders, X, y, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        params = {"fusion": DecisionFusion(weights="uniform"), **params}
        return FusionClassifier(encoders, random_state=0, **params).fit(X, y)


def test_a_dict_overrides_and_the_rest_stays_automatic(rows):
    X, y = rows
    clf = fit({"text": TEXT}, X, y)
    assert clf.modalities_ == ["text", "image", "table"]
    assert clf.columns_["table"] == ["size", "vendor"]
    assert "tfidfvectorizer" in clf.encoders_["text"].named_steps
    auto = fit("auto", X, y)
    assert auto.encoders_["image"].named_steps.keys() == (
        clf.encoders_["image"].named_steps.keys()
    )
    same = fit({"text": "auto"}, MultimodalData({c: X[c].to_numpy() for c in X}), y)
    assert sorted(same.modalities_) == sorted(auto.modalities_)
    np.testing.assert_allclose(fit({"text": "text"}, X, y).predict_proba(X).sum(1), 1)


def test_a_column_of_the_table_leaves_it(rows):
    X, y = rows
    clf = fit({"size": LogisticRegression(), "text": "drop", "image": "drop"}, X, y)
    assert clf.columns_ == {"size": "size", "table": ["vendor"]}
    clf = fit({"table": "drop", "image": "drop"}, X, y)
    assert clf.columns_ == {"text": "text"}
    both = {"numbers": LogisticRegression()}
    clf = fit(both, X[["size", "text"]], y, columns={"numbers": ["size"]})
    assert clf.columns_ == {"numbers": ["size"], "text": "text"}


def test_a_kind_takes_the_place_of_the_one_inferred(rows):
    X, y = rows
    clf = fit({"text": "table"}, X[["text", "size"]], y)
    assert clf.columns_ == {"text": "text", "table": ["size"]}
    assert "tablefeatures" in clf.encoders_["text"].named_steps


def test_nested_parameters_and_clones(rows):
    X, y = rows
    clf = FusionClassifier({"text": TEXT})
    clf.set_params(text__logisticregression__C=3.0)
    assert clf.encoders["text"].named_steps["logisticregression"].C == 3.0
    assert isinstance(clone(clf).set_params(text="drop").encoders, dict)
    fitted = fit(
        clone(clf).set_params(text="drop").encoders, X.drop(columns="image"), y
    )
    assert fitted.modalities_ == ["table"]


def test_a_list_may_ask_for_the_automatic_encoder(rows):
    X, y = rows
    uniform = DecisionFusion(weights="uniform")
    clf = FusionClassifier([("text", TEXT), ("table", "auto")], uniform)
    with pytest.warns(UserWarning, match=r"leaves out columns of X: \['image'\]"):
        clf.fit(X, y)
    assert clf.columns_ == {"text": "text", "table": ["size", "vendor"]}


def test_comparison_and_importance_take_overrides(rows):
    X, y = rows
    X = X.drop(columns="image")
    clf = FusionClassifier({"text": TEXT}, DecisionFusion(weights="uniform"))
    result = compare_fusion(
        clf, X, y, strategies="decision", baseline=False, cv=2, refit=False
    )
    assert list(result.table_["name"]) == ["text", "table", "decision"]
    found = modality_importance(clf.fit(X, y), X, y, removal="refit", cv=2)
    assert list(found.importances_.index) == ["text", "table"]


@pytest.mark.parametrize(
    ("encoders", "error", "match"),
    [
        ({"txet": "auto"}, ValueError, "neither a column .* Did you mean 'text'"),
        ({"text": "pictures"}, ValueError, "'text': expected 'auto', 'drop', a kind"),
        (dict.fromkeys(["text", "image", "table"], "drop"), ValueError, "Every en"),
        ({"image": nn.Flatten}, TypeError, r"ModuleEncoder\(Flatten\)"),
        ({"image": nn.Flatten()}, TypeError, "each fit starts afresh: ModuleEncoder"),
        ({"image": ModuleEncoder}, TypeError, r"Give an instance: ModuleEncoder\(\)"),
        ([("image", np.mean)], TypeError, r"FunctionTransformer\(mean\)"),
    ],
)
def test_errors_name_what_to_do(rows, encoders, error, match):
    with pytest.raises(error, match=match):
        FusionClassifier(encoders).fit(*rows)


def test_positions_leave_the_rest_of_an_array_to_one_table():
    X = np.random.default_rng(0).normal(size=(40, 4))
    y = X[:, 0] > 0
    first = {"first": LogisticRegression()}
    clf = fit(first, X, y, columns={"first": [0]}, fusion="decision")
    assert clf.columns_ == {"first": [0], "table": [1, 2, 3]}
    assert clf.predict(pd.DataFrame(X).to_numpy()).shape == (40,)


def test_images_of_any_form_are_one_array_for_a_network(tmp_path):
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5
    Image.fromarray(pixels).save(tmp_path / "a.png")
    cells = pd.Series(["a.png", pixels / 255, Image.fromarray(pixels)], index=[5, 7, 9])
    found = stack_images(cells, size=4, root=tmp_path)
    assert found.shape == (3, 3, 4, 4)
    assert found.dtype == np.float32
    for image in found:
        np.testing.assert_allclose(image, pixels.transpose(2, 0, 1) / 255, atol=1e-6)
    assert stack_images([pixels], size=(2, 6), n_channels=1).shape == (1, 1, 2, 6)
    with pytest.raises(ValueError, match="row 7: expected an image"):
        stack_images(cells.replace({}).where(cells.index != 7, 3.0), root=tmp_path)


def test_a_network_of_ones_own_reads_images_by_it(rows):
    X, y = rows
    network = ModuleEncoder(
        partial(nn.Sequential, nn.Conv2d(3, 4, 8, 8), nn.Flatten()),
        preprocess=partial(stack_images, size=16),
    )
    clf = FusionClassifier(
        {"image": network}, "feature", Training(max_epochs=1), random_state=0
    )
    assert clf.fit(X, y).encode(X[:3], "image").shape == (3, 16)


# -- restricted to some of the modalities ---------------------------------------------


def test_restricted_drops_the_other_encoders_and_keeps_the_rest():
    encoders = [("a", LogisticRegression()), ("b", LogisticRegression()), ("c", "drop")]
    clf = FusionClassifier(encoders, DecisionFusion(rule="mean"), random_state=3)
    one = clf.restricted("b")
    specs = [spec if isinstance(spec, str) else type(spec) for _, spec in one.encoders]
    assert specs == ["drop", LogisticRegression, "drop"]
    assert (one.fusion.rule, one.random_state) == ("mean", 3)
    assert str(clf.restricted(["a", "b"])) == str(clf)
    for names in ("c", ["a", "z"], []):
        with pytest.raises(ValueError, match=r"some of the modalities \['a', 'b'\]"):
            clf.restricted(names)


def test_restricted_predicts_as_if_the_others_were_not_in_X(rows):
    X, y = rows
    clf = FusionClassifier(fusion=DecisionFusion(weights="uniform"), random_state=0)
    with pytest.raises(NotFittedError, match="finds its modalities in X"):
        clf.restricted("text")
    clf.fit(X, y)
    for names, columns in {"table": ["size", "vendor"], "text": ["text"]}.items():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            one = clf.restricted(names).fit(X, y)
        alone = clone(clf).fit(X[columns], y)
        assert one.modalities_ == alone.modalities_ == [names]
        np.testing.assert_array_equal(
            one.predict_proba(X), alone.predict_proba(X[columns])
        )


def test_comparison_takes_a_modality_that_is_dropped_and_has_a_column(rows):
    X, y = rows
    encoders = [("text", TEXT), ("size", "auto"), ("maker", "drop")]
    X = X.drop(columns="image")
    clf = FusionClassifier(encoders, "decision", columns={"maker": "vendor"})
    table = compare_fusion(clf, X, y, strategies="decision", baseline=False, cv=2)
    assert list(table.table_["name"]) == ["text", "size", "decision"]


def test_columns_alone_say_how_to_make_modalities_of_them(rows):
    X, y = rows
    columns = {"words": ["text"], "maker": "vendor"}
    with pytest.raises(ValueError, match=r"\['words', 'maker'\].* Pass enc") as caught:
        FusionClassifier(columns=columns).fit(X, y)
    asked = eval(str(caught.value).split("encoders=")[1].split(" to make")[0])
    clf = fit(asked, X, y, columns=columns)
    assert sorted(clf.modalities_) == ["image", "maker", "table", "words"]
