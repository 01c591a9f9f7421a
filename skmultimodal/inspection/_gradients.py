"""Integrated gradients of a network, shared out among the parts of a cell."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from skmultimodal.training._net import threads
from skmultimodal.training._network import module_key
from skmultimodal.training._tasks import EPS
from skmultimodal.training._tensors import Tensors, move

__all__ = ["integrated"]


@torch.inference_mode(False)  # needs gradients, whatever the caller has set
def integrated(
    model, cells, present, name, parts, columns, n_steps, output, at_end=False
):
    """Return values, None for errors, base and full output, by row.

    The path goes from the cell without any part to the whole one, in what the
    encoder's module reads: numbers as they are, words and categories by their
    embeddings. What changes there when a part is left out is that part's.

    Parameters
    ----------
    model : JointModel
    cells : dict of str to array-like
    present : ndarray of bool of shape (n_samples, n_modalities)
    name : str
    parts : list of Parts or None
    columns : ndarray of int of shape (n_samples,)
    n_steps : int
        Points of the midpoint rule.
    output : {"score", "probability"}
    at_end : bool, default=False
        Whether the gradient is that of the whole cell alone, of which nothing sums.
    """
    if not hasattr(model, "preparation"):
        raise ValueError(
            "method='gradients' needs a strategy trained as one network, such as "
            f"fusion='parallel' with mode='joint'. The fitted one is a "
            f"{type(model).__name__}. Use method='shapley'."
        )
    network = model.net.module_.eval()
    tensors = model.preparation.tensors((cells, present))
    values: list[Any] = [np.zeros(0)] * len(parts)
    base, full = np.full(len(parts), np.nan), np.full(len(parts), np.nan)
    with threads(model.n_threads), torch.backends.cudnn.flags(enabled=False):
        for row, one in enumerate(parts):
            if one is None:
                continue
            inputs = tensors.batch(torch.tensor([row]))[0]["inputs"]
            inputs = move(inputs, model.net.device)
            with torch.no_grad():
                others = {
                    other: network.encode(other, inputs[other])
                    for other in model.names
                    if other != name
                }
            here = torch.from_numpy(present[row : row + 1]).to(model.net.device)
            path = _Path(model, network, name, one)

            def ask(leaves, path=path, others=others, here=here, column=columns[row]):
                embedding, n = path.embedding(leaves), len(leaves[0])
                given = {other: _repeated(e, n) for other, e in others.items()}
                given[name] = embedding
                found = network.complete_and_fuse(given, here.expand(n, -1)).scores
                return _explained(model.task, found, column, output)

            values[row], base[row], full[row] = path.integrate(ask, n_steps, at_end)
    return values, None, base, full


def _repeated(embedding, n):
    if isinstance(embedding, tuple):
        return tuple(_repeated(part, n) for part in embedding)
    return embedding.expand(n, *embedding.shape[1:])


def _explained(task, scores, column, output):
    """Return the explained output of each row, as a tensor."""
    if output == "probability" or not task.has_labels:
        scores = task.link()(scores)
    elif task.one_label:  # the normaliser cancels
        if task.n_scores != task.n_outputs:
            scores = task.link()(scores).clamp(min=EPS).log()
        scores = scores - scores.mean(-1, keepdim=True)
    return scores[:, column]


class _Leaf(NamedTuple):
    """One tensor that moves along the path.

    Attributes
    ----------
    start, stop : Tensor of shape (...)
    shares : Tensor of shape (n_parts, ...)
        Share of each part in each number.
    """

    start: Tensor
    stop: Tensor
    shares: Tensor


class _Path:
    """The straight way from a cell without parts to the whole one."""

    def __init__(self, model, network, name, parts):
        self.name, self.network = name, network
        self.module = network.encoders[module_key(name)]
        self.encode = _Encode(network, name)
        self.dtype, self.device = getattr(torch, model.dtype), model.net.device
        self.encoder, n_parts = model.encoders[name], len(parts.labels)
        self.inputs: dict[str, Tensor] = {}
        self.leaves: dict[Any, _Leaf] = {}
        if parts.kind == "text":
            self._add_words(parts)
            return
        every, none = np.ones((1, n_parts)), np.zeros((1, n_parts))
        masks = np.vstack([every, none, 1 - np.eye(n_parts)]).astype(bool)
        for key, block in self._prepared(parts.kept(masks)).items():
            if "lengths" in key:
                self.inputs[key] = block[:1]
            elif block.dtype == torch.uint8 or block.is_floating_point():
                self._add(key, block.to(self.dtype))
            else:
                self._add_categories(key, block)

    def _prepared(self, cells):
        tensors = Tensors({self.name: self.encoder.transform(cells)}, dtype=self.dtype)
        rows = torch.arange(len(tensors))
        return move(tensors.batch(rows)[0]["inputs"][self.name], self.device)

    def _add(self, key, block):
        """Add numbers of the whole cell, of none, and without each part in turn."""
        change = (block[2:] - block[:1]).nan_to_num().abs()
        total, n_parts = change.sum(0), len(change)
        shares = torch.where(
            total > 0, change / total.clamp(min=1e-30), 1 / max(n_parts, 1)
        )
        self.leaves[key] = _Leaf(block[1], block[0], shares)

    def _add_categories(self, key, codes):
        tables = getattr(self.module, "embeddings", None)
        if tables is None or codes.ndim != 2 or len(tables) != codes.shape[1]:
            raise self._refusal(key)
        for k, table in enumerate(tables):
            self._add((key, k), table(codes[:, k]).detach())

    def _add_words(self, parts):
        ids = [self.encoder.transform([one]) for one in parts.segments]
        whole = self.encoder.transform([parts.value])
        table = _word_table(self.module)
        if table is None or set(whole) != {"tokens"}:
            raise self._refusal("words")
        ids, whole = [one["tokens"].values for one in ids], whole["tokens"].values
        joined = np.concatenate([whole[:0], *ids])[: len(whole)]  # a long text is cut
        if not np.array_equal(joined, whole):  # its tokens reach from word to word
            raise self._refusal("words")
        owner = np.repeat(np.arange(len(ids)), [len(one) for one in ids])[: len(whole)]
        own = owner == np.arange(len(ids))[:, None]  # (n_parts, n_tokens)
        vectors = table.weight[torch.from_numpy(whole).to(self.device)].detach()
        shares = (
            torch.from_numpy(own).to(vectors)[:, :, None].expand(-1, *vectors.shape)
        )
        self.leaves["tokens"] = _Leaf(torch.zeros_like(vectors), vectors, shares)

    def _refusal(self, what):
        return ValueError(
            f"Modality {self.name!r}: method='gradients' has no way through the {what} "
            f"of {type(self.encoder).__name__}. Use method='shapley'."
        )

    def embedding(self, leaves):
        """Return the embeddings at points of the path, of shape (n_points, ...)."""
        n = len(leaves[0])
        inputs = {key: block.expand(n) for key, block in self.inputs.items()}
        codes: dict[str, list[Tensor]] = {}
        tables: dict[str, Tensor] = {}  # of embeddings, in place of the learnt ones
        for key, points in zip(self.leaves, leaves, strict=True):
            if key == "tokens":
                flat = torch.cat([points.new_zeros(1, points.shape[2]), *points])
                tables[self._name_of(_word_table(self.module))] = flat
                inputs |= _places(points)
            elif isinstance(key, tuple):
                tables[self._name_of(self.module.embeddings[key[1]])] = points
                codes.setdefault(key[0], []).append(torch.arange(n, device=self.device))
            else:
                inputs[key] = points
        inputs |= {key: torch.stack(columns, 1) for key, columns in codes.items()}
        return functional_call(self.encode, tables, (inputs,))

    def _name_of(self, table):
        """Return the name of the weight of a table of embeddings."""
        names = (n for n, module in self.encode.named_modules() if module is table)
        return f"{next(names)}.weight"

    def integrate(self, ask, n_steps, at_end=False):
        """Return what each part adds, and the output at both ends."""
        found = list(self.leaves.values())
        with torch.no_grad():
            ends = [torch.stack([leaf.start, leaf.stop]) for leaf in found]
            base, full = ask(ends).tolist()
        times = (torch.arange(n_steps, device=self.device) + 0.5) / n_steps
        if at_end:
            times = torch.ones(1, device=self.device)
        steps = [(leaf.stop - leaf.start).nan_to_num() for leaf in found]
        points = [
            (leaf.start + times.view(-1, *[1] * step.ndim).to(step) * step)
            .detach()
            .requires_grad_()
            for leaf, step in zip(found, steps, strict=True)
        ]
        with torch.enable_grad():
            total = ask(points).sum()
            slopes = torch.autograd.grad(total, points, allow_unused=True)
        values = np.zeros(len(found[0].shares))
        for leaf, step, slope in zip(found, steps, slopes, strict=True):
            if slope is not None:
                along = (slope.nan_to_num().mean(0) * step)[None] * leaf.shares
                values += along.flatten(1).sum(1).cpu().numpy()
        sizes = np.abs(values)
        if sizes.sum() > 0 and not at_end:  # what is left of the integral is shared out
            values += (full - base - values.sum()) * sizes / sizes.sum()
        return values, base, full


def _word_table(module):
    """Return the table of embeddings of a text's module, None if it has none."""
    return getattr(module, "bag", getattr(module, "embedding", None))


def _places(points):
    """Return token ids of vectors (n_points, n_tokens, width); 0 is padding."""
    n, n_tokens = points.shape[:2]
    ids = torch.arange(1, n * n_tokens + 1, device=points.device).view(n, n_tokens)
    if not n_tokens:  # one token of padding
        ids = ids.new_zeros(n, 1)
    return {"tokens": ids, "lengths": ids.new_full((n,), n_tokens)}


class _Encode(nn.Module):
    """The encoding of one modality as a module, for other weights to be put in."""

    def __init__(self, network, name):
        super().__init__()
        self.network, self.name = network, name

    def forward(self, inputs):
        return self.network.encode(self.name, inputs)
