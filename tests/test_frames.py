"""Several images in a cell: albums and short sequences of frames."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skmultimodal import (
    DecisionFusion,
    FusionClassifier,
    ImageEncoder,
    MultimodalData,
    Training,
    load,
)
from skmultimodal.data._hashing import row_keys
from skmultimodal.encoders import ImageFeatures
from skmultimodal.encoders._auto import infer_columns

N = 40
Y = np.arange(N) % 2


@pytest.fixture(scope="module")
def clips():
    """Two to four frames, of which a bright one tells the class."""
    rng = np.random.default_rng(0)
    cells = np.empty(N, dtype=object)
    for i, y in enumerate(Y):
        clip = rng.integers(0, 60, (2 + i % 3, 12, 12, 3), dtype=np.uint8)
        clip[i % len(clip), :, :, 0 if y else 2] += 180
        cells[i] = clip
    return pd.Series(cells)


def as_lists(clips):
    return clips.map(lambda clip: [Image.fromarray(frame) for frame in clip])


def as_paths(clips, folder):
    names = []
    for i, clip in enumerate(clips):
        names.append([f"{i}_{k}.png" for k in range(len(clip))])
        for name, frame in zip(names[-1], clip, strict=True):
            Image.fromarray(frame).save(folder / name)
    return pd.Series(names)


def test_forms_agree(clips, tmp_path):
    forms = {"array": clips, "list": as_lists(clips), "path": as_paths(clips, tmp_path)}
    features = ImageFeatures(root=tmp_path)
    expected = [ImageFeatures().transform(clip).mean(axis=0) for clip in clips]
    for cells in forms.values():
        (inferred,) = infer_columns(cells.to_frame("clip")).values()
        assert inferred.kind == "image"
        found = features.fit(cells).transform(cells)
        np.testing.assert_allclose(found, np.stack(expected), atol=1e-5)
    assert infer_columns(MultimodalData({"c": np.zeros((3, 2, 9, 9, 3))}))[
        "c"
    ].kind == ("image")
    keys = [row_keys(cells) for cells in (clips, as_lists(clips), as_lists(clips))]
    np.testing.assert_array_equal(keys[1], keys[2])  # by content, not by object


@pytest.mark.parametrize("fusion", ["auto", "feature"])
def test_the_class_is_found_among_the_frames(clips, fusion, tmp_path):
    X = pd.DataFrame({"clip": clips, "noise": np.zeros(N)})
    X.loc[1, "clip"] = None
    training = Training(max_epochs=25, lr=0.01)
    encoders = {"noise": "drop"}
    if fusion == "auto":
        fusion = DecisionFusion(weights="uniform")
    else:
        encoders["clip"] = ImageEncoder((4, 8), 8, dropout=0.0)
    clf = FusionClassifier(encoders, fusion, training, random_state=0)
    clf.fit(X[:30], Y[:30])
    proba = clf.predict_proba(X[30:])
    assert (proba.argmax(1) == Y[30:]).mean() >= 0.9
    # frames in another order, more of them, and one alone
    turned = X[30:].assign(clip=X["clip"][30:].map(lambda clip: clip[::-1]))
    np.testing.assert_allclose(clf.predict_proba(turned), proba, atol=1e-5)
    longer = X[30:].assign(clip=X["clip"][30:].map(lambda c: np.repeat(c, 20, axis=0)))
    assert clf.predict_proba(longer).shape == proba.shape
    one = X[30:].assign(clip=X["clip"][30:].map(lambda clip: clip[0]))
    assert clf.predict_proba(one).shape == proba.shape
    clf.save(tmp_path / "model.zip")
    again = load(tmp_path / "model.zip").predict_proba(X[30:])
    np.testing.assert_array_equal(again, proba)


def test_an_unreadable_frame_is_named_and_may_be_absent(clips):
    broken = as_lists(clips)
    broken[3] = [broken[3][0], b"no image"]
    X = pd.DataFrame({"clip": broken, "noise": np.zeros(N)})
    clf = FusionClassifier(fusion=DecisionFusion(weights="uniform"))
    with pytest.raises(ValueError, match="'clip', row 3: cannot identify image"):
        clf.fit(X, Y)
    clf.set_params(on_error="missing")
    with pytest.warns(UserWarning, match="1 of 40 cells cannot be read"):
        assert clf.fit(X, Y).missing_report_ is not None


def test_a_pair_of_sound_and_rate_and_plain_lists_are_none(clips):
    tone = [(np.sin(np.arange(200.0)), 8000)] * 5
    assert infer_columns(pd.DataFrame({"c": tone}))["c"].kind == "audio"
    tags = pd.DataFrame({"c": [["a", "b"], ["c"]] * 5})
    assert infer_columns(tags)["table"].kind == "table"
    png = io.BytesIO()
    Image.fromarray(clips[0][0]).save(png, "png")
    frames = pd.DataFrame({"c": [[png.getvalue()] * 2] * 5})
    assert infer_columns(frames)["c"].kind == "image"
