"""Several images of a row joined by gated attention instead of their mean."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from skmultimodal import (
    FusionClassifier,
    ImageEncoder,
    PretrainedEncoder,
    Training,
    load,
)
from skmultimodal.data import stack_images
from skmultimodal.encoders import BaseEncoder
from skmultimodal.encoders._modules import GatedAttention
from skmultimodal.encoders._shared import shared
from skmultimodal.encoders.pretrained._models import FrozenHead
from skmultimodal.training._tensors import Tensors

PRESENT = torch.tensor([[1, 1, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]]).bool()


@pytest.fixture
def pooling():
    torch.manual_seed(0)
    return GatedAttention(5).double()


@pytest.fixture
def embeddings():
    return torch.randn(3, 4, 5, dtype=torch.double, requires_grad=True)


def by_hand(pooling, rows):
    """Ilse, Tomczak & Welling (2018), equation (9), in numpy."""
    p = {name: value.detach().numpy() for name, value in pooling.named_parameters()}
    content = np.tanh(rows @ p["V.weight"].T + p["V.bias"])
    gate = 1 / (1 + np.exp(-(rows @ p["U.weight"].T + p["U.bias"])))
    scores = np.exp((content * gate) @ p["w.weight"][0])
    return scores / scores.sum()


def test_weights_are_those_of_the_paper(pooling, embeddings):
    rows = embeddings.detach().numpy()[0, [0, 1, 3]]
    expected = by_hand(pooling, rows)
    weights = pooling.weights(embeddings, PRESENT).detach().numpy()
    np.testing.assert_allclose(weights[0], [*expected[:2], 0, expected[2]])
    np.testing.assert_array_equal(weights[1:], [[0, 1, 0, 0], [0, 0, 0, 0]])
    pooled = pooling(embeddings, PRESENT).detach().numpy()
    np.testing.assert_allclose(pooled[0], expected @ rows)
    np.testing.assert_array_equal(pooled[1], embeddings.detach().numpy()[1, 1])
    np.testing.assert_array_equal(pooled[2], np.zeros(5))


def test_neither_order_nor_what_is_absent_matters(pooling, embeddings):
    pooled, order = pooling(embeddings, PRESENT), torch.tensor([2, 0, 3, 1])
    turned = pooling(embeddings[:, order], PRESENT[:, order])
    torch.testing.assert_close(turned, pooled)
    padding = torch.full((3, 6, 5), 1e3, dtype=torch.double)
    absent = torch.zeros(3, 6, dtype=torch.bool)
    longer = pooling(
        torch.cat([embeddings, padding], 1), torch.cat([PRESENT, absent], 1)
    )
    torch.testing.assert_close(longer, pooled)


def test_gradients_reach_each_weight_and_present_image_alone(pooling, embeddings):
    pooling(embeddings, PRESENT).square().sum().backward()
    for parameter in pooling.parameters():
        assert parameter.grad.abs().sum() > 0
    moved = embeddings.grad.abs().sum(2) > 0
    np.testing.assert_array_equal(moved, PRESENT)


class Frozen(BaseEncoder):
    """What is trained of a frozen model of images, over their pixels."""

    reads = "image"

    def __init__(self, frames="mean"):
        self.frames = frames

    def transform(self, cells):
        return {"features": stack_images(cells, 8, 1).reshape(len(cells), -1)}

    def build(self):
        return FrozenHead(64, (), 16, 0.0)


def bags(n):
    """Three to six digits, of which a bright one is below five or not."""
    rng, digits = np.random.default_rng(0), load_digits()
    images, cells, y = (digits.images * 15).astype(np.uint8), [], []
    for size in rng.integers(3, 7, n):
        rows = rng.integers(0, len(images), size)
        cell, bright = images[rows] // 2, rng.integers(size)
        cell[bright] = images[rows[bright]]
        cells.append(cell[..., None])
        y.append(digits.target[rows[bright]] < 5)
    return pd.DataFrame({"digits": cells, "noise": rng.normal(size=n)}), np.array(y)


def test_one_image_that_matters_is_found(tmp_path):
    X, y = bags(300)
    X.at[3, "digits"] = None
    X.at[4, "digits"] = X.at[4, "digits"][0]
    training = Training(max_epochs=30, lr=0.01)
    clf = FusionClassifier({"digits": Frozen()}, "feature", training, random_state=0)
    fits = {
        frames: clone(clf)
        .set_params(encoders={"digits": Frozen(frames)})
        .fit(X[:150], y[:150])
        for frames in ("mean", "attention")
    }
    mean, attention = (fit.score(X[150:], y[150:]) for fit in fits.values())
    assert attention > mean + 0.05
    clf = fits["attention"]
    proba = clf.predict_proba(X)
    turned = X.assign(digits=X["digits"].map(_turned))
    np.testing.assert_allclose(clf.predict_proba(turned), proba, atol=1e-5)
    np.testing.assert_allclose(clf.predict_proba(X[3:8]), proba[3:8], atol=1e-5)
    clf.save(tmp_path / "model.zip")
    again = load(tmp_path / "model.zip", trusted=[Frozen])
    np.testing.assert_array_equal(again.predict_proba(X), proba)


def _turned(cell):
    return cell if cell is None or cell.ndim == 3 else cell[::-1]


def test_the_encoder_of_images_has_it_as_a_parameter():
    X, y = bags(24)
    X = X[["digits"]]
    clf = FusionClassifier(
        [("digits", ImageEncoder((4,), 4))], "parallel", Training(max_epochs=1)
    )
    grid = {"digits__frames": ["mean", "attention"]}
    search = GridSearchCV(clf, grid, cv=2, error_score="raise").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    clf.set_params(digits__frames="max")
    with pytest.raises(ValueError, match=r"'frames'.*must be .*'mean'.*Got 'max'"):
        clf.fit(X, y)


def test_columns_are_weighted_as_the_images_of_a_cell_are():
    clips, _ = bags(20)
    cells = clips["digits"].map(lambda cell: list(cell[:3]))
    columns = pd.DataFrame(cells.tolist(), index=cells.index).astype(object)
    encoder, made = ImageEncoder((4,), 4, frames="attention"), []
    for given in (cells, columns):
        fitted = shared(encoder, given).fit(given)
        torch.manual_seed(0)
        inputs = Tensors({"m": fitted.transform(given)}).batch(torch.arange(20))[0]
        module = fitted.build().eval()
        made.append(module(**inputs["inputs"]["m"]).detach())
        with torch.no_grad():
            module.attention.w.weight *= 100
        assert not torch.allclose(module(**inputs["inputs"]["m"]), made[-1])
    torch.testing.assert_close(*made)


def test_pretrained_encoders_check_it():
    with pytest.raises(ValueError, match="'frames'"):
        PretrainedEncoder("timm/resnet18", frames="max").fit([np.zeros((8, 8))])
