"""What every encoder promises, on real cells."""

import pickle
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
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
from skmultimodal._data import Ragged
from skmultimodal._training import Tensors
from skmultimodal.encoders._base import as_encoder

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
    "audio": (AudioEncoder(), "audio"),
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
    "transformer-sparse": (as_encoder(TfidfVectorizer()), "text"),
    "transformer-dense": (as_encoder(StandardScaler()), "block"),
}


WITH_TOKENS = ("image", "text", "audio", "sequence")


@pytest.fixture(scope="module")
def cells(digits_small, birdstrikes_small, emoji_small):
    """Cells of each kind: {kind: N rows}."""
    digits, birds, emoji = (
        X.iloc[:N] for X, _ in (digits_small, birdstrikes_small, emoji_small)
    )
    vectors = [
        np.asarray(image, dtype=float)[::2].ravel()[:16] for image in digits.image
    ]
    series = [
        wave[: len(wave) // 80 * 80].reshape(-1, 80)[::4, :3] for wave in digits.audio
    ]
    series = [np.array(rows, dtype=float) for rows in series]
    series[3][2:4, 1] = np.nan
    return {
        "table": birds.drop(columns="text"),
        "vector": pd.Series(vectors),
        "block": np.stack(vectors),
        "image": emoji.image,
        "digit": digits.image,
        "text": emoji.text,
        "audio": digits.audio,
        "sequence": pd.Series(series),
    }


@pytest.fixture(params=list(CASES))
def case(request, cells):
    """An unfitted encoder and N cells it takes."""
    encoder, kind = CASES[request.param]
    return clone(encoder), cells[kind]


@pytest.fixture(params=[n for n in CASES if n.split("-")[0] in WITH_TOKENS])
def token_case(request, cells):
    """The same for encoders whose module gives tokens."""
    encoder, kind = CASES[request.param]
    return clone(encoder), cells[kind]


def take(cells, rows):
    return cells.iloc[rows] if hasattr(cells, "iloc") else cells[rows]


def batch(prepared, rows, dtype=torch.float32):
    """Return the keyword arguments of the module for some rows."""
    tensors = Tensors({"m": prepared}, dtype=dtype)
    return tensors.batch(torch.as_tensor(rows))[0]["inputs"]["m"]


def built(encoder, dtype=torch.float32):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return encoder.build().to(dtype)


def test_embedding_has_the_declared_width_and_is_finite(case):
    encoder, cells = case
    prepared = encoder.fit(cells).transform(cells)
    module = built(encoder).eval()
    embedding = module(**batch(prepared, range(N)))
    assert embedding.shape == (N, module.out_features)
    assert embedding.dtype == torch.float32
    assert torch.isfinite(embedding).all()
    assert embedding.std(dim=0).max() > 1e-3  # rows differ


def check_gradients(module, out):
    out.square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_gradients_reach_every_parameter(case):
    encoder, cells = case
    prepared = encoder.fit(cells).transform(cells)
    module = built(encoder).train()
    check_gradients(module, module(**batch(prepared, range(N))))


def test_gradients_reach_every_parameter_from_tokens(token_case):
    encoder, cells = token_case
    prepared = encoder.fit(cells).transform(cells)
    module = built(encoder).train()
    check_gradients(module, module.tokens(**batch(prepared, range(N)))[0])


def test_row_does_not_depend_on_its_batch(case):
    encoder, cells = case
    prepared = encoder.fit(cells).transform(cells)
    module = built(encoder, torch.float64).eval()
    whole = module(**batch(prepared, range(N), torch.float64))
    for row in range(0, N, 7):
        alone = module(**batch(prepared, [row], torch.float64))
        torch.testing.assert_close(alone[0], whole[row], rtol=1e-9, atol=1e-11)


def test_transform_of_one_row_is_that_of_all(case):
    encoder, cells = case
    prepared = encoder.fit(cells).transform(cells)
    for row in (0, N // 2, N - 1):
        alone = encoder.transform(take(cells, [row]))
        for key, values in alone.items():
            np.testing.assert_allclose(values[0], prepared[key][row], atol=1e-5)


def test_absent_rows_give_finite_values_and_gradients(case):
    encoder, cells = case
    half = N // 2
    prepared = encoder.fit(cells).transform(take(cells, range(half)))
    present = np.arange(N) % 2 == 0
    spread = {}
    for key, rows in prepared.items():
        if isinstance(rows, Ragged):
            spread[key] = rows.expand(present)
        else:
            spread[key] = np.zeros((N, *rows.shape[1:]), rows.dtype)
            spread[key][present] = rows
    module = built(encoder).train()
    for rows in (range(N), [1, 3]):  # some absent, all absent
        embedding = module(**batch(spread, rows))
        assert torch.isfinite(embedding).all()
        embedding.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())


def test_tokens_are_masked_and_row_independent(token_case):
    encoder, cells = token_case
    prepared = encoder.fit(cells).transform(cells)
    module = built(encoder, torch.float64).eval()
    inputs = batch(prepared, range(N), torch.float64)
    tokens, mask = module.tokens(**inputs)
    assert tokens.shape == (*mask.shape, module.out_features)
    assert mask.dtype == torch.bool
    if "lengths" in inputs:
        torch.testing.assert_close(mask.sum(1), inputs["lengths"])
    alone, _ = module.tokens(**batch(prepared, [5], torch.float64))
    torch.testing.assert_close(alone[0], tokens[5][mask[5]], rtol=1e-9, atol=1e-11)


def test_specification_holds_no_torch_object_and_hashes_like_its_clone(case):
    encoder, cells = case
    twin = clone(encoder)
    assert joblib.hash(twin.get_params()) == joblib.hash(encoder.get_params())
    assert joblib.hash(twin) == joblib.hash(encoder)
    encoder.fit(cells)
    before = joblib.hash(vars(encoder))
    encoder.transform(cells)
    encoder.build()
    assert joblib.hash(vars(encoder)) == before  # neither learns anything
    for value in vars(encoder).values():
        assert not isinstance(value, torch.Tensor | nn.Module)


def test_fitted_encoder_survives_pickle(case):
    encoder, cells = case
    encoder.fit(cells)
    copy = pickle.loads(pickle.dumps(encoder))
    rows = list(range(5))
    first = built(encoder).eval()(**batch(encoder.transform(cells), rows))
    second = built(copy).eval()(**batch(copy.transform(cells), rows))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_fit_is_repeatable_and_leaves_cells_alone(case):
    encoder, cells = case
    before = joblib.hash(cells)
    encoder.fit(cells)
    encoder.transform(cells)
    assert joblib.hash(cells) == before
    again = clone(encoder).fit(cells)
    assert joblib.hash(vars(again)) == joblib.hash(vars(encoder))


def test_each_build_is_a_new_module(case):
    encoder, cells = case
    encoder.fit(cells)
    first, second = encoder.build(), encoder.build()
    shared = {id(p) for p in first.parameters()} & {id(p) for p in second.parameters()}
    assert not shared


@pytest.mark.parametrize("name", [name for name in CASES if name != "module"])
def test_preprocessing_learns_from_the_cells_of_fit_only(name, cells):
    encoder, kind = CASES[name]
    train, test = take(cells[kind], range(20)), take(cells[kind], range(20, N))
    alone = clone(encoder).fit(train)
    state = joblib.hash(vars(alone))
    alone.transform(test)
    assert joblib.hash(vars(alone)) == state
    leaky = clone(encoder).fit(cells[kind])
    assert joblib.hash(vars(leaky)) != state  # a leak would show in the state


def test_fitted_statistics_do_not_depend_on_row_order(case):
    encoder, cells = case
    prepared = encoder.fit(cells).transform(cells)
    order = np.arange(N)[::-1]
    turned = clone(encoder).fit(take(cells, order)).transform(cells)
    for key, values in turned.items():
        for row in (0, N - 1):
            np.testing.assert_allclose(values[row], prepared[key][row], atol=1e-4)
