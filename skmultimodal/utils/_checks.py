"""What the checks of strategies and of encoders share."""

from __future__ import annotations

import contextlib

import joblib
import numpy as np
import torch
from sklearn.base import clone
from torch import nn

from skmultimodal.training._net import seeded

__all__ = [
    "assert_close",
    "check_parameters",
    "global_state_kept",
    "require",
    "require_gradients",
]


def require(condition, spec, message):
    if not condition:
        raise AssertionError(f"{type(spec).__name__}: {message}")


def assert_close(actual, expected, spec, message, rtol=1e-4, atol=1e-5):
    torch.testing.assert_close(
        torch.as_tensor(actual),
        torch.as_tensor(expected),
        rtol=rtol,
        atol=atol,
        msg=lambda text: f"{type(spec).__name__}: {message}. {text}",
    )


def check_parameters(spec):
    """The constructor assigns its parameters and does nothing else."""
    params = spec.get_params(deep=False)
    fresh = type(spec)(**params)
    require(
        set(vars(fresh)) == set(params),
        spec,
        f"__init__ must set one attribute a parameter, {sorted(params)}. It sets "
        f"{sorted(vars(fresh))}.",
    )
    for name, value in params.items():
        require(
            getattr(fresh, name) is value,
            spec,
            f"__init__ must assign {name!r} as it is given. Validate it in build or "
            "fit.",
        )
        require(
            not isinstance(value, torch.Tensor | nn.Module),
            spec,
            f"the parameter {name!r} is a torch object, which neither clones nor "
            "hashes. Make it in build.",
        )
    require(
        joblib.hash(clone(spec)) == joblib.hash(clone(clone(spec))),
        spec,
        "two clones have different hashes.",
    )


@contextlib.contextmanager
def global_state_kept(spec, what):
    """Require that a block neither seeds torch nor touches numpy's global state."""
    state = np.random.get_state()  # noqa: NPY002
    try:
        with seeded(12345):
            np.random.seed(12345)  # noqa: NPY002
            before = torch.initial_seed(), joblib.hash(np.random.get_state())  # noqa: NPY002
            yield
            after = torch.initial_seed(), joblib.hash(np.random.get_state())  # noqa: NPY002
    finally:
        np.random.set_state(state)  # noqa: NPY002
    require(
        after == before,
        spec,
        f"{what} seeds torch, or touches numpy's global random state. Use a parameter "
        "'random_state', or in build the generator of torch as it is.",
    )


def require_gradients(module, spec, unused=()):
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad or any(word in name for word in unused):
            continue
        require(
            parameter.grad is not None and parameter.grad.abs().sum() != 0,
            spec,
            f"the parameter {name!r} gets no gradient, so it never trains. Use it in "
            "forward, or do not register it.",
        )
        require(
            torch.isfinite(parameter.grad).all(),
            spec,
            f"the gradient of {name!r} is not finite.",
        )
