"""What each parameter of the estimators may be, checked in `fit`."""

from __future__ import annotations

import inspect
import math
import os
from numbers import Integral, Real

from joblib import Memory

__all__ = ["check_parameters"]


def _int(low):
    return (
        f"an int >= {low}",
        lambda v: isinstance(v, Integral) and not isinstance(v, bool) and v >= low,
    )


def _real(text, test):
    return text, lambda v: isinstance(v, Real) and not isinstance(v, bool) and test(v)


def _choice(*options):
    return (
        f"one of {list(options)}",
        lambda v: any(v is o or (isinstance(v, str) and v == o) for o in options),
    )


def _either(*rules):
    return " or ".join(text for text, _ in rules), lambda v: any(t(v) for _, t in rules)


def _is_callback(item):
    callback = item[1] if isinstance(item, tuple) and len(item) == 2 else item
    return hasattr(callback, "on_train_begin")


def _is_device(value):
    if value == "auto" or value == "cpu":
        return True
    if not isinstance(value, str):
        return False
    import torch

    try:
        device = torch.device(value)
    except RuntimeError:
        return False
    return device.type != "cuda" or (
        torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    )


def _is_path_and_count(value):
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    path, every = value
    return isinstance(path, str | os.PathLike) and _int(1)[1](every)


_BOOL = ("a bool", lambda v: isinstance(v, bool) or type(v).__name__ == "bool")
_NONE = ("None", lambda v: v is None)

RULES = {
    "training": _choice("joint", "staged"),
    "max_epochs": _int(1),
    "lr": _real("a finite number > 0", lambda v: 0 < v < math.inf),
    "lr_schedule": _choice("one_cycle", "constant"),
    "batch_size": _int(1),
    "optimizer": _either(
        _choice("adamw", "adam", "sgd", "rmsprop"),
        (
            "a torch.optim.Optimizer class",
            lambda v: inspect.isclass(v) and hasattr(v, "zero_grad"),
        ),
    ),
    "weight_decay": _real("a finite number >= 0", lambda v: 0 <= v < math.inf),
    "early_stopping": _either(_choice("auto"), _BOOL),
    "validation_fraction": _real("a number between 0 and 1", lambda v: 0 < v < 1),
    "missing": _choice("mask", "impute", "raise"),
    "missing_values": _either(
        _NONE,
        ("a str", lambda v: isinstance(v, str)),
        (
            "a list of str",
            lambda v: (
                isinstance(v, (list, tuple))
                and all(isinstance(text, str) for text in v)
            ),
        ),
    ),
    "on_empty": _choice("prior", "raise"),
    "on_error": _choice("raise", "missing"),
    "callbacks": _either(
        _NONE,
        (
            "a list of skorch callbacks",
            lambda v: isinstance(v, (list, tuple)) and all(map(_is_callback, v)),
        ),
    ),
    "net_params": _either(
        _NONE, ("a dict of skorch parameters", lambda v: isinstance(v, dict))
    ),
    "accelerator": _either(
        _NONE,
        ("an accelerate.Accelerator", lambda v: hasattr(v, "unwrap_model")),
    ),
    "checkpoint": _either(
        _NONE,
        ("a path", lambda v: isinstance(v, str | os.PathLike)),
        ("a tuple of a path and an int >= 1", _is_path_and_count),
    ),
    "compile": _BOOL,
    "device": ("'auto' or a torch device of this machine, such as 'cpu'", _is_device),
    "n_threads": _either(_NONE, _int(1)),
    "n_jobs": _either(_NONE, ("an int", lambda v: isinstance(v, Integral) and v != 0)),
    "memory": _either(
        _NONE,
        (
            "a path or a joblib.Memory",
            lambda v: isinstance(v, (str, Memory)) or hasattr(v, "cache"),
        ),
    ),
    "columns": _either(
        _NONE, ("a dict {modality: column(s)}", lambda v: isinstance(v, dict))
    ),
    "class_weight": _either(
        _NONE,
        _choice("balanced"),
        (
            "a dict {label: weight >= 0}",
            lambda v: (
                isinstance(v, dict)
                and all(isinstance(w, Real) and w >= 0 for w in v.values())
            ),
        ),
    ),
    "warm_start": _BOOL,
    "verbose": _either(_int(0), _BOOL),
}


def check_parameters(estimator) -> None:
    """Raise ValueError for the first parameter that is not what it must be."""
    for name, (expected, test) in RULES.items():
        value = getattr(estimator, name, None)  # class_weight is not for values
        if not test(value):
            raise ValueError(
                f"The {name!r} parameter of {type(estimator).__name__} must be "
                f"{expected}. Got {value!r} instead."
            )
