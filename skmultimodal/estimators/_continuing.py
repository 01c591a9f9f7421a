"""How a fit goes on from another: a warm start, and checkpoints."""

from __future__ import annotations

import joblib

from skmultimodal.fusion.apart._cache import content_key

__all__ = ["specification", "with_checkpoint"]


def specification(strategy, encoders) -> str:
    """Return, as text, what a warm start must find unchanged."""
    parts = {"fusion": strategy, **encoders}
    return repr(
        [
            (name, type(part), getattr(part, "get_params", part.__repr__)())
            for name, part in parts.items()
        ]
    )


def with_checkpoint(problem, training, strategy):
    """Return the problem with the folder that its training is kept in, if any.

    Parameters
    ----------
    problem : FusionProblem
    training : Training
    strategy : BaseFusion
    """
    given = training.checkpoint
    if given is None:
        return problem
    from skmultimodal.training._checkpoint import CheckpointFolder

    path, every = given if isinstance(given, tuple) else (given, 1)
    settings, told = problem.settings, specification(strategy, problem.encoders)
    plain = settings.replace(callbacks=None, n_threads=None, verbose=0)
    key = joblib.hash([told, repr(plain), problem.seed, *content_key(problem)])
    folder = CheckpointFolder(path, every, key)
    return problem.with_settings(settings.replace(checkpoint=folder))
