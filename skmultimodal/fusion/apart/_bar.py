"""A bar over the models that are fitted apart: which one, which fold, and the time."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import replace

__all__ = ["FitBar", "with_bar"]


class FitBar:
    """Show the fits of models in the terminal or the notebook.

    Parameters
    ----------
    total : int
        Number of fits.
    """

    def __init__(self, total):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a notebook without widgets gets text
            from tqdm.auto import tqdm

        self._bar = tqdm(total=total, desc="features", unit="model")

    def tell(self, text):
        """Say what is being done."""
        self._bar.set_description(text)

    def grow(self, n_more):
        """Add fits that are known of only now."""
        self._bar.total += n_more
        self._bar.refresh()

    def advance(self):
        """Count a model that is fitted."""
        self._bar.update()

    def close(self):
        """Leave the bar as it is."""
        self._bar.close()


@contextmanager
def with_bar(problem, total):
    """Yield the problem, with a bar over `total` fits where it is to speak."""
    if not problem.settings.speaks or not total:
        yield problem
        return
    bar = FitBar(total)
    try:
        yield replace(problem, bar=bar)
        bar.tell(", ".join(problem.names))
    finally:
        bar.close()
