"""The bundled data sets: contents, alignment, both forms of the result."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmultimodal import MultimodalData
from skmultimodal.datasets import load_birdstrikes, load_emoji, load_spoken_digits

LOADERS = {
    load_emoji: (1636, 8, {"image": "image", "text": "text"}),
    load_birdstrikes: (5324, 6, None),
    load_spoken_digits: (
        1797,
        10,
        {"image": "image", "audio": "audio", "text": "text"},
    ),
}


def _name(value):
    return getattr(value, "__name__", "")


@pytest.mark.parametrize(("load", "facts"), LOADERS.items(), ids=_name)
def test_bunch_and_pair_agree(load, facts):
    n_samples, n_classes, modalities = facts
    bunch = load()
    X, y = load(return_X_y=True)
    assert len(X) == len(y) == n_samples
    assert list(X.columns) == list(bunch.data.columns) == bunch.feature_names
    assert bunch.target_names == sorted(set(y))
    assert len(bunch.target_names) == n_classes
    assert list(bunch.frame.columns) == [*X.columns, "target"]
    assert modalities is None or bunch.modalities == modalities
    assert isinstance(y, pd.Series)
    assert y.name == "target"
    assert "licen" in bunch.DESCR.lower() or "public domain" in bunch.DESCR


@pytest.mark.parametrize("load", LOADERS, ids=_name)
def test_arrays_and_frame_hold_the_same_rows(load):
    X, y = load(return_X_y=True)
    arrays, target = load(return_X_y=True, as_frame=False)
    assert isinstance(arrays, MultimodalData)
    assert isinstance(target, np.ndarray)
    np.testing.assert_array_equal(target, y)
    for name, cells in arrays.items():
        if name == "table":
            pd.testing.assert_frame_equal(X[list(cells.columns)], cells)
            continue
        for row in (0, 7, len(X) - 1):
            np.testing.assert_array_equal(X[name][row], cells[row])
    assert load(as_frame=False).frame is None


@pytest.mark.parametrize("load", LOADERS, ids=_name)
def test_calls_share_no_memory(load):
    X, _ = load(return_X_y=True, as_frame=False)
    cells = X["table"] if "table" in X else X["image"]
    if isinstance(cells, pd.DataFrame):
        cells.iloc[0, 0] = -1
        assert load(return_X_y=True)[0].iloc[0, 0] != -1
    else:
        before = cells[0].copy()
        cells[0] = 255
        np.testing.assert_array_equal(load(return_X_y=True)[0]["image"][0], before)


def test_emoji_pictures_belong_to_their_names(emoji):
    X, _ = emoji
    image = X["image"]
    assert image[0].dtype == np.uint8
    centre = {
        name: image[X.index[X["text"] == name][0]][12:20, 12:20].mean(axis=(0, 1))
        for name in ("red square", "green circle", "blue heart")
    }
    assert [int(c.argmax()) for c in centre.values()] == [0, 1, 2]


def test_emoji_text_carries_information(emoji):
    X, y = emoji
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10))
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    assert cross_val_score(model, X["text"], y, cv=cv).mean() > 0.6


def test_birdstrikes_columns():
    X, y = load_birdstrikes(return_X_y=True)
    numbers = ["height", "speed", "ac_mass", "num_engs", "month"]
    assert all(pd.api.types.is_numeric_dtype(X[c]) for c in numbers)
    categories = ["time_of_day", "sky", "operator", "birds_struck"]
    assert all(isinstance(X[c].dtype, pd.CategoricalDtype) for c in categories)
    assert pd.api.types.is_integer_dtype(X["month"])
    assert X["birds_struck"].cat.ordered
    assert X["birds_struck"].min() == "0"
    assert X["birds_struck"].max() == "Over 100"
    missing = X.isna().sum()
    expected = {"height": 547, "speed": 1798, "sky": 974, "birds_struck": 13}
    assert missing[list(expected)].to_dict() == expected
    assert X["text"].map(type).eq(str).all()
    assert y.value_counts(normalize=True).max() == pytest.approx(0.356, abs=5e-4)


def test_spoken_digits_split_and_subsets_agree():
    bunch = load_spoken_digits()
    assert len(bunch.train_idx) == 1198
    assert len(bunch.test_idx) == 599
    for subset, rows in (("train", bunch.train_idx), ("test", bunch.test_idx)):
        X, y = load_spoken_digits(subset=subset, return_X_y=True)
        np.testing.assert_array_equal(y, bunch.target[rows])
        for name in ("image", "audio", "text"):
            np.testing.assert_array_equal(X[name][5], bunch.data[name][rows[5]])
    split = {
        key: [set(bunch[key][rows]) for rows in (bunch.train_idx, bunch.test_idx)]
        for key in ("voice", "language")
    }
    assert not set.intersection(*split["voice"])
    assert not set.intersection(*split["language"])


def test_spoken_digits_subset_is_checked():
    with pytest.raises(ValueError, match=r"'subset' parameter .* Got 'valid'"):
        load_spoken_digits(subset="valid")


def test_spoken_digits_corruption_of_images():
    clean = load_spoken_digits(corrupt=False, as_frame=False).data["image"]
    noisy = load_spoken_digits(as_frame=False).data["image"]
    np.testing.assert_array_equal(clean, load_digits().images)
    np.testing.assert_array_equal(noisy, noisy.round())
    assert noisy.min() == 0
    assert noisy.max() == 16
    blank = (noisy.reshape(-1, 2, 4, 2, 4) == 0).all(axis=(2, 4))  # (n, 2, 2)
    assert blank.any(axis=(1, 2)).all()
    np.testing.assert_allclose(blank.mean(axis=0), 0.25, atol=0.04)
    inner = (clean > 4) & (clean < 12) & (noisy > 0) & (noisy < 16)
    assert 3 < (noisy - clean)[inner].std() < 4.1  # truncated at the ends


def test_spoken_digits_signal_to_noise_ratio():
    clean = load_spoken_digits(corrupt=False).data["audio"]
    noisy = load_spoken_digits().data["audio"]
    assert noisy[0].dtype == np.float32
    seconds = noisy.map(len) / 8000
    assert seconds.between(0.15, 1.05).all()
    snr = [
        10 * np.log10((a**2).mean() / ((b - a) ** 2).mean())
        for a, b in zip(clean, noisy, strict=True)
    ]
    assert 2 < min(snr) < 4
    assert 17 < max(snr) < 19
    assert np.mean(snr) == pytest.approx(10.5, abs=0.4)


def test_spoken_digits_images_are_as_hard_as_reported():
    parts = [
        load_spoken_digits(subset=s, return_X_y=True, as_frame=False)
        for s in ("train", "test")
    ]
    (X, y), (X_test, y_test) = ((x["image"].reshape(-1, 64), y) for x, y in parts)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(X, y)
    assert model.score(X_test, y_test) == pytest.approx(0.765, abs=0.03)
