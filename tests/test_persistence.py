"""Files of save, pickle and joblib: the same bits, and nothing else, come back."""

import json
import os
import pickle
import subprocess
import sys
import zipfile
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

from skmultimodal import (
    DecisionFusion,
    FeatureFusion,
    FusionClassifier,
    FusionRegressor,
    FusionTransformer,
    ModuleEncoder,
    SequentialFusion,
    TabularEncoder,
    load,
)
from skmultimodal.datasets import (
    drop_modalities,
    load_birdstrikes,
    load_emoji,
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.fusion._auto import FUSIONS
from skmultimodal.persistence import _file as persistence
from tests.parameters import nested

pytest.importorskip("safetensors")
SHORT = {"max_epochs": 1, "shrinkage": False, "random_state": 0}


def emoji(n=60):
    X, y = load_emoji(return_X_y=True)
    rows = np.linspace(0, len(y) - 1, n).astype(int)
    return X.iloc[rows].reset_index(drop=True), np.asarray(y)[rows]


def numbers(make=make_multimodal_classification, n=40, **kwargs):
    return make(n_samples=n, random_state=0, **kwargs)


def there_and_back(estimator, path, **kwargs):
    estimator.save(path)
    return load(path, **kwargs)


@pytest.fixture(scope="module")
def fitted():
    X, y = numbers()
    return FusionClassifier(fusion="parallel", **nested(SHORT)).fit(X, y), X


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skmm"


@pytest.mark.parametrize(
    "fusion",
    [
        pytest.param(alias, marks=[pytest.mark.long] * (alias == "cooperative"))
        for alias in ("auto", *FUSIONS)
    ],
)
def test_every_strategy_predicts_the_same_bits(fusion, path):
    X, y = emoji()
    clf = FusionClassifier(fusion=fusion, **nested(SHORT)).fit(X, y)
    loaded = there_and_back(clf, path)
    expected = clf.predict_proba(X)
    assert np.array_equal(loaded.predict_proba(X), expected)
    assert np.array_equal(loaded.transform(X), clf.transform(X))
    assert np.array_equal(loaded.predict(X), clf.predict(X))
    assert loaded.fusion_weights_ == clf.fusion_weights_
    assert loaded.get_params().keys() == clf.get_params().keys()
    pd.testing.assert_frame_equal(loaded.history_, clf.history_)
    pd.testing.assert_frame_equal(loaded.missing_report_, clf.missing_report_)
    assert np.array_equal(clf.trim().predict_proba(X), expected)


@pytest.mark.parametrize(
    "params",
    [
        {"fusion": "parallel", "training": "staged"},
        {"fusion": "parallel", "missing": "impute"},
        {"fusion": "attention", "missing": "impute"},
        {"fusion": SequentialFusion(mode="residual")},
        {"fusion": FeatureFusion(head=HistGradientBoostingClassifier(max_iter=3))},
        {"fusion": DecisionFusion(rule="stacking", calibrate="isotonic")},
        {
            "fusion": "decision",
            "encoders": [(f"m{i}", TabularEncoder()) for i in (0, 1)],
        },
    ],
    ids=str,
)
def test_models_within_models(params, path):
    X, y = numbers(n=60, n_modalities=2)
    params = dict(params)
    if isinstance(params.get("encoders"), list):
        names = list(X)
        pairs = zip(names, params["encoders"], strict=True)
        params["encoders"] = [(name, encoder) for name, (_, encoder) in pairs]
    missing = drop_modalities(X, 0.2, random_state=0)
    clf = FusionClassifier(**nested(params, **SHORT)).fit(missing, y)
    loaded = there_and_back(clf, path)
    assert np.array_equal(loaded.predict_proba(missing), clf.predict_proba(missing))


def test_trees_and_tables_with_categories(path):
    X, y = load_birdstrikes(return_X_y=True)
    X, y = X[::40], y[::40]
    clf = FusionClassifier(random_state=0).fit(X, y)
    assert np.array_equal(
        there_and_back(clf, path).predict_proba(X), clf.predict_proba(X)
    )


def test_forests_and_nested_pipelines(path):
    X, y = numbers(n_modalities=2)
    first, second = list(X)
    clf = FusionClassifier(
        [
            (first, RandomForestClassifier(5)),
            (second, make_pipeline(StandardScaler(), LogisticRegression())),
        ],
        fusion="decision",
        random_state=np.random.RandomState(0),
    ).fit(X, y)
    loaded = there_and_back(clf, path)
    assert np.array_equal(loaded.predict_proba(X), clf.predict_proba(X))


@pytest.mark.parametrize("fusion", ["auto", "parallel", "kernel"])
def test_regressors(fusion, path):
    X, y = numbers(make_multimodal_regression)
    reg = FusionRegressor(fusion=fusion, **nested(SHORT)).fit(X, y)
    assert np.array_equal(there_and_back(reg, path).predict(X), reg.predict(X))


def test_transformer_and_multilabel(path):
    X, y = numbers()
    labels = np.column_stack([y, 1 - y, np.arange(len(y)) % 2])
    clf = FusionClassifier(**nested(SHORT)).fit(X, labels)
    assert np.array_equal(
        there_and_back(clf, path).predict_proba(X), clf.predict_proba(X)
    )
    transformer = FusionTransformer(**nested(SHORT)).fit(X, y)
    loaded = there_and_back(transformer, path)
    assert np.array_equal(loaded.transform(X), transformer.transform(X))


def test_plain_matrix_in_float64(path):
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    clf = FusionClassifier(**nested(SHORT)).fit(X, y)
    loaded = there_and_back(clf, path)
    assert loaded.predict_proba(X).dtype == np.float64
    assert np.array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_saving_changes_nothing_and_repeats(fitted, tmp_path):
    clf, X = fitted
    before = clf.predict_proba(X)
    clf.save(tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert hasattr(clf.net_, "optimizer_")
    assert np.array_equal(clf.predict_proba(X), before)
    load(tmp_path / "a").save(tmp_path / "c")  # what is loaded can be saved
    assert np.array_equal(load(tmp_path / "c").predict_proba(X), before)


def test_trimmed_is_smaller_and_cannot_go_on(path):
    X, y = numbers()
    clf = FusionClassifier(fusion="parallel", warm_start=True, **nested(SHORT)).fit(
        X, y
    )
    whole, expected = len(pickle.dumps(clf)), clf.predict_proba(X)
    assert clf.trim() is clf
    assert len(pickle.dumps(clf)) < 0.6 * whole
    assert np.array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(X), expected)
    for estimator in (clf, there_and_back(clf, path)):
        with pytest.raises(ValueError, match="trimmed, or loaded"):
            estimator.partial_fit(X, y)
        with pytest.raises(ValueError, match="trimmed, or loaded"):
            estimator.fit(X, y)
        estimator.set_params(warm_start=False).fit(X, y)
        estimator.partial_fit(X, y)


def test_any_changed_byte_is_noticed(fitted, path):
    clf, _ = fitted
    clf.save(path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    spots = {*rng.integers(0, len(content), 150).tolist(), *range(-100, 0)}
    for spot in spots:
        changed = bytearray(content)
        changed[spot] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"damaged|not written by"):
            load(path)
    for size in (0, 1, 70, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"damaged|not written by"):
            load(path)


def test_foreign_files_are_refused(path, tmp_path):
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ValueError, match=r"not written by skmultimodal's save"):
        load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", "{}")
    with pytest.raises(ValueError, match=r"not written by skmultimodal's save"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")


def with_manifest(path, change):
    """Write a file anew with another manifest, and a digest that fits."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members["manifest.json"])
    change(manifest)
    members["manifest.json"] = json.dumps(manifest).encode()
    path.write_bytes(persistence._sealed(members))


def test_other_versions_warn_or_refuse(fitted, path):
    fitted[0].save(path)

    def older(manifest):
        manifest["versions"]["torch"] = "1.0.0"

    with_manifest(path, older)
    with pytest.warns(UserWarning, match=r"written with torch 1\.0\.0 \(here"):
        load(path)
    with_manifest(path, lambda manifest: manifest.update(format=99))
    with pytest.raises(ValueError, match="has format 99"):
        load(path)


def halved(values):
    return np.asarray(values) / 2


def test_functions_of_ones_own_need_trust(path):
    X, y = numbers(n_modalities=2)
    first, second = list(X)
    model = make_pipeline(FunctionTransformer(halved), LogisticRegression())
    encoders = [(first, model), (second, LogisticRegression())]
    clf = FusionClassifier(encoders, fusion="decision").fit(X, y)
    clf.save(path)
    name = f"{halved.__module__}.halved"
    with pytest.raises(ValueError, match=rf"{name}.*trusted="):
        load(path)
    for trusted in ([name], [halved], name):
        loaded = load(path, trusted=trusted)
        assert np.array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_what_has_no_name_cannot_be_saved(path):
    X, y = numbers(n_modalities=2)
    first, second = list(X)
    width = np.shape(X[first])[1]
    for factory in (lambda: nn.Linear(width, 4), partial(nn.Linear, width, 4)):
        encoders = [(first, ModuleEncoder(factory)), (second, TabularEncoder())]
        clf = FusionClassifier(encoders, fusion="parallel", **nested(SHORT)).fit(X, y)
        if isinstance(factory, partial):
            assert np.array_equal(
                there_and_back(clf, path).predict_proba(X), clf.predict_proba(X)
            )
            continue
        with pytest.raises(TypeError, match=r"factory cannot be saved: .*<lambda>"):
            clf.save(path)
        assert not os.listdir(path.parent)


def test_unfitted_is_refused(path):
    with pytest.raises(ValueError, match="not fitted"):
        FusionClassifier().save(path)


LIMITED = """
import os, resource, sys
from skmultimodal import load
clf, path, kind = load(sys.argv[1]), sys.argv[2], sys.argv[3]
if kind == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
else:
    os.setgid(65534); os.setuid(65534)
try:
    clf.save(path)
except OSError as error:
    print(error)
"""


@pytest.mark.parametrize(
    "kind", [pytest.param("full", marks=pytest.mark.slow), "read-only"]
)
def test_a_failed_write_leaves_the_old_file(kind, fitted, path, tmp_path):
    if kind == "read-only" and os.getuid() != 0:
        pytest.skip("needs root to become another user")
    fitted[0].save(path)
    target = tmp_path / "target" / "model"
    target.parent.mkdir(mode=0o755)
    target.write_bytes(b"before")
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), str(target), kind],
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(done.stdout.splitlines()) == 1
    assert f"{target} cannot be written: " in done.stdout
    assert target.read_bytes() == b"before"
    assert os.listdir(target.parent) == ["model"]


def test_devices_and_folders_are_no_place(fitted, tmp_path):
    for place in ("/dev/full", tmp_path):
        with pytest.raises(OSError, match="not a regular file"):
            fitted[0].save(place)
    with pytest.raises(OSError, match="cannot be written: No such file"):
        fitted[0].save(tmp_path / "none" / "model")


ELSEWHERE = """
import sys, joblib, numpy as np, pickle
from skmultimodal import load
path = sys.argv[1]
for number in range(int(sys.argv[2])):
    X = joblib.load(f"{path}/X{number}")
    out = {}
    for kind in ("pickle", "joblib", "save"):
        name = f"{path}/{kind}{number}"
        if kind == "save":
            estimator = load(name)
        elif kind == "joblib":
            estimator = joblib.load(name)
        else:
            estimator = pickle.loads(open(name, "rb").read())
        out[kind] = getattr(estimator, estimator._method)(X)
    np.savez(f"{path}/out{number}.npz", **out)
"""


def test_another_process_predicts_the_same_bits(tmp_path):
    X, y = emoji()
    U, v = numbers()
    cases = [
        (FusionClassifier(random_state=0), X, y, "predict_proba"),
        (FusionClassifier(fusion="sequential", **nested(SHORT)), X, y, "predict_proba"),
        (FusionClassifier(fusion="attention", **nested(SHORT)), U, v, "predict_proba"),
        (
            FusionRegressor(**nested(SHORT)),
            *numbers(make_multimodal_regression),
            "predict",
        ),
        (FusionTransformer(**nested(SHORT)), U, v, "transform"),
    ]
    expected = []
    for number, (estimator, A, b, method) in enumerate(cases):
        estimator.fit(A, b)._method = method
        expected.append(getattr(estimator, method)(A))
        joblib.dump(A, tmp_path / f"X{number}")
        joblib.dump(estimator, tmp_path / f"joblib{number}")
        (tmp_path / f"pickle{number}").write_bytes(pickle.dumps(estimator))
        estimator.save(tmp_path / f"save{number}")
    before = set(os.listdir(tmp_path))
    subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(tmp_path), str(len(cases))], check=True
    )
    for number, values in enumerate(expected):
        with np.load(tmp_path / f"out{number}.npz") as out:
            for kind in ("pickle", "joblib", "save"):
                assert np.array_equal(out[kind], values), (number, kind)
    assert set(os.listdir(tmp_path)) - before == {
        f"out{number}.npz" for number in range(len(cases))
    }
