"""What the HTML diagram says of modalities, fusion and head."""

import re
from functools import partial

import pytest
from sklearn.linear_model import LogisticRegression

from skmultimodal import (
    DecisionFusion,
    FeatureFusion,
    FusionClassifier,
    KernelFusion,
    ModuleEncoder,
    ParallelFusion,
    SequentialFusion,
    TabularEncoder,
    Training,
)
from skmultimodal.datasets import make_multimodal_classification
from tests.parameters import nested


@pytest.fixture(scope="module")
def rows():
    return make_multimodal_classification(60, n_modalities=2, random_state=0)


def diagram_of(rows, fusion, **params):
    clf = FusionClassifier(
        fusion=fusion, random_state=0, **nested(params, max_epochs=1)
    )
    clf.fit(*rows)
    return clf, clf._repr_html_()


def count(modules):
    return sum(p.numel() for module in modules for p in module.parameters())


def labels(html):
    """Return the labels of modalities: what a nested parameter begins with, facts."""
    found = re.findall(r"<div>(m\d): ([^<]*)</div>", html)
    return dict(found)


def test_joint_training_counts_parameters(rows):
    clf, html = diagram_of(rows, "parallel")
    module = clf.net_.module_
    for name, encoder in module.encoders.items():
        name = name.removeprefix("modality_")
        assert labels(html)[name] == (
            f"{encoder.out_features} wide, {count([encoder]):,} parameters trained, "
            f"weight {clf.fusion_weights_[name]:.2f}"
        )
        assert f"column {name}" in html
    fusion = f"fusion and head: {count([module.fusion]):,} parameters trained"
    assert f"{fusion}, 2 outputs" in html
    assert ">ParallelFusion<" in html


@pytest.mark.parametrize(
    ("fusion", "training"),
    [
        (FeatureFusion(), "staged"),
        (FeatureFusion(head=LogisticRegression()), "joint"),
        (SequentialFusion(mode="residual"), "joint"),
        (DecisionFusion(), "joint"),
    ],
)
def test_networks_trained_apart_are_counted(rows, fusion, training):
    encoders = [("m0", TabularEncoder()), ("m1", TabularEncoder())]
    _, html = diagram_of(rows, fusion, training=training, encoders=encoders)
    assert labels(html).keys() == {"m0", "m1"}
    for text in labels(html).values():
        assert re.match(r"\d+ wide, [\d,]+ parameters trained, weight \d\.\d\d", text)


def test_models_and_their_rule(rows):
    clf, html = diagram_of(rows, "decision")
    weight = clf.fusion_weights_["m0"]
    assert labels(html)["m0"] == f"2 outputs, weight {weight:.2f}"
    assert "rule LogPool, 2 outputs" in html


def test_fixed_features_are_frozen(rows):
    clf, html = diagram_of(rows, KernelFusion())
    width = len(clf.fusion_.features.scaling["m0"][0])
    assert labels(html)["m0"].startswith(f"{width} wide, frozen, weight")


def test_frozen_networks_are_said_so(rows):
    from torch import nn

    make = partial(nn.Linear, rows[0]["m0"].shape[1], 3)
    frozen = ModuleEncoder(make, out_features=3, freeze=True)
    encoders = [("m0", frozen), ("m1", TabularEncoder())]
    clf, html = diagram_of(rows, "parallel", encoders=encoders)
    encoder = clf.net_.module_.encoders["modality_m0"]
    assert labels(html)["m0"].startswith(f"3 wide, {count([encoder])} parameters fro")


def test_a_head_of_scikit_learn_is_a_step(rows):
    _, html = diagram_of(rows, FeatureFusion(head=LogisticRegression()))
    assert ">LogisticRegression<" in html


def test_tables_count_their_columns(birdstrikes_small):
    X, y = birdstrikes_small
    encoders = {"table": TabularEncoder()}
    _, html = diagram_of(
        (X[["height", "speed", "text"]], y), "parallel", encoders=encoders
    )
    assert "table: 2 columns, 64 wide" in html
    assert "columns height, speed" in html


def test_parameters_expand_and_copy_under_their_nested_name(rows):
    training = Training(aux_weight=0.25)
    _, html = diagram_of(rows, ParallelFusion(), training=training)
    assert 'data-param-prefix="m0__"' in html
    assert 'data-param-prefix="fusion__"' in html
    assert "aux_weight" in html


def test_before_the_fit():
    encoders = [("m0", TabularEncoder(out_features=7))]
    html = FusionClassifier(encoders, fusion="parallel")._repr_html_()
    for text in ("m0", "out_features", "parallel"):
        assert text in html
    assert "wide" not in html.split("</style>")[1].split("<script>")[0]
