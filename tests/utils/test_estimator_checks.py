"""The public checks find what they are for, and say whose fault it is."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from skmultimodal import BaseEncoder, ParallelFusion, TabularEncoder
from skmultimodal.fusion import FusionModule, FusionOutput, JointFusion, per_modality
from skmultimodal.utils.estimator_checks import (
    check_encoder,
    check_fusion,
    encoder_checks_generator,
    fusion_checks_generator,
)

CELLS = np.random.default_rng(0).normal(size=(12, 3))


class Sum(JointFusion):
    """Sum of linear scores; `fault` breaks one promise."""

    modality_dropout = 0.0

    def __init__(self, weights="uniform", fault=None):
        self.weights = weights
        self.fault = fault

    @property
    def has_branches(self):
        return self.fault in ("mute", "mixed")

    def build(self, in_features, n_outputs):
        if self.fault == "writes":
            self.n_outputs_ = n_outputs
        if self.fault == "seeds":
            torch.manual_seed(0)
        return _Sum(in_features, n_outputs, self)


class _Sum(FusionModule):
    def __init__(self, in_features, n_outputs, spec):
        super().__init__(in_features)
        self.fault, self.shares = spec.fault, dict.fromkeys(in_features, 1.0)
        if isinstance(spec.weights, dict) and self.fault != "weights":
            self.shares = spec.weights
        bias = self.fault == "bias"
        self.heads = per_modality(
            in_features, lambda name: nn.Linear(in_features[name], n_outputs, bias)
        )
        if self.fault == "untrained":
            self.factor = nn.Parameter(torch.ones(1))
        if self.fault == "unregistered":
            self.level = torch.randn(n_outputs)

    def forward(self, embeddings, present=None):
        fault, pairs = (
            self.fault,
            zip(self.heads.values(), embeddings.items(), strict=True),
        )
        parts = [self.shares[name] * head(value) for head, (name, value) in pairs]
        joined = torch.cat(list(embeddings.values()), 1)
        scores, branches = sum(parts), None
        if fault == "batch":
            scores = scores - scores.mean(0)
        if fault == "mask" and present is not None:
            scores = scores + 1
        if fault == "shape":
            scores = scores[:, :1]
        if fault == "nothing" and present is not None:
            scores = scores / present.sum(1, keepdim=True)
        if fault == "precision":
            scores = scores.float()
        if fault == "unregistered":
            scores = scores + self.level
        if fault == "mixed":
            branches = torch.stack(parts[::-1], 1)
        if fault == "in place":
            joined = next(iter(embeddings.values())).mul_(2)
        return FusionOutput(scores, joined, branches)

    def loss(self, output, target, criterion):
        losses = super().loss(output, target, criterion)
        return losses.mean().expand(len(losses)) if self.fault == "loss" else losses


class Changes(ParallelFusion):
    def __init__(self, weights="uniform"):
        super().__init__(weights)
        self.made_up = True


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (Sum(fault="untrained"), "Sum: the parameter 'fusion.factor' gets no gradient"),
        (Sum(fault="batch"), "Sum: in eval mode the scores of a row depend"),
        (Sum(fault="mask"), "Sum: scores differ between present=None"),
        (Sum(fault="shape"), r"Sum: 'scores' .* must have shape \(24, 3\)"),
        (Sum(fault="writes"), "Sum: build changed the specification"),
        (Sum(fault="seeds"), "Sum: build seeds torch"),
        (Sum(fault="weights"), "Sum: other 'weights' give the same predictions"),
        (Sum(fault="bias"), "Sum: the parameters of a modality change rows in which"),
        (Sum(fault="nothing"), "'present' is all False is not finite"),
        (Sum(fault="precision"), "Sum: the scores of a module in torch.float64 are"),
        (Sum(fault="unregistered"), "Sum: a module differs from another one whose"),
        (Sum(fault="mute"), "Sum: has_branches=True, but forward returns no"),
        (Sum(fault="mixed"), "Sum: 'branch_scores' of modality 0 change with other"),
        (Sum(fault="in place"), "Sum: forward writes into the embeddings"),
        (Sum(fault="loss"), "Sum: the loss of a row depends on its batch"),
        (Changes(), "Changes: __init__ must set one attribute a parameter"),
    ],
    ids=lambda case: getattr(case, "fault", ""),
)
def test_faulty_strategies_are_found(strategy, message):
    found = []
    for part, check in fusion_checks_generator(strategy):
        try:
            check(part)
        except Exception as error:  # a fault may break other checks altogether
            found.append(str(error))
    assert any(re.search(message, text) for text in found), found
    with pytest.raises((AssertionError, RuntimeError)):
        check_fusion(strategy)


class Linear(BaseEncoder):
    """A linear layer; `fault` breaks one promise."""

    def __init__(self, fault=None):
        self.fault = fault

    def fit(self, cells, y=None, sample_weight=None):
        if self.fault == "torch":
            self.centre_ = torch.zeros(cells.shape[1])
        if self.fault == "parameter":
            self.fault = "parameter too"
        if self.fault == "arguments" and sample_weight is not None:
            raise TypeError("got an unexpected keyword argument 'sample_weight'")
        if self.fault == "seeds":
            np.random.seed(0)  # noqa: NPY002
        self.n_ = cells.shape[1]
        return None if self.fault == "nothing" else self

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
        ("parameter", "Linear: fit changed the parameter 'fault'"),
        ("arguments", r"Linear: fit must be fit\(cells, y=None, sample_weight=None\)"),
        ("seeds", "Linear: fit, transform or build seeds torch, or touches numpy"),
        ("nothing", "Linear: fit must return self. Got NoneType"),
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
