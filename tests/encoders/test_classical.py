"""Frozen features, kernel models and the classical defaults."""

from time import process_time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.kernel_ridge import KernelRidge
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmultimodal import FusionClassifier, FusionRegressor
from skmultimodal.data._cells import CellError
from skmultimodal.encoders.features._audio import AudioFeatures
from skmultimodal.encoders.features._character_ngrams import CharacterNgrams
from skmultimodal.encoders.features._classical import default_model
from skmultimodal.encoders.features._defaults import default_features
from skmultimodal.encoders.features._encoder import ClassicalEncoder
from skmultimodal.encoders.features._image import ImageFeatures
from skmultimodal.encoders.features._kernel import KernelClassifier, KernelRegressor
from skmultimodal.encoders.features._sequence import SequenceFeatures
from skmultimodal.encoders.features._table import TableFeatures

KINDS = ["image", "text", "audio", "sequence", "embedding", "table"]


def _stripes(angle):
    """Return a picture whose gradients all point along `angle` (radians)."""
    row, column = np.mgrid[:32, :32]
    return 128 + 4 * (np.cos(angle) * column + np.sin(angle) * row)


@pytest.mark.parametrize(("angle", "bin_"), [(0.0, 0), (np.pi / 2, 2), (np.pi / 4, 1)])
def test_hog_votes_for_the_orientation_of_the_gradient(angle, bin_):
    features = ImageFeatures(32, (8,), 4, thumbnail=0, color_bins=0, n_regions=0)
    values = features.transform(_stripes(angle)[np.newaxis])
    inner = values.reshape(3, 3, 4, 4)[1, 1]
    assert (inner.argmax(axis=1) == bin_).all()
    np.testing.assert_allclose(inner[:, bin_], 0.5 / 3, atol=1e-3)  # block norm 1 / 3


def test_image_features_thumbnail_and_colours():
    image = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    image[0, :16, :, 0] = 255  # the upper half is red
    names = ImageFeatures().get_feature_names_out()
    values = dict(zip(names, ImageFeatures().transform(image)[0], strict=True))
    assert values["pixel_0_0_0"] == pytest.approx(1 / 8)
    assert values["pixel_7_0_0"] == values["pixel_0_0_1"] == 0
    assert values["color_3_0_0"] == pytest.approx(np.sqrt(0.5) / 2)
    assert values["color_0_0_0"] == pytest.approx(np.sqrt(0.5) / 2)
    assert sum(value > 0 for name, value in values.items() if "color" in name) == 2
    assert values["region_0_3_2_0_0"] == values["region_3_0_0_0_0"] == 1 / 4
    regions = [value for name, value in values.items() if name.startswith("region")]
    assert sum(regions) == 16 / 4


def test_image_features_count_uniform_patterns_by_region():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 3, (12, 12), dtype=np.uint8) * 100
    features = ImageFeatures(12, (6,), thumbnail=0, color_bins=0, n_regions=2)
    names = features.get_feature_names_out()
    values = dict(zip(names, features.transform(image[np.newaxis])[0], strict=True))
    around = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]

    def changes(bits):
        return sum(bits[k] != bits[k - 1] for k in range(8))

    every = [format(code, "08b")[::-1] for code in range(256)]
    uniform = [bits for bits in every if changes(bits) <= 2]
    assert len(uniform) == 58
    counts = np.zeros((2, 2, 59))
    for row, column in np.ndindex(image.shape):
        bits = ""
        for down, right in around:  # the edge is repeated
            i, j = np.clip([row + down, column + right], 0, 11)
            bits += str(int(image[i, j] > image[row, column]))
        pattern = uniform.index(bits) if bits in uniform else 58
        counts[row // 6, column // 6, pattern] += 1
    for i, j, k in np.ndindex(counts.shape):
        expected = np.sqrt(counts[i, j, k] / 36) / 2
        assert values[f"pattern_{i}_{j}_{k}"] == pytest.approx(expected, abs=1e-6)


def test_image_features_of_a_row_do_not_depend_on_the_others():
    rng = np.random.default_rng(0)
    cells = [rng.integers(0, 256, shape) for shape in [(8, 8), (40, 20, 3), (9, 9, 4)]]
    together = ImageFeatures().transform(pd.Series(cells))
    assert together.dtype == np.float32
    for row, cell in zip(together, cells, strict=True):
        np.testing.assert_array_equal(row, ImageFeatures().transform([cell])[0])


def test_float_pictures_are_read_on_their_own_scale():
    image = np.random.default_rng(0).random((1, 32, 32))
    once = ImageFeatures().transform(image)
    np.testing.assert_allclose(once, ImageFeatures().transform(16 * image), atol=1e-5)


def test_image_features_refuse_bad_sizes_and_cells():
    with pytest.raises(ValueError, match="size=30 and 8"):
        ImageFeatures(size=30).fit([])
    with pytest.raises(ValueError, match=r"multiple of the smallest"):
        ImageFeatures(size=12, cell_sizes=(6, 4)).fit([])
    with pytest.raises(ValueError, match="thumbnail=5"):
        ImageFeatures(thumbnail=5).fit([])
    with pytest.raises(ValueError, match="n_regions=5"):
        ImageFeatures(n_regions=5).fit([])
    for wrong in (-1, "4", 2.0, True, None):
        with pytest.raises(ValueError, match=f"'n_regions'.*int >= 0.*{wrong!r}"):
            ImageFeatures(n_regions=wrong).fit([])
    with pytest.raises(CellError, match=r"row 'b': expected an image"):
        ImageFeatures().transform(pd.Series([np.zeros((4, 4)), 3], index=["a", "b"]))


def _reference_mfcc(waveform, rate, n_mels, n_mfcc):
    """Return cepstral coefficients frame by frame, straight from the definition."""
    window, hop, n_fft = round(0.025 * rate), round(0.01 * rate), 256
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + rate / 1400), n_mels + 2)
                          / 2595) - 1)  # fmt: skip
    mel = 2595 * np.log10(1 + np.fft.rfftfreq(n_fft, 1 / rate) / 700)
    mel_edges = 2595 * np.log10(1 + edges / 700)
    rows = []
    for start in range(0, len(waveform) - window + 1, hop):
        frame = waveform[start : start + window] * np.hanning(window)
        power = np.abs(np.fft.rfft(frame, n_fft)) ** 2
        logs = [
            np.log(max(power @ np.interp(mel, mel_edges[m : m + 3], [0, 1, 0]), 1e-8))
            for m in range(n_mels)
        ]
        k, m = np.arange(n_mfcc)[:, np.newaxis], np.arange(n_mels)
        basis = np.sqrt(2 / n_mels) * np.cos(np.pi * k * (2 * m + 1) / (2 * n_mels))
        basis[0] /= np.sqrt(2)
        rows.append(basis @ logs)
    return np.array(rows)


def test_audio_features_match_the_definition():
    rng = np.random.default_rng(0)
    waveforms = [rng.normal(size=n).astype(np.float32) for n in (1600, 2400)]
    features = AudioFeatures(n_mfcc=5, n_mels=12, n_segments=2)
    for row, waveform in zip(features.transform(waveforms), waveforms, strict=True):
        mfcc = _reference_mfcc(waveform, 8000, 12, 5)
        half = len(mfcc) // 2
        delta = np.sqrt((np.diff(mfcc, axis=0) ** 2).sum(axis=0) / len(mfcc))
        parts = [mfcc.mean(0), mfcc.std(0), delta]
        halves = [part.mean(0) - mfcc.mean(0) for part in (mfcc[:half], mfcc[half:])]
        expected = [*parts, *halves, [np.log(len(waveform) / 8000)]]
        np.testing.assert_allclose(row, np.concatenate(expected), atol=2e-3)


def test_audio_features_of_a_millisecond_and_of_a_file_rate():
    values = AudioFeatures().transform([np.ones(8), (np.ones(441), 44100)])
    assert values.shape == (2, len(AudioFeatures().get_feature_names_out()))
    assert np.isfinite(values).all()
    assert values[1, -1] == pytest.approx(np.log(0.01), rel=1e-3)
    with pytest.raises(ValueError, match="n_mfcc=50"):
        AudioFeatures(n_mfcc=50).fit([])


def test_sequence_features():
    series = [np.array([[1.0, 0], [np.nan, 0], [3, 0], [5, 0]]), np.ones((2, 2))]
    values = SequenceFeatures(n_segments=2).transform(series)
    std = np.std([1, 3, 5])
    first = [3, std, 1, 5, 2, 1, 4, 0, 0, 0, 0, 0, 0, 0, np.log(4)]
    np.testing.assert_allclose(values[0], first, rtol=1e-6)
    with pytest.raises(ValueError, match=r"row 1: .*as most rows, 1, got 2"):
        SequenceFeatures().transform([np.ones(3), np.ones((3, 2))])


def test_table_features():
    X = pd.DataFrame(
        {
            "n": [1, 2, None],
            "flag": [True, False, True],
            "sky": ["fog", None, "clear"],
            "on": pd.to_datetime(["2024-05-01 13:00", None, "2023-12-31 08:00"]),
            "code": pd.Categorical([3, 4, 3]),
            "maybe": pd.array([1, None, 3], dtype="Int64"),
        }
    )
    before = X.copy()
    table = TableFeatures().fit(X)
    out = table.transform(X)
    pd.testing.assert_frame_equal(X, before)
    assert out.columns.tolist() == table.get_feature_names_out().tolist()
    kinds = {name: str(dtype) for name, dtype in out.dtypes.items()}
    categories = {name for name, kind in kinds.items() if kind == "category"}
    assert categories == {"sky", "code"}
    assert set(kinds.values()) == {"category", "float64"}
    assert out["on_hour"].tolist()[0] == 13
    assert out["on_day_of_week"].tolist()[0] == 2
    assert out["on_year"].isna().tolist() == [False, True, False]
    later = X.assign(sky=["snow", "fog", "fog"])
    assert table.transform(later)["sky"].isna().tolist() == [True, False, False]
    with pytest.raises(ValueError, match=r"lacks: \['sky'\]"):
        table.transform(X.drop(columns="sky"))


def test_table_features_group_rare_categories():
    X = pd.DataFrame({"operator": ["a"] * 3 + ["b"] * 2 + ["c", "d"]})
    table = TableFeatures(max_categories=3).fit(X)
    out = table.transform(pd.DataFrame({"operator": ["a", "c", "d", "new"]}))
    codes = out["operator"].cat.codes.tolist()
    assert len(table.categories_["operator"]) == 3
    assert codes[1] == codes[2] != codes[0]
    assert codes[3] == -1


def _data():
    return load_iris(return_X_y=True)


def test_kernel_regressor_is_kernel_ridge_around_the_mean():
    X, _ = _data()
    X, y = X[:, :3], X[:, 3]
    model = KernelRegressor(alphas=(0.1,)).fit(X, y)
    kernel = np.exp(-model.gamma_ * ((X[:, None] - X) ** 2).sum(axis=2))
    centering = np.eye(len(X)) - 1 / len(X)
    reference = KernelRidge(alpha=0.1, kernel="precomputed")
    reference.fit(centering @ kernel @ centering, y - y.mean())
    fitted = centering @ kernel @ centering @ reference.dual_coef_ + y.mean()
    np.testing.assert_allclose(model.predict(X), fitted, atol=1e-3)


def test_kernel_regressor_penalty_has_the_smallest_left_out_error():
    X, y = _data()
    X, y = X[::5], y[::5] + 0.3 * np.random.default_rng(0).normal(size=30)
    alphas, errors = (0.01, 0.3, 10.0), []
    variance = X.var(axis=0).sum()
    for alpha in alphas:
        left_out = []
        for row in range(len(X)):
            keep = np.arange(len(X)) != row
            gamma = 0.5 * X[keep].var(axis=0).sum() / variance  # the same kernel
            model = KernelRegressor(gamma=gamma, alphas=(alpha,)).fit(X[keep], y[keep])
            left_out.append(model.predict(X[[row]])[0] - y[row])
        errors.append(np.square(left_out).sum())
    assert KernelRegressor(alphas=alphas).fit(X, y).alpha_ == alphas[np.argmin(errors)]


def test_kernel_classifier_probabilities():
    X, y = _data()
    train = np.arange(len(y)) % 2 == 0
    model = KernelClassifier().fit(X[train], y[train])
    proba = model.predict_proba(X[~train])
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert model.score(X[~train], y[~train]) > 0.93
    log_loss = -np.log(proba[np.arange(len(proba)), y[~train]]).mean()
    assert log_loss < 0.2
    sampled = KernelClassifier(max_landmarks=30, random_state=0).fit(X[train], y[train])
    assert sampled.landmarks_.shape == (30, 4)
    assert sampled.score(X[~train], y[~train]) > 0.93


@pytest.mark.parametrize("model", [KernelClassifier(), KernelRegressor()])
def test_kernel_models_keep_landmarks_as_precise_as_the_rows(model):
    X, y = load_iris(return_X_y=True)
    rows = X.astype(np.float32)
    half, whole = clone(model).fit(rows, y), clone(model).fit(rows.astype(float), y)
    assert half.landmarks_.dtype == np.float32
    np.testing.assert_array_equal(half.predict(rows), whole.predict(rows))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("model", [KernelClassifier(), KernelRegressor()])
def test_kernel_models_do_not_follow_later_changes_of_the_rows(model, dtype):
    X, y = load_iris(return_X_y=True)
    rows = X.astype(dtype)
    fitted = clone(model).fit(rows, y)
    before = fitted.predict(X)
    rows[:] = 0
    np.testing.assert_array_equal(fitted.predict(X), before)


def test_kernel_classifier_is_no_surer_than_its_rows_allow():
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = rng.normal(size=(40, 2)) + 20 * y[:, np.newaxis]  # nothing is left out wrongly
    proba = KernelClassifier().fit(X, y).predict_proba(X)
    assert proba.min() > 0.5 / 22  # Platt's target is 1 / (20 + 2)


def test_kernel_classifier_ignores_rows_of_zero_weight():
    X, y = _data()
    weight = (np.arange(len(y)) % 3 > 0).astype(float)
    weighted = KernelClassifier().fit(X, y, sample_weight=weight)
    without = KernelClassifier().fit(X[weight > 0], y[weight > 0])
    np.testing.assert_allclose(
        weighted.predict_proba(X), without.predict_proba(X), atol=1e-6
    )


@parametrize_with_checks(
    [KernelClassifier(), KernelRegressor()],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "copies are left out together"
    },
)
def test_kernel_models_pass_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


def _cells(kind):
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    if kind == "image":
        return load_digits().images[y + 4 * (y > 2)], y
    if kind == "text":
        return pd.Series([f"row {i} says {'yes' if c else 'no'}" for i, c in
                          enumerate(y)]), y  # fmt: skip
    if kind in ("audio", "sequence"):
        time = np.arange(800) / 8000
        return [np.sin(2 * np.pi * (300 + 500 * c) * time[: 400 + i])
                for i, c in enumerate(y)], y  # fmt: skip
    values = rng.normal(size=(40, 5)) + 3 * y[:, np.newaxis]
    if kind == "table":
        values = pd.DataFrame(values).assign(sky=np.where(y, "fog", "clear"))
        values.columns = values.columns.astype(str)
    return values, y


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("regression", [False, True])
def test_default_models_learn_and_take_weights(kind, regression):
    cells, y = _cells(kind)
    model = default_model(kind, regression)
    last = model.steps[-1][0]
    model = clone(model).fit(cells, y, **{f"{last}__sample_weight": np.ones(40)})
    assert model.score(cells, y) > 0.9
    assert regression or model.predict_proba(cells).shape == (40, 2)
    params = model.get_params()
    seeds = [key for key in params if key.endswith("random_state")]
    assert all(params[key] is None for key in seeds)


@pytest.mark.parametrize("regression", [False, True])
def test_vectors_under_weights(regression):
    rng = np.random.default_rng(0)
    X = {"a": rng.standard_normal((80, 4)).astype(np.float32), "b": ["x", "y"] * 40}
    y = X["a"][:, 0] * 2 + rng.standard_normal(80)
    estimator = FusionRegressor if regression else FusionClassifier
    y = y if regression else (y > 0).astype(int)
    fits = [
        estimator(random_state=0).fit(X, y, sample_weight=weight).encoders_["a"]
        for weight in (None, np.ones(80), np.where(np.arange(80) < 40, 5.0, 0.1))
    ]
    method = "predict" if regression else "predict_proba"
    outputs = [getattr(fitted, method)(X["a"]) for fitted in fits]
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-4)
    assert np.abs(outputs[0] - outputs[2]).max() > 0.01


TEXTS = [
    "A red car,  and a red\tCAR",
    "x",
    "",
    "İstanbul'da ﬁne ß 東京都 \u2003 a",
    "no\nnew words: red red red car",
    "zebra a b c zebras",
]


@pytest.mark.parametrize("ngram_range", [(2, 5), (1, 1), (4, 4)])
def test_character_ngrams_are_those_of_scikit_learn_to_the_bit(ngram_range):
    plain = TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=ngram_range,
        sublinear_tf=True,
        dtype=np.float32,
    )
    ours, new = CharacterNgrams(ngram_range), ["a zoo of cars", "", "東京 q"]
    pairs = [
        (plain.fit_transform(TEXTS), ours.fit_transform(TEXTS)),
        (plain.transform(new), ours.transform(new)),
        (plain.transform(new), CharacterNgrams(ngram_range).fit(TEXTS).transform(new)),
    ]
    for expected, found in pairs:
        assert found.dtype == np.float32
        assert found.shape == expected.shape
        for part in ("indptr", "indices", "data"):
            np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))
    names = plain.get_feature_names_out()
    np.testing.assert_array_equal(ours.get_feature_names_out(), names)


def test_default_features_of_texts_are_components_of_their_ngrams(emoji_small):
    texts = emoji_small[0]["text"].to_numpy()
    plain = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True)
    features = plain.fit_transform(texts)
    expected = TruncatedSVD(64, random_state=0).fit(features).transform(features)
    ours = default_features("text").fit(texts)
    assert isinstance(ours[0], CharacterNgrams)  # which takes a word apart once
    np.testing.assert_allclose(ours.transform(texts), expected, atol=1e-5)


def test_components_of_texts_that_repeat_stay_bounded_on_new_ones():
    """Rounding that is standardised would grow to any size on a text of its own."""
    things = ("old dark lamp", "grey steel chair", "bright new table")
    texts = np.array([f"{thing} no. {i}" for thing in things for i in range(20)])
    encoder = ClassicalEncoder("text", scores=False).fit(np.tile(texts, 3))
    new = encoder.transform(np.array([f"{thing} no. 97" for thing in things]))
    assert np.abs(new["features"]).max() < 30


def test_components_of_short_texts_are_no_larger_on_new_ones():
    rng = np.random.default_rng(0)
    letters = rng.choice(list("abcdefghijkl"), (300, 3))
    texts = np.array([" ".join(row) for row in letters])
    encoder = ClassicalEncoder("text", scores=False).fit(texts[:150])
    new = encoder.transform(texts[150:])["features"]
    assert np.sqrt(np.mean(new**2)) < 1.5


def test_character_ngrams_take_each_word_apart_once():
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefgh"), 6)) for _ in range(500)]
    texts = [" ".join(rng.choice(words, 2000)) for _ in range(40)]
    plain = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5))
    seconds = []
    for vectorizer in (CharacterNgrams(), plain):
        start = process_time()
        vectorizer.fit_transform(texts)
        seconds.append(process_time() - start)
    assert seconds[0] < seconds[1] / 2
