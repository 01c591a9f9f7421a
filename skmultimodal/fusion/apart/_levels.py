"""Models of quantiles, which a combination by squared error would make mean models."""

from __future__ import annotations

from sklearn.base import clone

__all__ = ["at_level", "check_levels", "levels_of", "predicts_quantile"]

LEVELS = {  # class of scikit-learn -> the parameter that is the level
    "HistGradientBoostingRegressor": "quantile",
    "GradientBoostingRegressor": "alpha",
    "QuantileRegressor": "quantile",
}
LOSSES = ("loss", "objective", "loss_function")  # as several libraries name it


def predicts_quantile(spec) -> bool:
    """Whether a model, or a model inside it, is fitted to a quantile.

    It says so by its class (`QuantileRegressor`) or its loss. Absolute error and
    Huber's count as robust means.

    Examples
    --------
    >>> from sklearn.ensemble import HistGradientBoostingRegressor
    >>> from skmultimodal.fusion.apart._levels import predicts_quantile
    >>> predicts_quantile(HistGradientBoostingRegressor(loss="quantile", quantile=0.9))
    True
    """
    if isinstance(spec, list):
        return any(predicts_quantile(one) for one in spec)
    params = spec.get_params() if hasattr(spec, "get_params") else {}
    models = [spec, *params.values()]
    if any(hasattr(m, "predict") and "Quantile" in type(m).__name__ for m in models):
        return True
    losses = [value for key, value in params.items() if key.split("__")[-1] in LOSSES]
    return any(isinstance(loss, str) and "quantile" in loss.lower() for loss in losses)


def at_level(model, level):
    """Return a clone fitted to a quantile by its loss; None if it has no such loss.

    Examples
    --------
    >>> from sklearn.ensemble import HistGradientBoostingRegressor
    >>> from skmultimodal.fusion.apart._levels import at_level
    >>> at_level(HistGradientBoostingRegressor(), 0.9)
    HistGradientBoostingRegressor(loss='quantile', quantile=0.9)
    """
    for kind in type(model).__mro__:
        if kind.__name__ in LEVELS and kind.__module__.startswith("sklearn."):
            has_loss = "loss" in model.get_params(deep=False)
            params = {"loss": "quantile"} if has_loss else {}
            return clone(model).set_params(**params, **{LEVELS[kind.__name__]: level})
    return None


def check_levels(problem, rule, fitted) -> None:
    """Refuse quantile models under what is fitted to squared error.

    Parameters
    ----------
    problem : FusionProblem
    rule : rule
    fitted : bool
        Whether weights are fitted.
    """
    if problem.task.has_labels:
        return
    squares = getattr(rule, "least_squares", None)
    squares = len(problem.names) > 1 and squares is not None and squares(fitted)
    if problem.task.levels is not None:
        if squares:
            raise ValueError(
                f"loss='quantile' and {type(rule).__name__}, which goes by squared "
                "error, do not go together. Use DecisionFusion(), whose rule is then "
                "NonNegativeQuantile, or rule='median'."
            )
        return
    _check_one_level(problem, rule)
    for name, spec in problem.encoders.items():
        chosen = isinstance(spec, list)
        if not (squares or chosen) or not predicts_quantile(spec):
            continue
        what = "the choice among its models" if chosen else type(rule).__name__
        raise ValueError(
            f"Modality {name!r}: its model predicts a quantile, and {what} goes by "
            "squared error, which makes means of quantiles. "
            + (
                "Give one model."
                if chosen
                else "Use a rule that keeps the level: "
                "DecisionFusion(rule=NonNegativeQuantile(quantile)), whose weights are "
                "fitted to it, rule='median', or rule='mean' with equal or given "
                "weights."
            )
        )


def levels_of(spec) -> set[float]:
    """Return the levels that a model, and models inside it, say they predict.

    Examples
    --------
    >>> from sklearn.ensemble import GradientBoostingRegressor
    >>> from skmultimodal.fusion.apart._levels import levels_of
    >>> levels_of(GradientBoostingRegressor(loss="quantile", alpha=0.9))
    {0.9}
    """
    if isinstance(spec, list):
        return set().union(*map(levels_of, spec))
    params = spec.get_params() if hasattr(spec, "get_params") else {}
    found = set()
    for key, value in params.items():
        root, _, last = key.rpartition("__")
        loss = params.get(f"{root}__loss" if root else "loss", "quantile")
        of_level = last == "quantile" or (last == "alpha" and "loss" in params)
        if of_level and loss == "quantile" and isinstance(value, float):
            found.add(value)
    return found


def _check_one_level(problem, rule):
    """Refuse models of another level than that of a rule that has one."""
    level = getattr(rule, "quantile", None)
    for name, spec in problem.encoders.items():
        other = levels_of(spec) - {level} if predicts_quantile(spec) else set()
        if level is not None and other:
            raise ValueError(
                f"Modality {name!r}: its model predicts the quantile {min(other)}, and "
                f"{type(rule).__name__} combines those of {level}. Give both the same."
            )
