"""Text: tokens by hand, vocabulary, any script, pooling."""

import numpy as np
import pandas as pd
import pytest
import torch

from skmultimodal import TextEncoder
from skmultimodal.encoders._text import _thinned
from skmultimodal.training._net import seeded
from skmultimodal.training._tensors import Tensors


def tokens(encoder, text):
    """Return the tokens of one text that are in the vocabulary, '?' for others."""
    names = {i: token for token, i in encoder.vocabulary_.items()}
    return [names.get(i, "?") for i in encoder.transform([text])["tokens"][0]]


def test_words_and_symbols_by_frequency():
    encoder = TextEncoder("word").fit(["Red car!", "a red bus"])
    assert encoder.vocabulary_ == {"red": 2, "!": 3, "a": 4, "bus": 5, "car": 6}
    assert tokens(encoder, "A GREEN car?") == ["a", "?", "car", "?"]


def test_characters():
    encoder = TextEncoder("char").fit(["aab"])
    assert encoder.vocabulary_ == {"a": 2, "b": 3}
    assert tokens(encoder, "bca") == ["b", "?", "a"]


def test_ngrams_of_a_word_by_hand():
    encoder = TextEncoder().fit(["car a"])
    expected = ["<car>", "<ca", "car", "ar>", "<car", "car>", "<a>"]
    assert sorted(encoder.vocabulary_) == sorted(expected)
    assert tokens(encoder, "car a") == expected


def test_ngrams_know_parts_of_unseen_words_and_leave_out_the_rest():
    encoder = TextEncoder().fit(["running"])
    assert tokens(encoder, "runner") == ["<ru", "run", "unn", "<run", "runn", "<runn"]
    assert tokens(encoder, "xyz") == []


def test_ngrams_of_east_asian_words_are_short():
    encoder = TextEncoder().fit(["東京"])
    assert tokens(encoder, "東京") == ["<東京>", "東", "京", "東京"]


def test_vowel_signs_stay_in_their_words():
    encoder = TextEncoder("word").fit(["हिन्दी भाषा", "ภาษาไทย", "שָׁלוֹם"])
    assert set(encoder.vocabulary_) == {"हिन्दी", "भाषा", "ภาษาไทย", "שָׁלוֹם"}


def test_composed_and_decomposed_letters_are_one():
    encoder = TextEncoder("word").fit(["caf\u00e9"])
    assert tokens(encoder, "CAFE\u0301") == ["caf\u00e9"]


def test_case_can_be_kept():
    encoder = TextEncoder("word", lowercase=False).fit(["US us"])
    assert set(encoder.vocabulary_) == {"US", "us"}


def test_vocabulary_is_cut_by_size_and_frequency():
    texts = ["a a a b b c"]
    assert TextEncoder("word", vocabulary_size=2).fit(texts).vocabulary_ == {
        "a": 2,
        "b": 3,
    }
    rare = TextEncoder("word", min_frequency=2).fit(texts)
    assert rare.vocabulary_ == {"a": 2, "b": 3}
    assert tokens(rare, "c") == ["?"]


def test_long_texts_are_cut_and_counted():
    encoder = TextEncoder("word", max_tokens=3).fit(["a b c d", "a b c", "a"])
    assert encoder.n_truncated_ == 1
    assert "d" not in encoder.vocabulary_
    assert encoder.transform(["a b c a"])["tokens"].lengths.tolist() == [3]
    assert TextEncoder(max_tokens=2).fit(["one two three"]).n_truncated_ == 1


def test_very_long_words_and_empty_texts():
    encoder = TextEncoder().fit(["x" * 10_000, ""])
    rows = encoder.transform(["", "   ", "x" * 10_000])["tokens"]
    assert rows.lengths[:2].tolist() == [0, 0]
    assert rows.lengths[2] > 1000


@pytest.mark.parametrize("container", [list, np.array, pd.Series])
def test_containers_of_text(container):
    encoder = TextEncoder("word").fit(container(["a b", "b"]))
    assert encoder.transform(container(["b", "a b"]))["tokens"].lengths.tolist() == [
        1,
        2,
    ]


def test_cell_that_is_no_text_names_its_row():
    cells = pd.Series(["a", 3.5], index=["p", "q"])
    with pytest.raises(ValueError, match="row 'q': expected a text as str, got float"):
        TextEncoder().fit(cells)


@pytest.mark.parametrize(("name", "value"), [("level", "words"), ("cell", "rnn")])
def test_unknown_option_is_an_error(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of TextEncoder.*{value}"):
        TextEncoder(**{name: value}).fit(["a"])


def test_mean_is_the_mean_of_known_embeddings():
    encoder = TextEncoder("word", embedding_features=4, out_features=3)
    encoder.fit(["red car", "blue bus"])
    module = encoder.build().double().eval()
    inputs = Tensors(
        {"text": encoder.transform(["red bus", "blue"])}, dtype=torch.float64
    ).batch(torch.arange(2))[0]["inputs"]["text"]
    table = module.bag.weight.detach()
    red, bus, blue = (table[encoder.vocabulary_[w]] for w in ("red", "bus", "blue"))
    expected = torch.relu(module.out(torch.stack([(red + bus) / 2, blue])))
    torch.testing.assert_close(module(**inputs), expected)


def test_unknown_tokens_start_as_zeros():
    for cell in ("mean", "lstm"):
        module = TextEncoder("word", cell).fit(["a b"]).build()
        table = module.bag if cell == "mean" else module.embedding
        assert table.weight.shape == (4, 64)
        assert (table.weight[:2] == 0).all()


@pytest.mark.parametrize(("augment", "share"), [("light", 0.1), ("strong", 0.3)])
@pytest.mark.parametrize(("cell", "instead"), [("mean", 0), ("lstm", 1)])
def test_augmentation_drops_tokens_in_training_alone(augment, share, cell, instead):
    encoder = TextEncoder("word", cell, augment=augment).fit(["a b c"])
    module = encoder.build()
    tokens = torch.full((100, 50), 3)
    tokens[:, 40:] = 0
    assert _thinned(module.eval(), tokens, instead) is tokens
    with seeded(0):
        thin = _thinned(module.train(), tokens, instead)
    assert (thin[:, 40:] == 0).all()
    kept = (thin[:, :40] == 3).float().mean()
    assert abs(1 - kept - share) < 0.02
    assert set(thin[:, :40].unique().tolist()) == {3, instead}
    lengths = torch.full((100,), 40)
    with seeded(0):
        first = module(tokens, lengths)
    with seeded(0):
        torch.testing.assert_close(module(tokens, lengths), first)


def test_a_text_without_tokens_left_is_finite():
    encoder = TextEncoder("word", augment="strong").fit(["a"])
    module = encoder.build().train()
    with seeded(0):
        out = module(torch.full((50, 1), 2), torch.ones(50, dtype=torch.int64))
    assert torch.isfinite(out).all()
