"""Models of quantiles, which a combination by squared error would make mean models."""

from __future__ import annotations

__all__ = ["check_levels", "predicts_quantile"]

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
                else "Use a rule that keeps the level: DecisionFusion(rule='median'), "
                "or rule='mean' with equal or given weights."
            )
        )
