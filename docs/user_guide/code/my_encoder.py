import numpy as np
import torch
from torch import nn

from skmultimodal import BaseEncoder


class LetterEncoder(BaseEncoder):
    """Embed text by how often it uses each letter."""

    def __init__(self, out_features=16):
        self.out_features = out_features

    def fit(self, cells, y=None, sample_weight=None):
        self.letters_ = sorted(set("".join(cells).lower()))
        return self

    def transform(self, cells):
        counts = [[text.lower().count(c) for c in self.letters_] for text in cells]
        counts = np.array(counts, dtype=float)  # (n, n_letters)
        return {"shares": counts / counts.sum(1, keepdims=True).clip(min=1)}

    def build(self):
        return _Letters(len(self.letters_), self.out_features)


class _Letters(nn.Module):
    def __init__(self, n_letters, out_features):
        super().__init__()
        self.linear = nn.Linear(n_letters, out_features)
        self.out_features = out_features

    def forward(self, shares):
        return torch.relu(self.linear(shares))
