"""The comparison of modalities, strategies and a baseline, and its command."""

from base64 import b64decode
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmultimodal import (
    DecisionFusion,
    FeatureFusion,
    FusionClassifier,
    FusionRegressor,
    TabularEncoder,
    Training,
)
from skmultimodal.__main__ import main
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.model_selection import compare_fusion
from skmultimodal.model_selection._handmade import handmade_models, handmade_stack


@pytest.fixture(scope="module")
def result():
    X, y = make_multimodal_classification(
        180, n_modalities=2, class_sep=1.0, random_state=0
    )
    clf = FusionClassifier(random_state=0, training=Training(max_epochs=3))
    return compare_fusion(clf, X, y, strategies=["parallel", "decision"], cv=3)


def test_table(result):
    table = result.table_
    assert list(table["kind"]) == ["modality"] * 2 + ["strategy"] * 2 + ["baseline"]
    folds = table[[f"fold_{k}" for k in range(3)]].to_numpy()
    np.testing.assert_allclose(table["score"], folds.mean(axis=1))
    np.testing.assert_allclose(table["sd"], folds.std(axis=1, ddof=1))
    assert (table["fit_seconds"] > 0).all()
    assert table.set_index("name").loc["decision", "weights"].startswith("m0 ")


def test_gain_is_paired_over_folds(result):
    rows = result.table_.set_index("name")
    folds = [f"fold_{k}" for k in range(3)]
    best = result.best_estimator_.fusion  # of equal ones the smallest
    highest = rows.loc[["parallel", "decision"], "score"].max()
    assert rows.loc[best, "score"] == pytest.approx(highest)
    rival = max(("m0", "m1"), key=lambda n: rows.loc[n, "score"])
    difference = (rows.loc[best, folds] - rows.loc[rival, folds]).astype(float)
    gain = result.fusion_gain_
    assert gain.modality == rival
    assert gain.mean == pytest.approx(difference.mean())
    # Nadeau & Bengio: variance times (1 / folds + test / train rows)
    error = np.sqrt(difference.var() * (1 / 3 + 1 / 2))
    half = 4.302653 * error  # 97.5 % point of t with 2 degrees of freedom
    assert gain.high - gain.mean == pytest.approx(half, rel=1e-5)
    assert result.best_estimator_.modalities_ == ["m0", "m1"]  # it is fitted
    assert result.verdict().startswith(f"Best strategy: {best}.")


def test_regression():
    X, y = make_multimodal_regression(120, random_state=0)
    reg = FusionRegressor(random_state=0, training=Training(max_epochs=3))
    table = compare_fusion(reg, X, y, strategies="decision", cv=2).table_
    assert (table["score"] > 0).all()


def test_unknown_strategy():
    X, y = make_multimodal_classification(random_state=0)
    with pytest.raises(ValueError, match="Unknown strategy 'paralel'"):
        compare_fusion(FusionClassifier(), X, y, strategies=["paralel"])


def test_no_strategy():
    X, y = make_multimodal_classification(random_state=0)
    with pytest.raises(ValueError, match="needs one strategy or more"):
        compare_fusion(FusionClassifier(), X, y, strategies=[])


@pytest.mark.slow
def test_cache_changes_no_score(digits_small, tmp_path):
    """Neither a cache of one's own, a temporary one, nor none; and none is left."""
    X, y = digits_small
    X = X[["image", "text"]]
    clf = FusionClassifier(random_state=0, training=Training(max_epochs=1))
    strategies = ["decision", DecisionFusion("mean"), FeatureFusion()]
    arguments = {"strategies": strategies, "cv": 2, "baseline": False}
    shared = compare_fusion(clf, X, y, **arguments)
    own = clone(clf).set_params(memory=str(tmp_path))
    own = compare_fusion(own, X, y, **arguments)
    columns = ["name", "score", "fold_0", "fold_1", "weights", "parameters"]
    pd.testing.assert_frame_equal(shared.table_[columns], own.table_[columns])
    names = ["image", "text", "decision", "DecisionFusion(rule='mean')"]
    assert list(shared.table_["name"]) == [*names, "FeatureFusion"]
    folds = StratifiedKFold(2).split(X, y)
    alone = [
        clone(clf)
        .set_params(fusion=DecisionFusion("mean"))
        .fit(X.iloc[train], y.iloc[train])
        .score(X.iloc[test], y.iloc[test])
        for train, test in folds
    ]
    np.testing.assert_array_equal(shared.table_.loc[3, ["fold_0", "fold_1"]], alone)
    assert shared.best_estimator_.memory is None
    assert any(tmp_path.iterdir())


def test_shared_models_count_in_full():
    """Decision fusion pays for what the modalities alone had already fitted."""
    X, y = make_multimodal_classification(300, n_modalities=2, random_state=0)
    encoders = [(name, TabularEncoder()) for name in X]
    clf = FusionClassifier(encoders, random_state=0, training=Training(max_epochs=10))
    result = compare_fusion(clf, X, y, strategies="decision", cv=2, baseline=False)
    seconds = result.table_["fit_seconds"]
    assert seconds[2] > 0.8 * (seconds[0] + seconds[1])
    parameters = result.table_["parameters"]
    assert parameters[2] == parameters[0] + parameters[1]


def test_pairs():
    X, y = make_multimodal_classification(120, random_state=0)
    models = [(name, LogisticRegression()) for name in X]
    clf = FusionClassifier(models, random_state=0)
    table = compare_fusion(
        clf, X, y, strategies="decision", pairs=True, cv=2, refit=False
    ).table_.set_index("name")
    pairs = ["m0 + m1", "m0 + m2", "m1 + m2"]
    assert list(table.index[table["kind"] == "pair"]) == pairs
    without = clone(clf).set_params(encoders=models[:2])
    scores = cross_val_score(without, X, y, cv=2)
    np.testing.assert_array_equal(table.loc["m0 + m1", ["fold_0", "fold_1"]], scores)
    # 10 coefficients and an intercept for each modality, a weight for each
    assert table.loc["decision", "parameters"] == 3 * 11 + 3
    assert table.loc["m0 + m1", "parameters"] == 2 * 11 + 2


def test_lambdas_are_compared_without_a_cache():
    X, y = make_multimodal_classification(80, n_modalities=2, random_state=0)
    model = make_pipeline(FunctionTransformer(lambda x: x), LogisticRegression())
    clf = FusionClassifier([(name, model) for name in X], random_state=0)
    table = compare_fusion(
        clf, X, y, strategies=["decision", "search"], cv=2, baseline=False
    ).table_
    assert table["score"].notna().all()
    assert table["megabytes"].isna().all()


class Page(HTMLParser):
    """Collects what a page would load, and its text."""

    def __init__(self):
        super().__init__()
        self.sources, self.text, self.open = [], "", []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.sources += [values[key] for key in ("src", "href") if key in values]
        self.sources += [tag] * (tag in ("script", "link", "iframe"))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_report_needs_no_other_file(result, tmp_path):
    path = tmp_path / "report.html"
    page = result.to_html(path, title="Birds & <planes>")
    assert path.read_text("utf-8") == page == result.to_html(title="Birds & <planes>")
    seen = Page()
    seen.feed(page)
    assert seen.open == []
    assert "Birds & <planes>" in seen.text
    assert result.verdict() in seen.text
    for word in (
        "180 rows, 3 folds, score: accuracy",
        "scikit-learn",
        "max_epochs=3",  # of the parameters those that were changed
    ):
        assert word in seen.text
    assert "on_empty" not in seen.text
    assert page.count("fold 2") == 1
    (source,) = seen.sources
    head, _, data = source.partition(",")
    assert head == "data:image/svg+xml;base64"
    svg = b64decode(data).decode()
    assert svg.count("<svg") == 1
    assert "hand-made stack" in svg  # as a comment beside the glyphs
    assert "url(http" not in svg


@pytest.fixture
def csv(tmp_path, birdstrikes_small):
    X, y = birdstrikes_small
    two = np.isin(y, y.value_counts().index[:2])
    path = tmp_path / "strikes.csv"
    X[["text", "height", "speed", "sky"]].assign(phase=y)[two].to_csv(path, index=False)
    return path


def test_command_writes_table_and_figure(csv, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--dataset", str(csv), "--target", "phase", "--strategies"]
    arguments += ["decision", "--cv", "2", "--n-jobs", "1", "--output", str(out)]
    assert main(arguments) == 0
    table = pd.read_csv(out / "comparison.csv")
    assert list(table["name"]) == ["text", "table", "decision", "hand-made stack"]
    assert (out / "comparison.png").stat().st_size > 10_000
    assert "does fusion help?" in (out / "comparison.html").read_text("utf-8")
    assert "Best strategy: decision." in capsys.readouterr().out


def test_command_on_images_of_different_sizes(tmp_path, capsys):
    """The shade tells the class, one image is missing, one is a large photo."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"photo": [str(tmp_path / f"{i}.png") for i in range(24)]})
    frame["dark"] = np.where(np.arange(24) % 2, "yes", "no")
    for i, path in enumerate(frame["photo"]):
        size = (900, 700, 3) if i == 0 else (8 + i % 3, 9 + i % 5, 3)
        pixels = rng.integers(0, 100, size) + (0 if i % 2 else 150)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    frame.loc[5, "photo"] = None
    frame["width"] = rng.normal(size=24)
    frame.to_csv(tmp_path / "photos.csv", index=False)
    arguments = ["--dataset", str(tmp_path / "photos.csv"), "--target", "dark"]
    arguments += ["--strategies", "decision", "--cv", "2", "--n-jobs", "1"]
    assert main([*arguments, "--output", str(tmp_path)]) == 0
    assert "hand-made stack" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "comparison.csv").set_index("name")
    assert table.loc["hand-made stack", "score"] > 0.8
    photo = dict(handmade_models(frame[["photo"]]))["photo"]
    photo.fit(frame[["photo"]][:12], frame["dark"][:12])
    assert photo[:2].transform(frame[["photo"]]).shape == (24, 64 * 50 * 3)
    assert (photo.predict(frame[["photo"]])[6:] == frame["dark"][6:]).mean() > 0.9


def test_the_hand_made_stack_takes_missing_vectors():
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    vectors = rng.normal(size=(40, 8)) + y[:, None]
    X = pd.DataFrame({"vector": list(vectors)})
    X.loc[[0, 7], "vector"] = None
    assert handmade_stack(X).fit(X, y).score(X, y) > 0.8


def test_the_hand_made_model_of_wide_features_is_the_plain_one():
    rng = np.random.default_rng(0)
    images, y = rng.integers(0, 256, (40, 6, 6, 3), dtype=np.uint8), np.arange(40) % 3
    images[y == 1, :3] //= 2
    frame = pd.DataFrame({"image": list(images)})
    model = dict(handmade_models(frame))["image"]
    pixels = model[:-1].fit_transform(frame)
    plain = LogisticRegression(**model[-1].get_params())
    for weight in (None, rng.uniform(0.1, 2, 40)):
        exact = {"tol": 1e-5}
        found = clone(model[-1]).set_params(**exact).fit(pixels, y, weight)
        expected = clone(plain).set_params(**exact).fit(pixels, y, weight)
        assert found.coef_.shape == expected.coef_.shape == (3, 108)
        np.testing.assert_allclose(
            found.predict_proba(pixels), expected.predict_proba(pixels), atol=1e-4
        )


def test_command_says_at_once_what_to_install(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("skmultimodal.__main__.find_spec", lambda name: None)
    assert main(["--output", str(tmp_path)]) == 2
    assert "needs matplotlib and rich: pip install" in capsys.readouterr().err
    saving = ["--save", str(tmp_path / "model")]
    assert main(["--output", str(tmp_path), *saving]) == 2
    said = capsys.readouterr().err
    assert "needs matplotlib and rich and safetensors: pip install" in said
    assert said.rstrip().endswith("'skmultimodal[plot,parquet,save]'")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "emojis"], "unknown data set 'emojis'"),
        (["--dataset", "no.csv", "--target", "y"], "no file 'no.csv'"),
        (["--dataset", "CSV"], "--target is needed"),
        (["--dataset", "CSV", "--target", "fase"], "no column 'fase'"),
        (
            ["--dataset", "CSV", "--target", "phase", "--strategies", "both"],
            "Unknown strategy 'both'",
        ),
        (["--cv", "1"], "--cv must be at least 2"),
        (["--output", "CSV"], "cannot write to --output"),
    ],
)
def test_command_says_what_does_not_exist(arguments, message, csv, capsys):
    given = [str(csv) if a == "CSV" else a for a in arguments]
    assert main(given) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
