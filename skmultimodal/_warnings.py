"""Warnings that point at the line of the user, whatever lies between."""

from __future__ import annotations

import os
import sys
import warnings
from functools import cache
from importlib.util import find_spec
from types import FrameType

__all__ = ["UnusedWarning", "warn"]

PASSED_OVER = ("skmultimodal", "sklearn", "joblib", "skorch")


class UnusedWarning(UserWarning):
    """Columns or parameters that were given and have no effect."""


@cache
def _folders() -> tuple[str, ...]:
    """Return the folders of the packages whose frames are passed over."""
    specs = [find_spec(name) for name in PASSED_OVER]
    origins = [spec.origin for spec in specs if spec is not None]
    return tuple(os.path.dirname(origin) + os.sep for origin in origins if origin)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the first line outside this library and what calls it for the user.

    As ``skip_file_prefixes`` of `warnings.warn`, which Python 3.11 has not.

    Parameters
    ----------
    message : str
    category : type of Warning, default=UserWarning
    """
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith(_folders()):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
