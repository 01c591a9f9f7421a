"""What every strategy keeps to, and what every joint strategy learns.

A new alias in `FUSIONS` is tested here without a change, but for its row in `XOR`.
"""

from importlib import import_module

import numpy as np
import pytest
from sklearn.base import clone

from skmultimodal import (
    FusionClassifier,
    FusionRegressor,
    ImageEncoder,
    TabularEncoder,
    TextEncoder,
    Training,
)
from skmultimodal.datasets import make_multimodal_regression, make_multimodal_xor
from skmultimodal.fusion._auto import FUSIONS
from skmultimodal.fusion.joint._strategy import JointFusion
from skmultimodal.training._tasks import Regression
from skmultimodal.utils.estimator_checks import (
    check_fusion,
    parametrize_with_fusion_checks,
)

# accuracy on the XOR of two modalities: additive in the scores, decisions of models
# fitted apart, linear in features or a sum of kernels about 0.5, any other
# interaction above 0.9; the cells that a mixture of one-modality experts can have
# right are three of four, unless its gate alone computes the XOR
XOR = {
    "parallel": (0.38, 0.62),
    "sequential": (0.9, 1.0),
    "feature": (0.9, 1.0),
    "decision": (0.38, 0.62),
    "gated": (0.9, 1.0),
    "low_rank": (0.9, 1.0),
    "film": (0.9, 1.0),
    "embrace": (0.9, 1.0),
    "mixture_of_experts": (0.62, 0.9),
    "product_of_experts": (0.9, 1.0),
    "evidential": (0.38, 0.62),
    "attention": (0.9, 1.0),
    "cross_attention": (0.9, 1.0),
    "bottleneck": (0.9, 1.0),
    "canonical": (0.38, 0.62),
    "cooperative": (0.38, 0.62),
    "kernel": (0.38, 0.62),
}

# parameters under which the training loss has the same terms in every epoch
STEADY = {"evidential": {"fusion__annealing_epochs": 0}}


STRATEGIES = {
    alias: getattr(import_module(f"skmultimodal.fusion.{module}"), name)
    for alias, (module, name) in FUSIONS.items()
}
JOINT = {a: cls for a, cls in STRATEGIES.items() if issubclass(cls, JointFusion)}
COSTLY = ("attention", "cross_attention", "bottleneck")


def one_by_one(aliases):
    """Return the aliases as cases, those of the slowest strategies marked."""
    return [pytest.param(alias, marks=marks_of(alias)) for alias in aliases]


def marks_of(alias):
    if alias == "bottleneck":
        return [pytest.mark.long]
    return [pytest.mark.slow] * (alias in COSTLY)


every_strategy = pytest.mark.parametrize("alias", one_by_one(JOINT))


# options that change the module
VARIANTS = [
    STRATEGIES[alias](**options)
    for alias, options in [
        ("parallel", {"weights": "gated"}),
        ("parallel", {"weights": "cv"}),
        ("sequential", {"weights": "last"}),
        ("sequential", {"mode": "residual"}),
        *[("feature", {"merge": merge}) for merge in ("sum", "mean", "max", "product")],
        ("decision", {"rule": "stacking"}),
        ("gated", {"gate": "sigmoid"}),
        ("gated", {"gate_sharing": "scalar", "head": ()}),
        ("low_rank", {"rank": 1, "weights": "uniform"}),
        ("film", {"weights": "uniform"}),
        ("embrace", {"weights": "learned"}),
        ("mixture_of_experts", {"gate_input": "scores", "gate_hidden": ()}),
        ("product_of_experts", {"weights": "learned"}),
        *[("evidential", {"rule": r}) for r in ("cumulative", "average", "weighted")],
        ("evidential", {"pseudo_view": True, "conflict_weight": 0.5}),
        ("attention", {"tokens": "sequence"}),
        ("attention", {"tokens": "sequence", "pool": "mean"}),
        ("cross_attention", {"n_layers": 2}),
        ("bottleneck", {"n_layers": 3, "weights": "uniform"}),
        ("kernel", {"weights": "uniform"}),
        ("cooperative", {"rho": 1.0, "l1_ratio": 0.0}),
    ]
]


GIVEN = {"cooperative": {"rho": 0.5}}  # what a fit otherwise looks for, at length


@parametrize_with_fusion_checks(
    [cls(**GIVEN.get(alias, {})) for alias, cls in STRATEGIES.items()]
)
def test_contract(strategy, check):
    check(strategy)


@pytest.mark.slow
@parametrize_with_fusion_checks([STRATEGIES[alias]() for alias in GIVEN])
def test_contract_where_parameters_are_looked_for(strategy, check):
    check(strategy)


@pytest.mark.long
@pytest.mark.parametrize("strategy", VARIANTS, ids=lambda s: " ".join(repr(s).split()))
def test_contract_with_other_options(strategy):
    check_fusion(strategy)


# options of the training that change the module
TRAININGS = [
    ("parallel", {"agreement_weight": 0.5, "aux_weight": 0.0}),
    ("gated", {"balance": "ogm_ge", "agreement_weight": 0.5}),
    ("embrace", {"balance": "gradient_blending"}),
    *[(alias, {"aux_weight": 0.0}) for alias in JOINT],
]


@pytest.mark.slow
@pytest.mark.parametrize(("alias", "options"), TRAININGS, ids=str)
def test_contract_under_other_trainings(alias, options):
    check_fusion(JOINT[alias](), training=Training(max_epochs=2, **options))


@every_strategy
def test_parameters_nest(alias):
    clf = FusionClassifier(fusion=alias)
    clf.set_params(fusion__weights="uniform", training__modality_dropout=0.4)
    params = clone(clf).get_params()
    assert params["fusion__weights"] == "uniform"
    assert params["training__modality_dropout"] == 0.4
    assert isinstance(params["fusion"], JOINT[alias])
    again = clone(JOINT[alias]().set_params(weights="uniform"))
    assert again.get_params()["weights"] == "uniform"


@pytest.mark.parametrize("alias", one_by_one(STRATEGIES))
def test_xor_across_modalities(alias):
    X, y = make_multimodal_xor(1000, n_features=(8, 8), random_state=0)
    encoders = [(name, TabularEncoder()) for name in X]
    late = alias in (*COSTLY, "product_of_experts")
    clf = FusionClassifier(
        encoders,
        alias,
        random_state=0,
        training=Training(max_epochs=30 if late else 20),
    )
    lowest, highest = XOR[alias]
    score = clf.fit(X[:600], y[:600]).score(X[600:], y[600:])
    assert lowest <= score <= highest


@every_strategy
def test_classification_of_pictures_and_text(alias, emoji_small):
    X, y = emoji_small
    encoders = [("image", ImageEncoder((8, 16), 16)), ("text", TextEncoder())]
    clf = FusionClassifier(
        encoders, alias, random_state=0, training=Training(max_epochs=3)
    )
    clf.set_params(**STEADY.get(alias, {}))
    proba = clf.fit(X, y).predict_proba(X)
    assert proba.shape == (200, 8)
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-4)
    losses = clf.history_["train_loss"].to_numpy()
    assert losses[-1] < losses[0]
    assert set(clf.fusion_weights_) == {"image", "text"}
    if hasattr(clf, "predict_proba_per_modality"):
        parts = clf.predict_proba_per_modality(X)
        assert {name: part.shape for name, part in parts.items()} == {
            "image": (200, 8),
            "text": (200, 8),
        }


@every_strategy
def test_regression(alias):
    X, y = make_multimodal_regression(400, random_state=0)
    encoders = [(name, TabularEncoder((8,), 8)) for name in X]
    reg = FusionRegressor(
        encoders, alias, random_state=0, training=Training(max_epochs=20, lr=5e-3)
    )
    try:
        JOINT[alias]().check_task(Regression(y))
    except ValueError:  # the strategy says that it is not defined for real values
        with pytest.raises(ValueError, match=JOINT[alias].__name__):
            reg.fit(X, y)
        return
    assert reg.fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.5
