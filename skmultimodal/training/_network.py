"""The joint network: encode each modality, drop some in training, fuse."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from skmultimodal.training._balance import BALANCERS, Balance
from skmultimodal.training._random import seed_torch
from skmultimodal.training._settings import JointTraining

__all__ = [
    "FusionModule",
    "FusionNetwork",
    "FusionOutput",
    "per_modality",
]


class FusionOutput(NamedTuple):
    """What a fusion module returns for a batch.

    Attributes
    ----------
    scores : Tensor of shape (n_samples, n_outputs)
        Values before the link (softmax, sigmoid or identity).
    embedding : Tensor of shape (n_samples, n_features)
        Fused embedding.
    branch_scores : Tensor of shape (n_samples, n_modalities, n_outputs) or None
        Scores of each modality (or stage), in the order of ``module.names``.
    weights : Tensor of shape (n_samples, n_modalities) or None
        Weights of the modalities in each row; absent ones have weight zero.
    present : Tensor of shape (n_samples, n_modalities) or None
        Modalities that were used, filled in by the network.
    """

    scores: Tensor
    embedding: Tensor
    branch_scores: Tensor | None = None
    weights: Tensor | None = None
    present: Tensor | None = None


class FusionModule(nn.Module):
    """Base class of the torch part of a strategy.

    A subclass writes ``forward(embeddings, present) -> FusionOutput``, where
    `embeddings` maps each name to a tensor ``(n_samples, in_features[name])`` with
    zeros for absent rows, and `present` is a boolean tensor
    ``(n_samples, n_modalities)``, columns in the order of `in_features`, or None
    when every row has every modality.

    Parameters
    ----------
    in_features : dict of str to int
        Width of each modality's embedding.

    Attributes
    ----------
    takes_tokens : bool
        Class attribute. If True, each embedding arrives as a pair of tokens
        ``(n_samples, n_tokens, in_features[name])`` and the mask of real tokens.
    sums_branches : bool
        Class attribute. If True, ``scores`` is the sum over modalities (or stages) of
        ``weights * branch_scores``.
    additive : bool
        Class attribute. If True, each term of that sum is of its modality alone.
    aux_weight, agreement_weight : float
        Weights of the branches' own losses and of their disagreement, used by
        :meth:`loss` where the output has ``branch_scores``.
    balance : Balance or None
        Changes the gradients of the encoders.
    aux_heads : nn.Module or None
        Heads of the branches that only their own losses need; :meth:`train_with`
        leaves them out where these have no weight.
    blend : sequence of float or None
        Weights of the losses of the branches and, last, of the fused scores, in
        place of `aux_weight` and 1.
    """

    takes_tokens = False
    sums_branches = False
    additive = False
    aux_weight = 0.0
    agreement_weight = 0.0
    balance: Balance | None = None
    blend: Sequence[float] | None = None

    def __init__(self, in_features: dict[str, int]):
        super().__init__()
        self.names = list(in_features)
        self.aux_heads: Callable[..., Tensor] | None = None
        # the branches' losses and masks in this epoch's batches
        self.tracked: list[tuple[Tensor, Tensor]] = []
        self.row_weight: Tensor | None = None  # of the batch whose loss is being taken

    def fit_to(self, task: Any) -> None:
        """Take note of the task; by default, the same module serves all tasks."""

    def train_with(self, joint: JointTraining) -> None:
        """Take the weights of losses, and the balance, that the training asks for."""
        self.aux_weight = joint.aux_weight
        self.agreement_weight = joint.agreement_weight
        self.blend = joint.blend
        if not joint.aux_weight and joint.backbone is not True:
            self.aux_heads = None
        make = BALANCERS.get(str(joint.balance))
        if make is not None and len(self.names) > 1:
            self.balance = make(joint.balance_strength)
        if joint.balance == "mmpareto":  # where all losses count the same
            self.aux_weight = float(len(self.names))

    def modality_weights(self) -> Tensor | None:
        """Return the weights of shape (n_modalities,), None if they vary by row."""
        return None

    def row_weights(self, embeddings, present=None) -> Tensor | None:
        """Return how much each modality counts in each row, (n, n_modalities).

        By default the ``weights`` of the output; None where a module has none.
        """
        return self(embeddings, present).weights

    def on_epoch(self, epoch: int) -> None:
        """Take note that training epoch `epoch` (1, 2, ...) begins."""

    def begin_epoch(self, epoch: int) -> None:
        """Forget the losses of the last epoch, and call :meth:`on_epoch`."""
        self.on_epoch(epoch)
        self.tracked = []

    def weighted_loss(self, output, target, criterion, weight=None) -> Tensor:
        """Return :meth:`loss` while :meth:`track` knows the weights of the rows."""
        self.row_weight = weight
        losses = self.loss(output, target, criterion)
        self.row_weight = None
        return losses

    def loss(self, output: FusionOutput, target: Tensor, criterion) -> Tensor:
        """Return the loss of each row, of shape (n_samples,)."""
        losses = self.head_loss(output.scores, target, criterion)
        branches = output.branch_scores
        if branches is None:
            if self.balance is not None or self.blend is not None:
                raise ValueError(
                    f"{type(self).__name__} gives no scores of single modalities, "
                    "which 'balance' compares. Return them as 'branch_scores', or "
                    "set balance=None."
                )
            return losses
        present = output.present
        if present is None:
            present = torch.ones(
                branches.shape[:2], dtype=torch.bool, device=losses.device
            )
        mask = present.to(losses.dtype)  # (n, n_modalities)
        n_modalities = len(self.names)
        trained = self.aux_weight or self.blend is not None
        shown = self.training and branches.shape[1] == n_modalities > 1
        if trained or shown:
            heads = branches if trained else branches.detach()
            aux = torch.stack(
                [
                    self.head_loss(heads[:, m], target, criterion)
                    for m in range(n_modalities)
                ],
                1,
            )
            self.track(self.truth_losses(aux.detach(), branches, target), mask)
        if self.blend is not None:
            *shares, fused = self.blend
            losses = fused * losses + (aux.new_tensor(shares) * mask * aux).sum(1)
        elif self.aux_weight:
            alone = self.aux_weight / n_modalities * (mask * aux)
            losses = losses + alone.sum(1)
            if self.training and self.balance is not None:
                self.balance.keep(alone)
        if self.agreement_weight:
            gaps = branches[:, :, None] - branches[:, None]  # (n, m, m, n_outputs)
            pairs = mask[:, :, None] * mask[:, None]
            gaps = (gaps**2).mean(-1) * pairs
            losses = losses + self.agreement_weight / 4 * gaps.sum((1, 2))
        return losses

    def head_loss(self, scores: Tensor, target: Tensor, criterion) -> Tensor:
        """Return the loss of each row for fused scores or those of a branch, (n,)."""
        return criterion(scores, target)

    def truth_losses(self, losses: Tensor, branches: Tensor, target: Tensor) -> Tensor:
        """Return -log of how likely the truth is for each branch, (n, n_modalities)."""
        return losses

    def track(self, losses: Tensor, mask: Tensor) -> None:
        """Note the branches' own losses of a training batch, (n, n_modalities)."""
        if self.training:
            if self.row_weight is not None:
                mask = mask * self.row_weight[:, None]
            self.tracked.append((losses, mask))
            if self.balance is not None:
                self.balance.update(losses, mask)

    def report(self) -> dict[str, float]:
        """Return how likely each modality alone gave the truth in this epoch.

        The mean of ``exp(-loss)`` of the branch, for a classifier the probability of
        the true class, over the training rows that have the modality, by weight. With
        blended losses also their weights, that of the fused scores as ``"blend"``.
        """
        if self.balance is not None:
            self.balance.forget()
        if not self.tracked:
            return {}
        losses, mask = map(torch.cat, zip(*self.tracked, strict=True))
        self.tracked = []
        means = (mask * torch.exp(-losses)).sum(0) / mask.sum(0).clamp(min=1e-30)
        keys = [f"alone_{name}" for name in self.names]
        report = dict(zip(keys, means.tolist(), strict=True))
        if self.blend is not None:
            keys = [*(f"blend_{name}" for name in self.names), "blend"]
            report |= dict(zip(keys, self.blend, strict=True))
        return report


def per_modality(
    names: Iterable[str], make: Callable[[str], nn.Module]
) -> nn.ModuleDict:
    """Return a ModuleDict whose entries are initialised from their own name.

    Adding, dropping or permuting modalities then leaves the other entries as
    they were.

    Parameters
    ----------
    names : iterable of str
        Names of the modalities.

    make : callable
        From a name to its new module.

    Returns
    -------
    nn.ModuleDict
        The modules, under ``module_key(name)``.
    """
    base = torch.initial_seed()
    modules = nn.ModuleDict()
    for name in names:
        with torch.random.fork_rng(devices=[]):
            seed_torch(derived_seed(base, name))
            modules[module_key(name)] = make(name)
    return modules


def derived_seed(seed: int, name: str) -> int:
    """Return a seed that depends on `seed` and on `name` only."""
    return zlib.crc32(f"{seed}/{name}".encode()) & 0x7FFFFFFF


def module_key(name: str) -> str:
    """Return `name` as a key that torch accepts for a submodule."""
    return "modality_" + name.replace(".", "_dot_")


class FusionNetwork(nn.Module):
    """Encoders, modality dropout and a fusion module, as one network.

    Parameters
    ----------
    encoders : dict of str to callable
        Function that returns the modality's encoder module.
    make_fusion : callable
        Called with ``{name: out_features}``; returns a `FusionModule`.
    modality_dropout : float, default=0.0
        Probability that a present modality is hidden from a row in training.
        One modality is always left.
    make_backbone : callable or None, default=None
        Called with the encoders' modules and the fusion module; returns the module
        that adds the sum of branch scores to the output, or None.
    """

    def __init__(self, encoders, make_fusion, modality_dropout=0.0, make_backbone=None):
        super().__init__()
        self.names = list(encoders)
        self.encoders = per_modality(self.names, lambda name: encoders[name]())
        widths = {
            name: self.encoders[module_key(name)].out_features for name in self.names
        }
        self.fusion = make_fusion(widths)
        modules = {name: self.encoders[module_key(name)] for name in self.names}
        self.backbone = make_backbone and make_backbone(modules, self.fusion)
        self.modality_dropout = modality_dropout if len(self.names) > 1 else 0.0
        self.imputer = None  # a module that fills in absent embeddings

    def impute_by(self, imputer: nn.Module) -> None:
        """Fill in absent embeddings by a module from now on."""
        self.imputer = imputer

    def forward(self, inputs, present=None):
        embeddings = {name: self.encode(name, inputs[name]) for name in self.names}
        return self.complete_and_fuse(embeddings, present)

    def complete_and_fuse(self, embeddings, present=None):
        """Return the output for given embeddings, absent ones imputed if so fitted."""
        return self.fuse(*self._completed(embeddings, present))

    def row_weights(self, embeddings, present=None):
        """Return the weights of the modalities in each row, None without any."""
        embeddings, present = self._completed(embeddings, present)
        return self.fusion.row_weights(
            self._without_absent(embeddings, present), present
        )

    def _completed(self, embeddings, present):
        if self.imputer is not None and present is not None and not self.training:
            return self.imputer(embeddings, present)
        return embeddings, present

    def encode(self, name: str, inputs: dict[str, Tensor]):
        """Return one modality's embedding, or its tokens and their mask."""
        module = self.encoders[module_key(name)]
        if not self.fusion.takes_tokens:
            return module(**inputs)
        as_tokens: Callable[..., Any] | None = getattr(module, "tokens", None)
        if as_tokens is not None:
            return as_tokens(**inputs)
        tokens = module(**inputs)[:, None]
        return tokens, torch.ones(
            tokens.shape[:2], dtype=torch.bool, device=tokens.device
        )

    def fuse(self, embeddings, present=None):
        """Return the output of the fusion module for given embeddings."""
        if self.training and self.modality_dropout:
            present = self._drop(embeddings, present)
        embeddings = self._without_absent(embeddings, present)
        output = self.fusion(embeddings, present)._replace(present=present)
        if self.backbone is None:
            return output
        return self.backbone(output, embeddings, present)

    def _without_absent(self, embeddings, present):
        if present is None:
            return embeddings
        return {
            name: _zero_absent(embeddings[name], present[:, m])
            for m, name in enumerate(self.names)
        }

    def on_epoch(self, epoch):
        """Tell the fusion module that a training epoch begins."""
        self.fusion.begin_epoch(epoch)
        if self.fusion.balance is not None:
            self._modulate()

    def _modulate(self):
        """Let the balance change gradients; hooks are lost by pickling."""
        for m, name in enumerate(self.names):
            for i, parameter in enumerate(self._trained(name)):
                adjust = _Adjust(self.fusion.balance, m, i)
                hooks = (parameter._backward_hooks or {}).values()
                if adjust not in hooks:
                    parameter.register_hook(adjust)

    def _trained(self, name):
        """Return the parameters of an encoder that are trained."""
        parameters = self.encoders[module_key(name)].parameters()
        return [parameter for parameter in parameters if parameter.requires_grad]

    def settle(self, loss, mean):
        """Let the balance look at the loss of a batch, before its gradients are taken.

        `mean` makes a loss of losses of rows.
        """
        if self.fusion.balance is not None:
            encoders = [self._trained(name) for name in self.names]
            self.fusion.balance.settle(loss, mean, encoders)

    def loss(self, output, target, criterion, weight=None):
        """Return the loss of each row, (n_samples,), not multiplied by its weight."""
        return self.fusion.weighted_loss(output, target, criterion, weight)

    def _drop(self, embeddings, present):
        """Draw which modalities stay: the one with the largest draw always does."""
        first = next(iter(embeddings.values()))
        first = first[0] if isinstance(first, tuple) else first
        draw = torch.rand(len(first), len(self.names), device=first.device)
        if present is not None:
            draw = torch.where(present, draw, -1.0)
        keep = draw >= self.modality_dropout
        keep |= draw == draw.amax(dim=1, keepdim=True)
        return keep if present is None else keep & present


class _Adjust(NamedTuple):
    """Hook by which a balance changes the gradient of parameter `i` of encoder `m`."""

    balance: Any
    m: int
    i: int

    def __call__(self, gradient):
        return self.balance.adjust(self.m, gradient, self.i)


def _zero_absent(embedding, present):
    """Put zeros in the rows of absent modalities, whatever the encoder gave."""
    if isinstance(embedding, tuple):
        tokens, mask = embedding
        tokens = torch.where(present[:, None, None], tokens, 0.0)
        return tokens, mask & present[:, None]
    return torch.where(present[:, None], embedding, 0.0)
