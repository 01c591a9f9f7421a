"""Recurrent and averaging networks over padded steps, blind to the padding."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["CELLS", "StepEncoder", "step_mask"]

CELLS = ("lstm", "gru", "mean", "conv")


def step_mask(lengths, n_steps):
    """Return which steps are real, bool of shape (n, n_steps)."""
    return torch.arange(n_steps, device=lengths.device) < lengths[:, None]


class StepEncoder(nn.Module):
    """Embed padded sequences of step vectors.

    Parameters
    ----------
    in_features : int
        Width of a step.
    hidden_features, out_features : int
        Width of the state and of the embedding.
    cell : {"lstm", "gru", "mean", "conv"}
        Recurrent cell run over the steps; ``"mean"`` averages projected steps and
        ``"conv"`` pools two 1-D convolutions.
    dropout : float, default=0.0
        Dropout of the pooled state.

    Notes
    -----
    Input ``(n, n_steps, in_features)`` with ``lengths`` ``(n,)``; output
    ``(n, out_features)``. The recurrent state of a row is the mean and the last of
    its real steps, so that padding never enters. A row with no step embeds zeros.
    """

    def __init__(self, in_features, hidden_features, out_features, cell, dropout=0.0):
        super().__init__()
        self.cell, self.out_features = cell, out_features
        width = hidden_features
        if cell in ("lstm", "gru"):
            kind = nn.LSTM if cell == "lstm" else nn.GRU
            self.steps = kind(in_features, hidden_features, batch_first=True)
            width = 2 * hidden_features
        elif cell == "conv":
            self.first = nn.Conv1d(in_features, hidden_features, 5, padding=2)
            self.second = nn.Conv1d(hidden_features, hidden_features, 5, padding=2)
            width = 2 * hidden_features
        else:
            self.steps = nn.Linear(in_features, hidden_features)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, out_features)

    def states(self, steps, lengths):
        """Return the state after each step, (n, n_steps, hidden_features)."""
        if self.cell in ("lstm", "gru"):
            return self.steps(steps)[0]
        if self.cell == "conv":
            mask = step_mask(lengths, steps.shape[1])[:, None].to(steps.dtype)
            maps = torch.relu(self.first(steps.transpose(1, 2))) * mask
            return torch.relu(self.second(maps) * mask).transpose(1, 2)
        return torch.relu(self.steps(steps))

    def forward(self, steps, lengths):
        states = self.states(steps, lengths)
        mask = step_mask(lengths, steps.shape[1])[:, :, None].to(states.dtype)
        counts = lengths.clamp(min=1)[:, None].to(states.dtype)
        pooled = (states * mask).sum(1) / counts
        if self.cell in ("lstm", "gru"):
            last = (lengths - 1).clamp(min=0)[:, None, None]
            last = states.gather(1, last.expand(-1, 1, states.shape[2]))[:, 0]
            pooled = torch.cat([pooled, last * (lengths > 0)[:, None]], dim=1)
        elif self.cell == "conv":
            highest = (states * mask).amax(1)  # states are non-negative
            pooled = torch.cat([pooled, highest], dim=1)
        return torch.relu(self.out(self.dropout(pooled)))
