"""Sequential fusion: one modality after the other, each sees the state before it."""

from __future__ import annotations

import torch
from torch import nn

from skmultimodal._network import FusionModule, FusionOutput, module_key, per_modality
from skmultimodal.fusion._joint import JointFusion
from skmultimodal.fusion._layers import Heads, SimplexWeights

__all__ = ["SequentialFusion"]


class _Sequential(FusionModule):
    def __init__(self, in_features, n_outputs, spec):
        super().__init__(in_features)
        self.aux_weight, self.detach = spec.aux_weight, spec.detach
        self.state_features = width = spec.state_features
        self.stages = per_modality(
            self.names, lambda name: nn.GRUCell(in_features[name], width)
        )
        self.heads = Heads(dict.fromkeys(self.names, width), n_outputs)
        weights = spec.weights
        if weights == "last":
            self.simplex = None
        else:
            self.simplex = SimplexWeights(self.names, weights)

    def modality_weights(self):
        if self.simplex is not None:
            return self.simplex.static()
        return torch.eye(len(self.names))[-1]

    def forward(self, embeddings, present=None):
        n, like = len(embeddings[self.names[0]]), embeddings[self.names[0]]
        state = like.new_zeros(n, self.state_features)
        states = {}
        for m, name in enumerate(self.names):
            before = state.detach() if self.detach else state
            state = self.stages[module_key(name)](embeddings[name], before)
            if present is not None:  # an absent modality passes the state through
                state = torch.where(present[:, m, None], state, before)
            states[name] = state
        stage_scores = self.heads(states)  # (n, n_modalities, n_outputs)
        if self.simplex is not None:
            weights = self.simplex(n, present)
        else:
            weights = _last_present(n, len(self.names), present, like)
        scores = (weights[:, :, None] * stage_scores).sum(1)
        return FusionOutput(scores, state, stage_scores, weights)


def _last_present(n, n_modalities, present, like):
    """Return weight 1 for the last present stage of each row."""
    weights = like.new_zeros(n, n_modalities)
    if present is None:
        weights[:, -1] = 1
        return weights
    steps = torch.arange(1, n_modalities + 1, device=like.device)
    last = (present * steps).argmax(1)
    weights[torch.arange(n, device=like.device), last] = 1
    return weights
