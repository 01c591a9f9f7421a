"""The public checks find what they are for, and say whose fault it is."""

import numpy as np
import pytest
import torch
from torch import nn

from skmultimodal import BaseEncoder, ParallelFusion, TabularEncoder
from skmultimodal.fusion import FusionModule, FusionOutput, JointFusion
from skmultimodal.utils.estimator_checks import (
    check_encoder,
    check_fusion,
    encoder_checks_generator,
    fusion_checks_generator,
)

CELLS = np.random.default_rng(0).normal(size=(12, 3))


class Sum(JointFusion):
    """Sum of linear scores; `fault` breaks one promise."""

    def __init__(self, weights="uniform", modality_dropout=0.0, fault=None):
        self.weights = weights
        self.modality_dropout = modality_dropout
        self.fault = fault

    def build(self, in_features, n_outputs):
        if self.fault == "writes":
            self.n_outputs_ = n_outputs
        return _Sum(in_features, n_outputs, self.fault)


class _Sum(FusionModule):
    def __init__(self, in_features, n_outputs, fault):
        super().__init__(in_features)
        self.fault = fault
        self.heads = nn.ModuleList(
            nn.Linear(width, n_outputs, bias=False) for width in in_features.values()
        )
        if fault == "untrained":
            self.factor = nn.Parameter(torch.ones(1))

    def forward(self, embeddings, present=None):
        parts = [
            head(value)
            for head, value in zip(self.heads, embeddings.values(), strict=True)
        ]
        scores = sum(parts)
        if self.fault == "batch":
            scores = scores - scores.mean(0)
        if self.fault == "mask" and present is not None:
            scores = scores + 1
        if self.fault == "shape":
            scores = scores[:, :1]
        return FusionOutput(scores, torch.cat(list(embeddings.values()), 1))


class Changes(ParallelFusion):
    def __init__(self, weights="uniform", modality_dropout=0.0):
        super().__init__(str(weights), modality_dropout=modality_dropout)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (Sum(fault="untrained"), "Sum: the parameter 'fusion.factor' gets no gradient"),
        (Sum(fault="batch"), "Sum: in eval mode the scores of a row depend"),
        (Sum(fault="mask"), "Sum: scores differ between present=None"),
        (Sum(fault="shape"), r"Sum: 'scores' .* must have shape \(24, 3\)"),
        (Sum(fault="writes"), "Sum: build changed the specification"),
        (Changes(), "Changes: __init__ must set one attribute a parameter"),
    ],
    ids=["untrained", "batch", "mask", "shape", "writes", "changes"],
)
def test_faulty_strategies_are_found(strategy, message):
    with pytest.raises(AssertionError, match=message):
        check_fusion(strategy)


class Linear(BaseEncoder):
    """A linear layer; `fault` breaks one promise."""

    def __init__(self, fault=None):
        self.fault = fault

    def fit(self, cells, y=None, sample_weight=None):
        if self.fault == "torch":
            self.centre_ = torch.zeros(cells.shape[1])
        self.n_ = cells.shape[1]
        return self

    def transform(self, cells):
        values = cells - cells.mean(axis=0) if self.fault == "leaks" else cells
        return {"values": values} if self.fault != "bare" else values

    def build(self):
        return _Linear(self.n_, self.fault)


class _Linear(nn.Module):
    def __init__(self, n_features, fault):
        super().__init__()
        self.linear, self.fault = nn.Linear(n_features, 2), fault
        self.out_features = 3 if fault == "width" else 2

    def forward(self, values):
        if self.fault == "divides":
            values = values / values.norm(dim=1, keepdim=True)
        if self.fault == "batch":
            values = values - values.mean(0)
        return self.linear(values)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("torch", "Linear: fit keeps a torch object in 'centre_'"),
        ("leaks", "Linear: transform prepares 'values' of row 0 differently alone"),
        ("bare", "Linear: transform must return a dict"),
        ("width", r"Linear: the embedding must be \(12, 3\). Got \(12, 2\)"),
        ("divides", "Linear: the embedding is not finite where cells are absent"),
        ("batch", "Linear: in eval mode row 0 depends on its batch"),
    ],
)
def test_faulty_encoders_are_found(fault, message):
    with pytest.raises(AssertionError, match=message):
        check_encoder(Linear(fault), CELLS)


def test_sound_ones_pass_with_cells_read_late():
    check_encoder(Linear(), lambda: CELLS)
    parts = list(fusion_checks_generator(Sum()))
    assert len(parts) > 20
    for strategy, check in parts:
        check(strategy)


def test_what_cannot_be_checked_is_refused():
    with pytest.raises(TypeError, match=r"need an instance of a strategy.*Got 'gated'"):
        list(fusion_checks_generator("gated"))
    with pytest.raises(TypeError, match="need an instance of an encoder"):
        list(encoder_checks_generator(TabularEncoder, CELLS))
    with pytest.raises(ValueError, match=r"Linear need 8 or more cells. Got 3"):
        check_encoder(Linear(), CELLS[:3])
