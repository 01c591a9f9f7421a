"""The bar of a training, and scikit-learn's own callbacks."""

import pickle

import pandas as pd
import pytest
from skorch.callbacks import EpochScoring

from skmultimodal import FusionClassifier, TabularEncoder
from skmultimodal.datasets import make_multimodal_classification


@pytest.fixture(scope="module")
def data():
    return make_multimodal_classification(120, n_modalities=2, random_state=0)


def fit(data, **params):
    params = {"fusion": "parallel", "max_epochs": 3, "random_state": 0} | params
    return FusionClassifier(**params).fit(*data)


def test_silent_by_default(data, capfd):
    clf = fit(data)
    assert capfd.readouterr() == ("", "")
    assert isinstance(clf.history_, pd.DataFrame)
    assert len(clf.history_) == 3


def test_bar_tells_epochs_losses_scores_and_time(data, capfd):
    accuracy = EpochScoring("accuracy", lower_is_better=False, name="accuracy")
    clf = fit(data, verbose=1, early_stopping=True, callbacks=[accuracy])
    out, err = capfd.readouterr()
    assert out == ""
    last = err.rstrip().rpartition("\r")[2]
    assert last.startswith("m0, m1: 100%")
    assert "3/3 [00:0" in last
    row = clf.history_.iloc[-1]
    for shown in (
        f"loss={row['train_loss']:.4f}",
        f"valid loss={row['valid_loss']:.4f}",
        f"accuracy={row['accuracy']:.4f}",
    ):
        assert shown in last
    assert "<00:0" in err  # time left


def test_the_bar_changes_nothing(data):
    plain, shown = fit(data), fit(data, verbose=1)
    assert (plain.predict_proba(data[0]) == shown.predict_proba(data[0])).all()
    assert plain.history_.columns.equals(shown.history_.columns)
    again = pickle.loads(pickle.dumps(shown))
    again.set_params(warm_start=True, max_epochs=1).fit(*data)
    assert again.n_iter_ == 4


def test_bars_of_parts_name_the_modality(data, capfd):
    encoders = [(name, TabularEncoder()) for name in data[0]]
    fit(data, encoders=encoders, fusion="decision", max_epochs=1, verbose=1)
    err = capfd.readouterr().err
    assert "m0: " in err
    assert "m1: " in err
    assert not err.rpartition("\r")[0].rpartition("\r")[2].strip()  # wiped


def test_two_prints_a_table(data, capfd):
    fit(data, verbose=2)
    assert "train_loss" in capfd.readouterr().out
