"""An encoder with two ragged inputs of different lengths: a graph's nodes and edges."""

import numpy as np
import pandas as pd
import torch
from torch import nn

from skmultimodal import FusionClassifier, ParallelFusion, TabularEncoder, Training
from skmultimodal.data import Ragged
from skmultimodal.encoders import BaseEncoder
from skmultimodal.encoders._shared import SharedEncoder
from skmultimodal.training._tensors import Tensors
from skmultimodal.utils.estimator_checks import check_encoder


class Graph:
    """Values of nodes, and pairs of nodes."""

    def __init__(self, nodes, edges):
        self.nodes, self.edges = nodes, edges


class GraphEncoder(BaseEncoder):
    """Mean of the nodes, and mean product of the two ends of an edge."""

    def fit(self, cells, y=None, sample_weight=None):
        self.fitted_ = True
        return self

    def transform(self, cells):
        nodes = [graph.nodes.astype(np.float32) for graph in cells]
        edges = [graph.edges for graph in cells]
        return {
            "nodes": Ragged.from_rows(nodes, np.float32),
            "edges": Ragged.from_rows(edges, np.int64, (2,)),
        }

    def build(self):
        return _GraphModule()


class _GraphModule(nn.Module):
    out_features = 3

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 3)

    def forward(self, nodes, edges, nodes_lengths, edges_lengths):
        ends = torch.gather(nodes, 1, edges.flatten(1)).unflatten(1, edges.shape[1:])
        products = ends.prod(-1)  # (n, n_edges)
        real = torch.arange(edges.shape[1]) < edges_lengths[:, None]
        of_edges = (products * real).sum(1) / edges_lengths.clamp(min=1)
        of_nodes = nodes.sum(1) / nodes_lengths.clamp(min=1)
        return self.linear(torch.stack([of_nodes, of_edges], dim=1))


def graphs(n=60, seed=0):
    """Return graphs, and whether nodes joined by edges have like signs."""
    rng = np.random.default_rng(seed)
    found, y = [], rng.integers(0, 2, n)
    for label in y:
        nodes = rng.choice([-1.0, 1.0], rng.integers(4, 9)) + rng.normal(0, 0.1)
        pairs = np.array([(i, j) for i in range(len(nodes)) for j in range(i)])
        alike = nodes[pairs].prod(axis=1) > 0
        pairs = pairs[alike == label] if (alike == label).any() else pairs
        found.append(Graph(nodes, pairs[: rng.integers(1, 12)]))
    cells = np.empty(n, dtype=object)
    cells[:] = found
    return pd.Series(cells), y


def test_the_module_gets_the_lengths_of_each():
    cells, _ = graphs(5)
    prepared = GraphEncoder().fit(cells).transform(cells)
    inputs = Tensors({"g": prepared}).batch(torch.arange(5))[0]["inputs"]["g"]
    assert sorted(inputs) == ["edges", "edges_lengths", "nodes", "nodes_lengths"]
    assert inputs["nodes_lengths"].tolist() == [len(g.nodes) for g in cells]
    assert inputs["edges_lengths"].tolist() == [len(g.edges) for g in cells]
    assert inputs["nodes_lengths"].tolist() != inputs["edges_lengths"].tolist()


def test_the_contract():
    check_encoder(GraphEncoder(), lambda: graphs()[0])


def test_columns_share_it():
    cells, _ = graphs(6)
    frame = pd.DataFrame({"a": cells[:3].to_list(), "b": cells[3:].to_list()})
    encoder = SharedEncoder(GraphEncoder()).fit(frame)
    torch.manual_seed(0)
    module = encoder.build().eval()
    inputs = Tensors({"g": encoder.transform(frame)}).batch(torch.arange(3))[0]
    alone = GraphEncoder().fit(cells).transform(cells)
    each = module.module(
        **Tensors({"g": alone}).batch(torch.arange(6))[0]["inputs"]["g"]
    )
    torch.testing.assert_close(
        module(**inputs["inputs"]["g"]), (each[:3] + each[3:]) / 2
    )


def test_it_learns_from_the_edges():
    cells, y = graphs(240)
    noise = np.random.default_rng(1).normal(size=240)
    X = pd.DataFrame({"graph": cells, "noise": noise})
    encoders = [("graph", GraphEncoder()), ("noise", TabularEncoder(out_features=2))]
    clf = FusionClassifier(
        encoders,
        ParallelFusion(),
        random_state=0,
        training=Training(lr=0.05, max_epochs=15),
    )
    assert clf.fit(X[:180], y[:180]).score(X[180:], y[180:]) > 0.9
