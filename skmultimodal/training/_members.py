"""Networks of several seeds, in one loop: each on its own loss, or one for all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice, zip_longest
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import stack_module_state, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import linear

from skmultimodal.training._callbacks import BestWeights, StopTraining
from skmultimodal.training._fit import OPTIMIZERS, make_net, torch_device, train
from skmultimodal.training._net import FusionNet, seeded, threads
from skmultimodal.training._shared import are_shareable, train_shared
from skmultimodal.training._tensors import move

__all__ = ["are_stackable", "train_apart", "train_members"]

KNOWN = ("torch.nn.", "skmultimodal.")  # packages of modules whose forward is known
APART = (
    nn.RNNBase,  # no batching rule
    nn.RNNCell,
    nn.LSTMCell,
    nn.EmbeddingBag,
    nn.modules.batchnorm._BatchNorm,  # changes its buffers in place
    nn.modules.conv._ConvNd,  # grouped convolutions are slower than one by one
)


def train_members(make_module, task, data, valid, settings, seeds, files):
    """Train a network of each seed.

    Those that start from models share their weights, see `train_shared`; others have
    weights of their own, see `train_apart`.

    Parameters
    ----------
    make_module, task, data, valid, settings
        As in `train`.
    seeds : list of int
    files : list of (Path or None)
        File of the checkpoint of each.

    Returns
    -------
    nets : list of FusionNet
        Fewer than seeds if the user ended the training by Ctrl-C.
    interrupted : bool
    """
    kind = train_apart
    if len(seeds) > 1:
        with seeded(seeds[0]):
            kind = train_shared if are_shareable(make_module()) else train_apart
    return kind(make_module, task, data, valid, settings, seeds, files)


def train_apart(make_module, task, data, valid, settings, seeds, files):
    """Build a module under each seed and train them, side by side if they allow it.

    Side by side they see the same batches, in the order that the first seed gives, and
    draw what they drop each for itself.

    Takes and returns what `train_members` does.
    """
    device, modules = torch_device(settings), []
    if len(seeds) > 1 and _allow_one_loop(settings):
        for seed in seeds[1:]:
            with seeded(seed, device):
                modules.append(make_module().to(getattr(torch, settings.dtype)))
            if not are_stackable(modules[0]):
                modules.clear()
                break
    if modules:
        with seeded(seeds[0], device), threads(settings.n_threads):
            first = make_module().to(getattr(torch, settings.dtype))
            return _train_stacked([first, *modules], task, data, valid, settings)
    nets, interrupted = [], False
    for seed, file in zip(seeds, files, strict=True):
        net, interrupted = train(make_module, task, data, valid, settings, seed, file)
        nets.append(net)
        if interrupted:
            break
    return nets, interrupted


def _allow_one_loop(settings) -> bool:
    """Whether nothing in the settings looks at one network or at its optimiser."""
    return (
        settings.optimizer in OPTIMIZERS
        and not settings.compile
        and not settings.callbacks
        and not settings.net_params
        and settings.accelerator is None
        and settings.checkpoint is None
    )


def are_stackable(network) -> bool:
    """Whether networks like this one can be one with a further axis of members.

    Where all parts are modules of torch and of this package, none of them recurrent,
    convolutional or with batch statistics, and no balance changes gradients.
    """
    return network.fusion.balance is None and all(
        f"{type(part).__module__}.".startswith(KNOWN) and not isinstance(part, APART)
        for part in network.modules()
    )


def _train_stacked(modules, task, data, valid, settings):
    early_stopping = valid is not None
    net = make_net(Stacked(modules), task, settings, early_stopping, StackedNet)
    with sdpa_kernel(SDPBackend.MATH):  # others have no batching rule
        interrupted = net.run_epochs(data, valid, settings.max_epochs)
    net.network.fill()
    nets = []
    for i, module in enumerate(modules):
        alone = make_net(module, task, settings, early_stopping)
        alone.go_on_from(_part_of(net.optimizer_.state_dict(), i), net.history_of(i))
        nets.append(alone)
    return nets, interrupted


def _dropped(part, x):
    """Return what a module of dropout gives, from 16 random bits a value.

    With torch's own draws, masks are a fifth of the time of eight small networks.
    """
    if not part.training or part.p in (0, 1):
        return nn.Dropout.forward(part, x)
    n_words, p = -(-x.numel() // 4), part.p
    bits = torch.randint(-(2**63), 2**63 - 1, (n_words,), device=x.device)
    bits = bits.view(torch.int16)[: x.numel()].view(x.shape)
    return x * ((bits >= round(p * 2**16) - 2**15) * (1 / (1 - p)))


def _gated_step(cell, x, hidden):
    """Return the next state of a GRU cell, by operations that have batching rules."""
    reset, update, new = linear(x, cell.weight_ih, cell.bias_ih).chunk(3, 1)
    r, u, n = linear(hidden, cell.weight_hh, cell.bias_hh).chunk(3, 1)
    update = (update + u).sigmoid()
    new = (new + (reset + r).sigmoid() * n).tanh()
    return new + update * (hidden - new)


FORWARD: dict[type, Callable[..., Tensor]] = {  # of members, by type
    nn.Dropout: _dropped,
    nn.GRUCell: _gated_step,
}


class _Losses(nn.Module):
    """A network that gives the losses of rows, and what its fusion tracks of them."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x, target, weight, criterion):
        noted = self.network.fusion.tracked
        losses = self.network.loss(self.network(**x), target, criterion, weight)
        tracked = [part for pair in noted for part in pair]
        noted.clear()  # they do not outlive the call
        return losses, *tracked


class Stacked(nn.Module):
    """Networks of one form, each parameter with a first axis of members.

    Parameters
    ----------
    modules : list of FusionNetwork
        They take part as forms, and are not trained themselves.
    """

    def __init__(self, modules):
        super().__init__()
        losses = [_Losses(module) for module in modules]
        parameters, buffers = stack_module_state(losses)
        self.values = nn.ParameterList(
            nn.Parameter(value.detach(), requires_grad=value.requires_grad)
            for value in parameters.values()
        )
        for i, value in enumerate(buffers.values()):
            self.register_buffer(f"buffer{i}", value)
        self.members = tuple(losses)  # in a tuple, they are no modules of this one
        known = [*losses[0].parameters(), *losses[0].buffers()]
        position = {id(value): i for i, value in enumerate(known)}
        # where the form has its state: torch.func.functional_call takes as long as
        # a small network does to find it
        self.places: list[tuple[Any, str, int]] = [
            (owner, key, position[id(value)])
            for part in losses[0].modules()
            for owner in (part._parameters, part._buffers)
            for key, value in owner.items()
            if value is not None
        ]
        self.changed = [p for p in losses[0].modules() if type(p) in FORWARD]

    def __len__(self):
        return len(self.members)

    def train(self, mode=True):
        super().train(mode)
        self.members[0].train(mode)  # whose forward all have
        return self

    def forward(self, x, target, weight, criterion):
        """Return the losses, (n_members, n), and the tracked, with that axis too."""

        for part in self.changed:
            vars(part)["forward"] = partial(FORWARD[type(part)], part)

        def losses_of(*state):
            for owner, key, i in self.places:
                owner[key] = state[i]
            return self.members[0](x, target, weight, criterion)

        before = [owner[key] for owner, key, _ in self.places]
        try:
            return vmap(losses_of, randomness="different")(*self._state())
        finally:
            for (owner, key, _), value in zip(self.places, before, strict=True):
                owner[key] = value
            for part in self.changed:
                del vars(part)["forward"]

    def _state(self):
        return [*self.values, *self.buffers()]

    def fill(self) -> None:
        """Give the networks their weights."""
        for i, member in enumerate(self.members):
            known = [*member.parameters(), *member.buffers()]
            with torch.no_grad():
                for own, values in zip(known, self._state(), strict=True):
                    own.copy_(values[i])

    def on_epoch(self, epoch):
        """Tell all networks that a training epoch begins."""
        for member in self.members:
            member.network.on_epoch(epoch)


class BestOfEach(BestWeights):
    """Keep the weights of each member's epoch with its lowest validation loss.

    A member is stopped when it would be alone: later epochs do not count for it.
    Training stops with the last of them.
    """

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        n, self.best_state_ = len(net.network), None
        self.best_loss_: Any = np.full(n, np.inf)
        self.best_epoch_: Any = np.zeros(n, dtype=int)
        self.last_epoch_ = np.zeros(n, dtype=int)

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        loss, epoch = net.figures_[-1]["valid_loss"], net.history[-1, "epoch"]
        trained = self.last_epoch_ == 0
        better = trained & (loss < self.best_loss_)
        self.best_loss_[better], self.best_epoch_[better] = loss[better], epoch
        state = net.module_.state_dict()
        if self.best_state_ is None:
            self.best_state_ = {key: value.clone() for key, value in state.items()}
        for key, value in state.items():
            self.best_state_[key][better] = value[better]
        self.last_epoch_[trained & (epoch - self.best_epoch_ >= self.patience)] = epoch
        if self.last_epoch_.all():
            raise StopTraining

    def n_epochs(self, i) -> int | None:
        """Return after how many epochs a member was stopped, None if it was not."""
        return int(self.last_epoch_[i]) or None


class StackedNet(FusionNet):
    """Trains `Stacked` networks; the history has the means of their figures.

    Their losses are added up, so that the gradients of each are its own.
    """

    keeper = BestOfEach

    def initialize(self):
        super().initialize()
        self.figures_ = []  # by epoch and name, those of each member
        self.of_batches_ = []  # losses of each member
        self.tracked_ = []
        return self

    def infer(self, x, **fit_params):
        return move(x, self.device)  # the loss is taken together with the output

    def get_loss(self, y_pred, y_true, X=None, training=False):
        y_true = move(y_true, self.device)
        target, weight = y_true if isinstance(y_true, tuple) else (y_true, None)
        losses, *tracked = self.module_(y_pred, target, weight, self.criterion_)
        each = (losses if weight is None else losses * weight).mean(1)
        self.of_batches_.append(each.detach())
        if tracked:
            self.tracked_.append([part.detach() for part in tracked])
        return each.sum()

    def _record_loss(self, prefix, losses, sizes):
        each = torch.stack(self.of_batches_).cpu().numpy().astype(float)
        self.of_batches_ = []
        super()._record_loss(prefix, each.mean(axis=1), sizes)
        if len(self.figures_) < len(self.history):
            self.figures_.append({})
        key, row = prefix + "_loss", self.figures_[-1]
        row[key] = np.average(each, axis=0, weights=sizes)
        before = [past[key] for past in self.figures_[:-1]]
        row[key + "_best"] = np.all(
            row[key] < np.reshape(before, (-1, len(row[key]))), 0
        )

    def on_epoch_end(self, net, **kwargs):
        reports = []
        for i, member in enumerate(self.network.members):
            fusion = member.network.fusion
            fusion.tracked.extend((a[i], b[i]) for a, b in self.tracked_)
            reports.append(fusion.report())
        self.tracked_ = []
        for key in reports[0]:
            self.figures_[-1][key] = np.array([report[key] for report in reports])
            self.history.record(key, float(self.figures_[-1][key].mean()))

    def history_of(self, i) -> list[dict]:
        """Return the history of the network at position `i`, until it was stopped."""
        best = dict(self.callbacks_).get("best_weights")
        n_epochs = None if best is None else best.n_epochs(i)
        rows: Any = zip_longest(self.history, self.figures_, fillvalue={})
        return [
            {**row, **{key: values[i].item() for key, values in figures.items()}}
            for row, figures in islice(rows, n_epochs)
        ]


def _part_of(state, i) -> dict:
    """Return the state of the optimiser of one member."""

    def part(value):
        one = isinstance(value, torch.Tensor) and value.ndim
        return value[i].clone() if one else value

    return {
        **state,
        "state": {
            index: {key: part(value) for key, value in values.items()}
            for index, values in state["state"].items()
        },
    }
