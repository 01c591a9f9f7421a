"""Groups of the parameters of a network, each with settings of the optimiser."""

from __future__ import annotations

from fnmatch import filter as matching

from skmultimodal._parameters import NOT_NEGATIVE
from skmultimodal._warnings import UnusedWarning, warn

__all__ = ["are_groups", "check_settings", "warn_of_groups", "without_wrapper"]

_, IS_RATE = NOT_NEGATIVE
WRAPPERS = ("_orig_mod.", "network.")  # of modules compiled, and of several members


def are_groups(value) -> bool:
    """Whether it is a list of pairs: a pattern of names, and settings."""
    return isinstance(value, (list, tuple)) and all(
        isinstance(pair, (list, tuple))
        and len(pair) == 2
        and isinstance(pair[0], str)
        and isinstance(pair[1], dict)
        and all(isinstance(key, str) for key in pair[1])
        and IS_RATE(pair[1].get("lr", 0.0))
        for pair in value
    )


def without_wrapper(named_parameters) -> list:
    """Return names and parameters, with the names they have in the network itself."""
    named = list(named_parameters)
    for wrapper in WRAPPERS:
        named = [(name.removeprefix(wrapper), value) for name, value in named]
    return named


def warn_of_groups(groups, names) -> None:
    """Warn of patterns that no name is left for; the first that matches counts.

    A network of one modality, or of a fusion alone, is part of a whole in which a
    pattern may match elsewhere.
    """
    parts = sorted({_part(name) for name in names})
    if sum(part.startswith("encoders.") for part in parts) < 2:
        return
    left = set(names)
    for pattern, _ in groups:
        found = set(matching(left, pattern))
        left -= found
        if not found:
            warn(
                f"{pattern!r} of 'optimizer__param_groups' has no effect: no parameter "
                "of the network, or none that an earlier pattern has left, has such a "
                f"name. Their names begin with {', '.join(map(repr, parts))}.",
                UnusedWarning,
            )


def _part(name) -> str:
    """Return the beginning of a name, with the modality if it is an encoder's."""
    first, second, *_ = name.split(".")
    return f"{first}.{second}." if first == "encoders" else f"{first}."


def check_settings(groups, optimizer) -> None:
    """Refuse settings that optimisers of torch would leave unread."""
    if not type(optimizer).__module__.startswith("torch.optim"):
        return  # others may read what is no default of theirs
    for pattern, settings in groups:
        unknown = sorted(set(settings) - set(optimizer.defaults))
        if unknown:
            raise ValueError(
                f"{pattern!r} of 'optimizer__param_groups' has {unknown}, which "
                f"{type(optimizer).__name__} does not know. Give it some of "
                f"{sorted(optimizer.defaults)}."
            )
