"""Networks over padded steps that are blind to the padding."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["CELLS", "StepEncoder", "step_mask"]

CELLS = ("lstm", "gru", "conv", "mean")


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
        Width of the state (of one direction) and of the embedding.
    cell : {"lstm", "gru", "conv", "mean"}
        Recurrent cell run over the steps; ``"conv"`` is two 1-D convolutions and
        ``"mean"`` a layer applied to each step.
    dropout : float, default=0.0
        Dropout of the pooled state.
    bidirectional : bool, default=False
        Whether a second recurrent cell reads each row from its own last step to
        its first.

    Notes
    -----
    Input ``(n, n_steps, in_features)`` with ``lengths`` ``(n,)``; output
    ``(n, out_features)``. States are pooled over the real steps of a row, as their
    mean and, where order matters, the final state (recurrent) or the maximum
    (convolution), so that neither padding nor other rows enter. A row without
    steps pools to zeros.
    """

    def __init__(
        self,
        in_features,
        hidden_features,
        out_features,
        cell,
        dropout=0.0,
        bidirectional=False,
    ):
        super().__init__()
        self.cell, self.out_features = cell, out_features
        self.recurrent = cell in ("lstm", "gru")
        width = hidden_features
        if self.recurrent:
            kind = nn.LSTM if cell == "lstm" else nn.GRU
            self.ahead = kind(in_features, hidden_features, batch_first=True)
            self.back = None
            if bidirectional:
                self.back = kind(in_features, hidden_features, batch_first=True)
                width *= 2
        elif cell == "conv":
            self.first = nn.Conv1d(in_features, hidden_features, 5, padding=2)
            self.second = nn.Conv1d(hidden_features, hidden_features, 5, padding=2)
        else:
            self.project = nn.Linear(in_features, hidden_features)
        self.n_pools = 1 if cell == "mean" else 2
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(self.n_pools * width, out_features)

    def _states(self, steps, lengths, mask):
        """Return the state of each step, (n, n_steps, width)."""
        if self.cell == "conv":
            real = mask[:, None].to(steps.dtype)  # (n, 1, n_steps)
            maps = torch.relu(self.first(steps.transpose(1, 2) * real))
            return torch.relu(self.second(maps * real)).transpose(1, 2)
        if not self.recurrent:
            return torch.relu(self.project(steps))
        states = self.ahead(steps)[0]
        if self.back is None:
            return states
        behind = _reverse(self.back(_reverse(steps, lengths))[0], lengths)
        return torch.cat([states, behind], dim=2)

    def _final(self, states, lengths):
        """Return the state after a row's last step, in each direction."""
        last = (lengths - 1).clamp(min=0)[:, None, None]
        final = states.gather(1, last.expand(-1, 1, states.shape[2]))[:, 0]
        if self.back is not None:
            half = states.shape[2] // 2
            final = torch.cat([final[:, :half], states[:, 0, half:]], dim=1)
        return final * (lengths > 0)[:, None]

    def forward(self, steps, lengths):
        mask = step_mask(lengths, steps.shape[1])
        states = self._states(steps, lengths, mask)
        real = mask[:, :, None].to(states.dtype)
        counts = lengths.clamp(min=1)[:, None].to(states.dtype)
        pools = [(states * real).sum(1) / counts]
        if self.recurrent:
            pools.append(self._final(states, lengths))
        elif self.cell == "conv":
            pools.append((states * real).amax(1))  # states are not negative
        return torch.relu(self.out(self.dropout(torch.cat(pools, dim=1))))

    def tokens(self, steps, lengths):
        """Return each step as the embedding of a row with this state alone.

        Returns
        -------
        tokens : Tensor of shape (n, n_steps, out_features)
        mask : Tensor of bool of shape (n, n_steps)
            Real steps.
        """
        mask = step_mask(lengths, steps.shape[1])
        states = self._states(steps, lengths, mask)
        pools = torch.cat([states] * self.n_pools, dim=2)
        return torch.relu(self.out(self.dropout(pools))), mask


def _reverse(steps, lengths):
    """Reverse the real steps of each row; padding stays behind them."""
    index = torch.arange(steps.shape[1], device=lengths.device)
    index = lengths[:, None] - 1 - index  # (n, n_steps), negative in the padding
    index = index.clamp(min=0)[:, :, None].expand(-1, -1, steps.shape[2])
    return steps.gather(1, index)
