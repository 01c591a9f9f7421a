import numpy as np
import torch
from torch import nn

from skmultimodal.data import Ragged
from skmultimodal.encoders import BaseEncoder


class GraphEncoder(BaseEncoder):
    """Embed cells ``(nodes, edges)`` by their nodes, and by the ends of their edges."""

    def __init__(self, out_features=8):
        self.out_features = out_features

    def fit(self, cells, y=None, sample_weight=None):
        self.n_values_ = cells.iloc[0][0].shape[1]
        return self

    def transform(self, cells):
        nodes = [nodes.astype(np.float32) for nodes, _ in cells]  # (n_nodes, n_values)
        edges = [edges for _, edges in cells]  # (n_edges, 2), positions of nodes
        return {
            "nodes": Ragged.from_rows(nodes, np.float32, (self.n_values_,)),
            "edges": Ragged.from_rows(edges, np.int64, (2,)),
        }

    def build(self):
        return _Graph(self.n_values_, self.out_features)


class _Graph(nn.Module):
    def __init__(self, n_values, out_features):
        super().__init__()
        self.linear = nn.Linear(2 * n_values, out_features)
        self.out_features = out_features

    def forward(self, nodes, edges, nodes_lengths, edges_lengths):
        n, n_values = len(nodes), nodes.shape[2]
        index = edges.flatten(1)[:, :, None].expand(-1, -1, n_values)
        ends = torch.gather(nodes, 1, index).reshape(n, -1, 2, n_values)
        real = (
            torch.arange(edges.shape[1], device=edges.device) < edges_lengths[:, None]
        )
        of_edges = (ends.prod(2) * real[:, :, None]).sum(1)  # padding is no edge
        of_edges = of_edges / edges_lengths.clamp(min=1)[:, None]
        of_nodes = nodes.sum(1) / nodes_lengths.clamp(min=1)[:, None]
        return torch.relu(self.linear(torch.cat([of_nodes, of_edges], dim=1)))
