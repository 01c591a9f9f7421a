"""Members that share the weights of one network, but for a vector a modality."""

from __future__ import annotations

import copy
from functools import partial

import torch
from torch import nn

from skmultimodal.training._fit import make_net, train
from skmultimodal.training._network import module_key

__all__ = ["Shared", "are_shareable", "train_shared"]


def are_shareable(network) -> bool:
    """Whether members of a network like this one are to share its weights.

    Where it starts from models, and learns little beyond them.
    """
    backbone = network.backbone
    return (
        backbone is not None
        and backbone.starts_from_models
        and all(hasattr(part, "scaling") for part in network.encoders.values())
    )


def train_shared(make_module, task, data, valid, settings, seeds, files):
    """Train one network of as many members as there are seeds, then take it apart.

    Takes and returns what `train_members` does; of seeds and files, the first counts.
    The state of the optimiser and the history are the same for all.
    """
    make = partial(_make_shared, make_module, len(seeds))
    net, interrupted = train(make, task, data, valid, settings, seeds[0], files[0])
    state = _state_of_network(net)
    nets = []
    for i in range(len(seeds)):
        alone = make_net(net.network.member(i), task, settings, valid is not None)
        alone.go_on_from(copy.deepcopy(state), copy.deepcopy(net.history_))
        nets.append(alone)
    return nets, interrupted


def _make_shared(make_module, n_members):
    return Shared(make_module(), n_members)


class Shared(nn.Module):
    """A network in which each member multiplies embeddings by vectors of its own.

    The vectors, one a modality, start as random signs, as in TabM-mini [1]_; all other
    weights are shared. In training each row of a batch is for one member [2]_, so that
    all of them cost as much as one; otherwise the output is the mean over members.

    Parameters
    ----------
    network : FusionNetwork
        Its encoders have a buffer ``scaling``.
    n_members : int

    References
    ----------
    .. [1] Y. Gorishniy, A. Kotelnikov, A. Babenko, "TabM: advancing tabular deep
       learning with parameter-efficient ensembling", ICLR, 2025.
    .. [2] Y. Wen, D. Tran, J. Ba, "BatchEnsemble: an alternative approach to efficient
       ensemble and lifelong learning", ICLR, 2020.
    """

    def __init__(self, network, n_members):
        super().__init__()
        self.network, self.n_members = network, n_members
        vectors = {}
        for key, encoder in network.encoders.items():
            signs = torch.randint(0, 2, (n_members, len(encoder.scaling))) * 2 - 1
            vectors[key] = nn.Parameter(signs.to(encoder.scaling.dtype))
        self.vectors = nn.ParameterDict(vectors)

    @property
    def fusion(self):
        return self.network.fusion

    def on_epoch(self, epoch):
        self.network.on_epoch(epoch)

    def settle(self, loss, mean):
        self.network.settle(loss, mean)

    def loss(self, output, target, criterion, weight=None):
        return self.network.loss(output, target, criterion, weight)

    def forward(self, inputs, present=None):
        if self.training:
            some = next(iter(next(iter(inputs.values())).values()))
            rows = torch.arange(len(some), device=some.device)
            if len(rows) < self.n_members:  # not always for the first of them
                rows = rows + torch.randint(self.n_members, (), device=some.device)
            return self._said(rows % self.n_members, inputs, present)
        said = [self._said(i, inputs, present) for i in range(self.n_members)]
        return said[0]._replace(
            **{
                field: torch.stack([getattr(each, field) for each in said]).mean(0)
                for field in ("scores", "embedding", "branch_scores", "weights")
                if getattr(said[0], field) is not None
            }
        )

    def _said(self, member, inputs, present):
        """Return the output of a member, or of the one of each row."""
        scaled = {}
        for name, parts in inputs.items():
            vectors = self.vectors[module_key(name)]
            scaled[name] = {**parts, "scaling": vectors[member]}
        return self.network(scaled, present)

    def member(self, i):
        """Return the network that a member is alone."""
        network = copy.deepcopy(self.network)
        for key, encoder in network.encoders.items():
            encoder.scaling.copy_(self.vectors[key][i].detach())
        return network


def _state_of_network(net) -> dict:
    """Return the state of the optimiser without that of the vectors of members."""
    vectors = {id(vector) for vector in net.network.vectors.values()}
    state = net.optimizer_.state_dict()
    kept: dict[int, int] = {}
    groups = []
    for group, known in zip(
        net.optimizer_.param_groups, state["param_groups"], strict=True
    ):
        left = [
            index
            for parameter, index in zip(group["params"], known["params"], strict=True)
            if id(parameter) not in vectors
        ]
        places = range(len(kept), len(kept) + len(left))
        kept.update(zip(left, places, strict=True))
        groups.append({**known, "params": list(places)})
    own = {kept[i]: value for i, value in state["state"].items() if i in kept}
    return {**state, "state": own, "param_groups": groups}
