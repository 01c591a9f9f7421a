"""A bar for each training: epochs done, loss, scores, and the time left."""

from __future__ import annotations

import warnings
from typing import Any

from skorch.callbacks import EpochScoring, PrintLog

__all__ = ["TrainingBar"]


class TrainingBar(PrintLog):
    """Show training as a bar in the terminal or the notebook.

    It takes the place of skorch's table, hence its class: skorch tells it last of all,
    when the scores of other callbacks are there. Bars of networks that are parts of a
    fusion, one per modality, vanish when they are done.
    """

    bar: Any = None

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a notebook without widgets gets text
            from tqdm.auto import tqdm

        names = net.network.names
        self.bar = tqdm(
            total=net.epochs_ahead,
            desc=", ".join(names),
            unit="epoch",
            leave=len(names) > 1,
        )

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        row = net.history[-1]
        shown = {"loss": row["train_loss"]}
        if "valid_loss" in row:
            shown["valid loss"] = row["valid_loss"]
        for _, callback in net.callbacks_:
            if isinstance(callback, EpochScoring) and callback.name_ in row:
                shown[callback.name_] = row[callback.name_]
        self.bar.set_postfix({key: f"{value:.4f}" for key, value in shown.items()})
        self.bar.update()

    def on_train_end(self, net, X=None, y=None, **kwargs):
        self.bar.close()
        del self.bar  # it holds the terminal, which cannot be pickled
