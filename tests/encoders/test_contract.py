"""What every encoder promises, on real cells."""

from functools import cache, partial

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import StandardScaler
from torch import nn

from skmultimodal import (
    AudioEncoder,
    ImageEncoder,
    ModuleEncoder,
    SequenceEncoder,
    TabularEncoder,
    TextEncoder,
)
from skmultimodal.data._containers import take_rows
from skmultimodal.datasets import load_birdstrikes, load_emoji, load_spoken_digits
from skmultimodal.encoders._base import as_encoder
from skmultimodal.utils.estimator_checks import parametrize_with_encoder_checks

N = 40  # rows

CASES = {
    "table": (TabularEncoder(), "table"),
    "table-deep": (TabularEncoder((16, 8), 5, dropout=0.1, min_frequency=3), "table"),
    "vectors": (TabularEncoder(out_features=6), "vector"),
    "image": (ImageEncoder(), "image"),
    "image-two-stages": (ImageEncoder((8, 16), 10, n_channels=1, size=16), "image"),
    "image-augmented": (ImageEncoder(augment="strong", dropout=0.1), "image"),
    "image-grey": (ImageEncoder(), "digit"),
    "text": (TextEncoder(), "text"),
    "text-word-lstm": (TextEncoder("word", "lstm", dropout=0.1), "text"),
    "text-word-gru": (TextEncoder("word", "gru", bidirectional=False), "text"),
    "text-char-conv": (TextEncoder("char", "conv", out_features=7), "text"),
    "text-augmented": (TextEncoder(augment="strong"), "text"),
    "audio": (AudioEncoder(), "audio"),
    "audio-augmented": (AudioEncoder(augment="strong"), "audio"),
    "audio-gru": (AudioEncoder(cell="gru", bidirectional=False), "audio"),
    "audio-mean": (AudioEncoder(cell="mean", n_mels=20, out_features=9), "audio"),
    "sequence": (SequenceEncoder(), "sequence"),
    "sequence-lstm": (SequenceEncoder("lstm", bidirectional=False), "sequence"),
    "sequence-conv": (SequenceEncoder("conv", hidden_features=6), "sequence"),
    "module": (ModuleEncoder(partial(nn.Linear, 16, 8)), "vector"),
    "module-scaled": (
        ModuleEncoder(partial(nn.Linear, 16, 8), preprocess=StandardScaler()),
        "block",
    ),
    "module-frozen": (ModuleEncoder(partial(nn.Linear, 16, 8), freeze=True), "vector"),
    "transformer-sparse": (as_encoder(TfidfVectorizer()), "text"),
    "transformer-dense": (as_encoder(StandardScaler()), "block"),
}


@cache
def cells_of(kind):
    """N cells of one kind of modality."""
    if kind == "table":
        return sample(load_birdstrikes).drop(columns="text")
    if kind in ("image", "text"):
        return sample(load_emoji)[kind]
    digits = sample(load_spoken_digits)
    if kind in ("digit", "audio"):
        return digits["image" if kind == "digit" else "audio"]
    if kind == "sequence":
        waves = [wave[: len(wave) // 80 * 80] for wave in digits.audio]
        series = [np.array(w.reshape(-1, 80)[::4, :3], dtype=float) for w in waves]
        series[3][2:4, 1] = np.nan
        return pd.Series(series)
    vectors = [np.asarray(im, dtype=float)[::2].ravel()[:16] for im in digits.image]
    return np.stack(vectors) if kind == "block" else pd.Series(vectors)


@cache
def sample(load):
    return load(return_X_y=True)[0].sample(N, random_state=0).reset_index(drop=True)


@parametrize_with_encoder_checks(
    [(encoder, partial(cells_of, kind)) for encoder, kind in CASES.values()]
)
def test_contract(encoder, check):
    check(encoder)


@pytest.mark.parametrize(
    "name", [name for name in CASES if name not in ("module", "module-frozen")]
)
def test_preprocessing_learns_from_the_cells_of_fit_only(name):
    encoder, kind = CASES[name]
    cells = cells_of(kind)
    few = clone(encoder).fit(take_rows(cells, np.arange(20)))
    all_cells = clone(encoder).fit(cells)
    assert joblib.hash(vars(few)) != joblib.hash(vars(all_cells))


@pytest.mark.parametrize("name", CASES)
def test_fitted_statistics_do_not_depend_on_row_order(name):
    encoder, kind = CASES[name]
    cells, order = cells_of(kind), np.arange(N)[::-1]
    prepared = clone(encoder).fit(cells).transform(cells)
    turned = clone(encoder).fit(take_rows(cells, order)).transform(cells)
    for key, values in turned.items():
        for row in (0, N - 1):
            np.testing.assert_allclose(values[row], prepared[key][row], atol=1e-4)
