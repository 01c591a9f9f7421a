"""What a fit leaves unused: columns without an encoder, parameters without effect."""

from __future__ import annotations

import inspect

from skmultimodal._warnings import UnusedWarning, warn
from skmultimodal.data._columns import left_out
from skmultimodal.encoders._readable import is_model

__all__ = ["changed", "trains_by_epochs", "warn_of_columns", "warn_of_parameters"]

NAMED = 10  # columns at most in a warning


def trains_by_epochs(strategy, encoders) -> bool:
    """Whether a fit of `strategy` to modalities with these encoders trains by epochs.

    Strategies on fixed features do not; those that take complete models do where a
    modality, or a candidate for it, has an encoder; all others do.
    """
    if strategy.takes_features:
        return False
    if strategy.searches or not strategy.takes_models:
        return True
    specs = encoders.values()
    candidates = [c for s in specs for c in (s if isinstance(s, list) else [s])]
    return not all(map(is_model, candidates))


def changed(training) -> list[str]:
    """Return the parameters of a `Training` that are not at their defaults."""
    defaults = inspect.signature(type(training)).parameters
    found = []
    for name, value in training.get_params(deep=False).items():
        default = defaults[name].default
        plain = isinstance(default, (str, int, float))
        if not (value is default or (plain and value == default)):
            found.append(name)
    if training.device == "cpu":  # where all else computes anyway
        found = [name for name in found if name != "device"]
    return sorted(found, key=list(defaults).index)


def warn_of_parameters(names, strategy, encoders) -> None:
    """Warn of parameters of training where nothing is trained by epochs."""
    if not names or trains_by_epochs(strategy, encoders):
        return
    instead = " or an encoder in place of a model" if strategy.takes_models else ""
    verb = "has" if len(names) == 1 else "have"
    warn(
        f"{', '.join(names)} of 'training' {verb} no effect: "
        f"{type(strategy).__name__} trains nothing by epochs in this fit. "
        "A strategy trained as a network, such as "
        f"fusion='parallel',{instead} would use {'it' if verb == 'has' else 'them'}.",
        UnusedWarning,
    )


def warn_of_columns(reader, X, columns) -> None:
    """Warn of columns of X that neither encoders nor `columns` name."""
    inferred = isinstance(reader.encoders, str)
    if isinstance(reader.encoders, dict) or (inferred and reader.columns is None):
        return  # whoever is not named is inferred
    given = dict(reader.columns or {})
    named = [] if inferred else dict(reader.encoders)
    dropped = [given.get(name, name) for name in named if name not in columns]
    left = left_out(X, [*columns.values(), *dropped])
    if left:
        more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
        warn(
            f"{reader.owner} leaves out columns of X: {left[:NAMED]}{more}."
            " Give them an encoder or an entry in 'columns', or give 'encoders' as a "
            "dict, which leaves what it does not name automatic; to leave them out on "
            "purpose, give 'drop' as their encoder or select the others from X.",
            UnusedWarning,
        )
