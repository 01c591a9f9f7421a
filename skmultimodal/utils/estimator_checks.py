"""The contract of strategies and encoders as checks that run on anybody's class."""

from __future__ import annotations

from functools import partial

from skmultimodal.utils._encoder_checks import ENCODER_CHECKS, with_cells
from skmultimodal.utils._fusion_checks import fusion_checks

__all__ = [
    "check_encoder",
    "check_fusion",
    "encoder_checks_generator",
    "fusion_checks_generator",
    "parametrize_with_encoder_checks",
    "parametrize_with_fusion_checks",
]


def fusion_checks_generator(strategy, training="joint"):
    """Yield what every strategy must keep to, one check at a time.

    Parameters
    ----------
    strategy : strategy
        An instance whose parameters name no modality: the checks make up their
        own, 2, 3 and 8 of them. Strategies that are not trained as one network get
        the checks of parameters, fit and predict only.

    training : {"joint", "staged"} or Training, default="joint"
        How the checks train it; for two epochs, unless it says otherwise.

    Yields
    ------
    strategy : strategy
        The same.

    check : callable
        Called with the strategy; raises an AssertionError that says what is wrong.
    """
    _check_instance(strategy, "fit_model", "a strategy", "BaseFusion or JointFusion")
    for check in fusion_checks(strategy, training):
        yield strategy, check


def check_fusion(strategy, training="joint"):
    """Run every check of a strategy.

    Parameters
    ----------
    strategy : strategy
        An instance whose parameters name no modality.

    training : {"joint", "staged"} or Training, default="joint"
        How the checks train it; for two epochs, unless it says otherwise.

    Raises
    ------
    AssertionError
        At the first check that fails.

    Examples
    --------
    >>> from skmultimodal import ParallelFusion
    >>> from skmultimodal.utils.estimator_checks import check_fusion
    >>> check_fusion(ParallelFusion())
    """
    for _, check in fusion_checks_generator(strategy, training):
        check(strategy)


def parametrize_with_fusion_checks(strategies):
    """Make one test of each check of each strategy, for pytest.

    Parameters
    ----------
    strategies : list of strategy
        Instances whose parameters name no modality.

    Returns
    -------
    decorator : pytest.MarkDecorator
        For a test with the arguments ``strategy`` and ``check``.

    Examples
    --------
    >>> from skmultimodal import GatedFusion
    >>> from skmultimodal.utils.estimator_checks import parametrize_with_fusion_checks
    >>> @parametrize_with_fusion_checks([GatedFusion()])
    ... def test_contract(strategy, check):
    ...     check(strategy)
    """
    return _parametrize("strategy", [fusion_checks_generator(s) for s in strategies])


def encoder_checks_generator(encoder, cells):
    """Yield what every encoder must keep to, one check at a time.

    Parameters
    ----------
    encoder : encoder
        An instance.

    cells : Series, DataFrame, ndarray or callable
        Eight or more different cells that the encoder takes. A callable returns
        them when a check runs, so that collecting tests reads no data.

    Yields
    ------
    encoder : encoder
        The same.

    check : callable
        Called with the encoder; raises an AssertionError that says what is wrong.
    """
    _check_instance(encoder, "build", "an encoder", "BaseEncoder")
    for check in ENCODER_CHECKS:
        yield encoder, partial(with_cells, check=check, cells=cells)


def check_encoder(encoder, cells):
    """Run every check of an encoder.

    Parameters
    ----------
    encoder : encoder
        An instance.

    cells : Series, DataFrame, ndarray or callable
        Eight or more different cells that the encoder takes, or what returns them.

    Raises
    ------
    AssertionError
        At the first check that fails.

    Examples
    --------
    >>> from skmultimodal import TextEncoder
    >>> from skmultimodal.datasets import load_emoji
    >>> from skmultimodal.utils.estimator_checks import check_encoder
    >>> check_encoder(TextEncoder(), load_emoji().data["text"][:20])
    """
    for _, check in encoder_checks_generator(encoder, cells):
        check(encoder)


def parametrize_with_encoder_checks(encoders):
    """Make one test of each check of each encoder, for pytest.

    Parameters
    ----------
    encoders : list of (encoder, cells)
        An instance and cells for it, as in `check_encoder`.

    Returns
    -------
    decorator : pytest.MarkDecorator
        For a test with the arguments ``encoder`` and ``check``.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal import TabularEncoder
    >>> from skmultimodal.utils.estimator_checks import parametrize_with_encoder_checks
    >>> cells = np.random.default_rng(0).normal(size=(20, 3))
    >>> @parametrize_with_encoder_checks([(TabularEncoder(), cells)])
    ... def test_contract(encoder, check):
    ...     check(encoder)
    """
    return _parametrize("encoder", [encoder_checks_generator(*e) for e in encoders])


def _parametrize(argument, generators):
    import pytest

    cases = [
        pytest.param(spec, check, id=f"{' '.join(repr(spec).split())}-{_name(check)}")
        for checks in generators
        for spec, check in checks
    ]
    return pytest.mark.parametrize((argument, "check"), cases)


def _name(check):
    if not isinstance(check, partial):
        return check.__name__
    if check.func is with_cells:
        return _name(check.keywords["check"])
    values = (getattr(v, "__name__", v) for v in check.keywords.values())
    return "-".join(map(str, [check.func.__name__, *values]))


def _check_instance(spec, method, kind, base):
    if isinstance(spec, type) or not hasattr(spec, method):
        raise TypeError(
            f"The checks need an instance of {kind} (a subclass of {base}, with the "
            f"method {method!r}). Got {spec!r} instead."
        )
