"""Finite numbers that networks cannot count with are refused as infinity is."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.impute import SimpleImputer

from skmultimodal import (
    AudioEncoder,
    FusionClassifier,
    FusionRegressor,
    ImageEncoder,
    ModuleEncoder,
    SequenceEncoder,
    TabularEncoder,
    Training,
)

N = 60
rng = np.random.default_rng(0)
NUMBERS = rng.standard_normal((N, 3))
SERIES = rng.standard_normal((N, 9, 2))
WAVES = 0.1 * rng.standard_normal((N, 800))
IMAGES = rng.random((N, 6, 6))
LABELS = np.arange(N) % 2


class Net(torch.nn.Linear):
    def __init__(self):
        super().__init__(3, 4)


# encoder, values, index of the bad one, how it is called
CASES = {
    "table": (TabularEncoder(), NUMBERS, (7, 1), "column 'q'"),
    "bins": (TabularEncoder(numeric="piecewise"), NUMBERS, (7, 1), "column 'q'"),
    "transformer": (SimpleImputer(), NUMBERS, (7, 1), "column 1 of what SimpleImputer"),
    "module": (ModuleEncoder(Net), NUMBERS, (7, 1), "a number"),
    "series": (SequenceEncoder(out_features=4), SERIES, (7, 3, 1), "of channel 1"),
    "image": (ImageEncoder((4,), 4), IMAGES, (7, 2, 2), "pixel"),
    "sound": (AudioEncoder(sampling_rate=8000), WAVES, (7, 5), "samples in"),
}
FAR_IS_FINE = ("sound", "module")  # logarithms; no scale is known


def rows(case, number=None):
    """Return rows with a modality in question, in which one number is another."""
    _, values, index, _ = CASES[case]
    values = values.copy()
    if number is not None:
        values[index] = number
    if case == "sound":
        values = pd.Series(list(values))
    elif case in ("table", "bins", "transformer"):
        values = pd.DataFrame(values, columns=list("pqr"))
    return {"odd": values, "plain": NUMBERS[:, :2]}


def model(case, kind=FusionClassifier, fusion="feature"):
    encoders = [("odd", CASES[case][0]), ("plain", TabularEncoder(out_features=4))]
    return kind(encoders, fusion, training=Training(max_epochs=2), random_state=0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("number", [3.4e38, 1e39, -1e300, np.inf])
@pytest.mark.parametrize("case", CASES)
def test_a_huge_number_is_refused_by_name(case, number):
    what = f"Modality 'odd'.*row 7.*{CASES[case][3]}"
    if np.isinf(number):  # SimpleImputer has a message of its own
        what = "Modality 'odd'.*infini"
    fitted = model(case).fit(rows(case), LABELS)
    expected = fitted.predict_proba(rows(case))
    with pytest.raises(ValueError, match=what):
        fitted.predict_proba(rows(case, number))
    with pytest.raises(ValueError, match=what):
        fitted.fit(rows(case, number), LABELS)
    np.testing.assert_array_equal(fitted.predict_proba(rows(case)), expected)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("number", [1e20, 1e30])
@pytest.mark.parametrize("case", CASES)
def test_a_number_far_from_those_of_fit(case, number):
    fitted = model(case).fit(rows(case), LABELS)
    if case in FAR_IS_FINE:
        assert np.isfinite(fitted.predict_proba(rows(case, min(number, 1e20)))).all()
        return
    what = f"Modality 'odd'.*row 7.*{CASES[case][3]}.*1e.12 standard deviations"
    with pytest.raises(ValueError, match=what):
        fitted.predict_proba(rows(case, number))
    again = model(case).fit(rows(case, number), LABELS)  # in training it sets the scale
    assert np.isfinite(again.predict_proba(rows(case, number))).all()


@pytest.mark.parametrize("fusion", ["parallel", "sequential", "feature"])
@pytest.mark.parametrize("kind", [FusionClassifier, FusionRegressor])
def test_every_strategy_refuses_and_none_gives_nan(kind, fusion):
    fitted = model("table", kind, fusion).fit(rows("table"), LABELS)
    with pytest.raises(ValueError, match=r"row 7: column 'q' is 1e\+39"):
        fitted.predict(rows("table", 1e39))


@pytest.mark.parametrize("unit", [1e-30, 1e-12, 1e12, 1e30])
def test_units_of_a_column_are_free(unit):
    """Scaling is done in float64, before anything becomes float32."""
    numbers = pd.DataFrame(NUMBERS, columns=list("pqr"))
    X = {"a": numbers, "b": NUMBERS[:, :2]}
    scaled = {"a": numbers.assign(q=unit * numbers["q"]), "b": NUMBERS[:, :2]}
    training = Training(max_epochs=3)
    encoders = [(name, TabularEncoder()) for name in X]
    clf = FusionClassifier(encoders, "feature", training=training, random_state=0)
    expected = clf.fit(X, LABELS).predict_proba(X)
    found = clf.fit(scaled, LABELS).predict_proba(scaled)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_module_of_the_user_that_overflows_is_named_by_row():
    fitted = model("module").fit(rows("module"), LABELS)
    with pytest.raises(ValueError, match=r"no finite scores for 1 of 60 rows.*7 of X"):
        fitted.predict_proba(rows("module", 1e36))


def test_half_precision_is_read_without_warnings_and_its_infinity_refused():
    rows = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float16)
    y = rows[:, 0] > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        clf = FusionClassifier().fit({"a": rows, "b": rows[:, ::-1]}, y)
    rows = rows.copy()
    rows[7, 1] = np.inf
    with pytest.raises(ValueError, match=r"'a'.*row 7.*is infinite"):
        clf.predict({"a": rows, "b": rows[:, ::-1]})
