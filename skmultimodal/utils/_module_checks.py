"""Checks of the torch module that a strategy builds."""

from __future__ import annotations

import pickle
from functools import partial

import joblib
import numpy as np
import torch
from sklearn.base import clone
from torch import nn

from skmultimodal.training._criterion import Criterion
from skmultimodal.training._net import seeded
from skmultimodal.training._network import FusionModule, FusionNetwork, module_key
from skmultimodal.training._tasks import Classification, Regression
from skmultimodal.utils._checks import (
    assert_close,
    global_state_kept,
    require,
    require_gradients,
)

__all__ = ["module_checks", "refuses"]

N_ROWS = 24
WIDTHS = (5, 3, 4, 1, 7, 2, 6, 9)  # of the embeddings of up to 8 modalities
SIZES = (2, 3, 8)


def module_checks(strategy, training):
    """Yield the checks that apply to the module of a strategy."""
    joint = strategy.joint_training(training.settings(N_ROWS))
    for check in _checks():
        yield partial(check, joint=joint)


def _checks():
    for n_modalities in SIZES:
        for absent in (False, True):
            case = {"n_modalities": n_modalities, "absent": absent}
            yield partial(check_output, **case)
            yield partial(check_gradients, **case)
        yield partial(check_absent_values, n_modalities=n_modalities)
    yield check_full_mask
    yield check_absent_parameters
    yield check_nothing_present
    yield partial(check_rows_apart, absent=False)
    yield partial(check_rows_apart, absent=True)
    yield check_loss_rows_apart
    yield check_branches
    yield check_precision
    yield check_embeddings_kept
    yield check_build
    yield check_state


class _Vector(nn.Module):
    """An encoder whose embedding is its input."""

    def __init__(self, out_features):
        super().__init__()
        self.out_features = out_features

    def forward(self, values):
        return values


class _Steps(nn.Module):
    """An encoder of sequences, whose tokens are their steps."""

    def __init__(self, out_features):
        super().__init__()
        self.out_features = out_features

    def forward(self, values, lengths):
        tokens, mask = self.tokens(values, lengths)
        return (tokens * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True).clamp(1)

    def tokens(self, values, lengths):
        return values, torch.arange(values.shape[1]) < lengths[:, None]


def _task(strategy):
    """Return a task that the strategy is defined for, and a target."""
    classes = torch.arange(N_ROWS) % 3
    task: Classification | Regression = Classification(np.arange(3))
    if refuses(strategy, task):
        values = np.linspace(-1, 1, N_ROWS)
        task = Regression(values)
        return task, torch.as_tensor(task.encode(values), dtype=torch.float32)
    return task, classes


def refuses(strategy, task):
    """Whether `check_task` says that the strategy is not defined for the task."""
    try:
        getattr(strategy, "check_task", lambda task: None)(task)
    except ValueError as error:
        name = type(strategy).__name__
        require(name in str(error), strategy, f"check_task must name {name}.")
        return True
    return False


def _network(strategy, joint, n_modalities, seed=0):
    encoders = {
        f"m{m}": partial(_Steps if m % 2 else _Vector, WIDTHS[m])
        for m in range(n_modalities)
    }
    task, _ = _task(strategy)
    with seeded(seed):
        return FusionNetwork(encoders, partial(strategy.build_for, task, joint=joint))


def _inputs(n_modalities):
    generator = torch.Generator().manual_seed(1)
    inputs, lengths = {}, _lengths(n_modalities)
    for m in range(n_modalities):
        shape = (N_ROWS, 4, WIDTHS[m]) if m % 2 else (N_ROWS, WIDTHS[m])
        inputs[f"m{m}"] = {"values": torch.randn(shape, generator=generator)}
        if m % 2:
            inputs[f"m{m}"]["lengths"] = lengths[:, m]
    return inputs


def _lengths(n_modalities):
    """Return the length of each row, 0 to 4 steps; a vector counts as one."""
    rows, modalities = torch.arange(N_ROWS)[:, None], torch.arange(n_modalities)
    return torch.where(modalities % 2 == 1, (rows + modalities) % 5, 1)


def _presence(n_modalities, absent=True):
    """Return presence in which every modality is absent from some row, none lost."""
    if not absent:
        return None
    rows = torch.arange(N_ROWS)[:, None]
    present = (rows + torch.arange(n_modalities)) % 3 != 0
    present[:, 0] |= ~present.any(1)
    present[-1] = False
    present[-1, -1] = True  # and one row has a single modality
    return present


def check_output(strategy, joint, n_modalities, absent):
    """The output has the right shapes and is finite; weights are shares."""
    net, present = (
        _network(strategy, joint, n_modalities).eval(),
        _presence(n_modalities),
    )
    present = present if absent else None
    module, (task, _) = net.fusion, _task(strategy)
    require(
        isinstance(module, FusionModule),
        strategy,
        f"build must return a FusionModule. Got {type(module).__name__}.",
    )
    output = net(_inputs(n_modalities), present)
    shapes = {
        "scores": (N_ROWS, task.n_outputs),
        "embedding": (N_ROWS, output.embedding.shape[-1]),
        "branch_scores": (N_ROWS, n_modalities, task.n_outputs),
        "weights": (N_ROWS, n_modalities),
    }
    for field, shape in shapes.items():
        value = getattr(output, field)
        if value is None and field in ("branch_scores", "weights"):
            continue
        where = f"{field!r} of forward, {n_modalities} modalities,"
        got = tuple(value.shape)
        require(got == shape, strategy, f"{where} must have shape {shape}. Got {got}.")
        require(torch.isfinite(value).all(), strategy, f"{where} is not finite.")
    if output.weights is not None:
        sums, lengths = output.weights.sum(1), _lengths(n_modalities)
        whole = (lengths > 0).all(1)  # a row of empty sequences may have no weights
        assert_close(sums[whole], torch.ones(sum(whole)), strategy, "weights sum to 1")
        off = output.weights if present is None else output.weights[~present]
        require((output.weights >= 0).all(), strategy, "weights must not be negative.")
        require(
            present is None or (off == 0).all(),
            strategy,
            "the weight of an absent modality must be zero.",
        )
    if module.additive:
        total = (output.weights[:, :, None] * output.branch_scores).sum(1)
        assert_close(total, output.scores, strategy, "additive, but the sum differs")


def check_gradients(strategy, joint, n_modalities, absent):
    """Every parameter gets a finite gradient from the loss.

    A parameter that stands for absent modalities has "absent" in its name.
    """
    net, (task, target) = (
        _network(strategy, joint, n_modalities).train(),
        _task(strategy),
    )
    with seeded(0):
        output = net(_inputs(n_modalities), _presence(n_modalities, absent))
    losses = net.loss(output, target, Criterion(task))
    require(
        losses.shape == (N_ROWS,),
        strategy,
        f"loss must return one value per row, ({N_ROWS},). Got {tuple(losses.shape)}.",
    )
    require(torch.isfinite(losses).all(), strategy, "the loss is not finite.")
    losses.sum().backward()
    unused = [] if absent else ["absent"]
    require_gradients(net, strategy, unused)


def check_absent_values(strategy, joint, n_modalities):
    """What stands in the place of an absent modality does not matter."""
    net, present = (
        _network(strategy, joint, n_modalities).eval(),
        _presence(n_modalities),
    )
    scores = []
    for filler in (0.0, 1e3, float("nan")):
        inputs = _inputs(n_modalities)
        for m, block in enumerate(inputs.values()):
            block["values"][~present[:, m]] = filler
        scores.append(net(inputs, present).scores)
    message = "scores depend on the values of absent modalities"
    for other in scores[1:]:
        assert_close(other, scores[0], strategy, message, rtol=0, atol=0)


def check_absent_parameters(strategy, joint):
    """What belongs to an absent modality, its biases too, does not matter."""
    net, present = _network(strategy, joint, 3).eval(), _presence(3)
    if any("absent" in name for name, _ in net.named_parameters()):
        return  # what stands for it may pass through its other parameters
    before = net(_inputs(3), present).scores
    for m, name in enumerate(net.names):
        changed = pickle.loads(pickle.dumps(net))
        for key, parameter in changed.fusion.named_parameters():
            if module_key(name) in key.split(".") and "absent" not in key:
                parameter.data += 1.0
        after, rows = changed(_inputs(3), present).scores, ~present[:, m]
        message = (
            "the parameters of a modality change rows in which it is absent, through a "
            "bias perhaps. Multiply its part by 'present'"
        )
        assert_close(after[rows], before[rows], strategy, message)


def check_nothing_present(strategy, joint):
    """A row without any modality gives finite values and gradients."""
    net, (task, target) = _network(strategy, joint, 3).train(), _task(strategy)
    present = _presence(3)
    present[::2] = False
    with seeded(0):
        output = net(_inputs(3), present)
    losses = net.loss(output, target, Criterion(task))
    for what, values in (("scores", output.scores), ("loss", losses)):
        require(
            torch.isfinite(values).all(),
            strategy,
            f"the {what} of a row in which 'present' is all False is not finite. "
            "Divide by clamped sums.",
        )
    losses.sum().backward()
    for name, parameter in net.named_parameters():
        require(
            parameter.grad is None or torch.isfinite(parameter.grad).all(),
            strategy,
            f"rows in which 'present' is all False make the gradient of {name!r} not "
            "finite.",
        )


def check_full_mask(strategy, joint):
    """A mask of all present equals no mask."""
    net, full = (
        _network(strategy, joint, 3).eval(),
        torch.ones(N_ROWS, 3, dtype=torch.bool),
    )
    with_mask, without = net(_inputs(3), full), net(_inputs(3), None)
    message = "scores differ between present=None and a mask that is all True"
    assert_close(with_mask.scores, without.scores, strategy, message)


def check_rows_apart(strategy, joint, absent):
    """At predict a row does not depend on the other rows of its batch."""
    net, present = _network(strategy, joint, 3).eval(), _presence(3, absent)
    together, rows = net(_inputs(3), present).scores, torch.tensor([23, 4, 9])
    few = {
        name: {key: value[rows] for key, value in block.items()}
        for name, block in _inputs(3).items()
    }
    alone = net(few, None if present is None else present[rows]).scores
    message = "in eval mode the scores of a row depend on its batch"
    assert_close(alone, together[rows], strategy, message)


def check_loss_rows_apart(strategy, joint):
    """The loss of a row does not depend on the other rows of its batch."""
    net, (task, target) = _network(strategy, joint, 3).eval(), _task(strategy)
    output, rows = net(_inputs(3), _presence(3)), torch.tensor([23, 4, 9])
    losses = net.loss(output, target, Criterion(task))
    part = type(output)(*(None if field is None else field[rows] for field in output))
    alone = net.loss(part, target[rows], Criterion(task))
    message = "the loss of a row depends on its batch. Return one value per row"
    assert_close(alone, losses[rows], strategy, message)


def check_branches(strategy, joint):
    """Scores of single modalities are there where promised, and of one alone."""
    net = _network(strategy, joint, 3).eval()
    branches = net(_inputs(3)).branch_scores
    if branches is None:
        require(
            not getattr(strategy, "has_branches", False),
            strategy,
            "has_branches=True, but forward returns no 'branch_scores'.",
        )
        return
    if getattr(strategy, "ordered", False):
        return  # a stage has heard of those before it
    for m, name in enumerate(net.names):
        inputs = _inputs(3)
        for other in set(net.names) - {name}:
            inputs[other]["values"] += 1.0
        after = net(inputs).branch_scores[:, m]
        message = f"'branch_scores' of modality {m} change with other modalities"
        assert_close(after, branches[:, m], strategy, message)


def check_precision(strategy, joint):
    """A module in float64 answers in float64, and one in float32 the same."""
    net = _network(strategy, joint, 3).eval()
    single = net(_inputs(3), _presence(3)).scores
    inputs = {
        name: {key: v.double() if v.is_floating_point() else v for key, v in b.items()}
        for name, b in _inputs(3).items()
    }
    double = net.double()(inputs, _presence(3)).scores
    for scores, wanted in ((single, torch.float32), (double, torch.float64)):
        require(
            scores.dtype == wanted,
            strategy,
            f"the scores of a module in {wanted} are {scores.dtype}. Name no dtype in "
            "forward.",
        )
    if getattr(strategy, "smooth", True):
        message = (
            "float64 gives something else. If the scores jump, set the class attribute "
            "'smooth' to False"
        )
        assert_close(double.float(), single, strategy, message)


def check_embeddings_kept(strategy, joint):
    """Forward does not write into the embeddings or the mask."""
    net, present = _network(strategy, joint, 3).eval(), _presence(3)
    with torch.no_grad():
        made = {name: net.encode(name, block) for name, block in _inputs(3).items()}
        given = [present, *_tensors(made)]
        before = [values.clone() for values in given]
        net.fusion(made, present)
    require(
        all(map(torch.equal, before, given)),
        strategy,
        "forward writes into the embeddings or 'present'. Make new tensors.",
    )


def _tensors(embeddings):
    """Return the embeddings, or tokens and their masks, in one list."""
    pairs = (e if isinstance(e, tuple) else (e,) for e in embeddings.values())
    return [values for pair in pairs for values in pair]


def check_build(strategy, joint):
    """Build is repeatable, leaves the specification alone and gives what pickles."""
    strategy = clone(strategy)
    before = joblib.hash(vars(strategy))
    first, second = (
        _network(strategy, joint, 3).eval(),
        _network(strategy, joint, 3).eval(),
    )
    with global_state_kept(strategy, "build"):
        strategy.build_for(_task(strategy)[0], {"m0": 2, "m1": 3})
    require(
        joblib.hash(vars(strategy)) == before,
        strategy,
        "build changed the specification. Keep what it makes in the module.",
    )
    shared = {id(p) for p in first.parameters()} & {id(p) for p in second.parameters()}
    require(not shared, strategy, "two builds share parameters.")
    scores = first(_inputs(3)).scores
    message = "two builds from the same torch seed differ"
    assert_close(second(_inputs(3)).scores, scores, strategy, message)
    again = pickle.loads(pickle.dumps(first))
    message = "the module differs after pickle"
    assert_close(again(_inputs(3)).scores, scores, strategy, message)


def check_state(strategy, joint):
    """The state dict has everything that was drawn."""
    first, second = (_network(strategy, joint, 3, seed).eval() for seed in (0, 1))
    second.load_state_dict(first.state_dict())
    message = (
        "a module differs from another one whose state it loaded. Keep tensors as "
        "parameters or buffers, and modules in a ModuleList or ModuleDict"
    )
    scores = [net(_inputs(3)).scores for net in (first, second)]
    assert_close(scores[1], scores[0], strategy, message)
