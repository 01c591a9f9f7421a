"""What watches and steers training: the schedule, early stopping, checkpoints."""

from __future__ import annotations

import contextlib
from dis import opmap

import numpy as np
import torch
from sklearn.base import clone
from skorch.callbacks import Callback, LRScheduler
from torch.optim.lr_scheduler import LambdaLR

__all__ = ["BestWeights", "Checkpoint", "callbacks_of", "raised_by_callback"]


class OneCycle:
    """Factor of the learning rate at each epoch: a short warm-up, then a cosine.

    After L. Smith, N. Topin, "Super-convergence", 2017, without the momentum.
    """

    def __init__(self, n_epochs, first_epoch=0):
        self.n_epochs, self.first_epoch = n_epochs, first_epoch

    def __call__(self, epoch):
        epoch -= self.first_epoch
        warm = max(self.n_epochs // 5, 1)
        if epoch < warm:
            return (epoch + 1) / warm
        done = min((epoch + 1 - warm) / max(self.n_epochs - warm, 1), 1.0)
        return 0.005 + 0.995 * (1 + np.cos(np.pi * done)) / 2


class StopTraining(KeyboardInterrupt):
    """Raised by our own callbacks; a KeyboardInterrupt as skorch's own stop is."""


class BestWeights(Callback):
    """Keep the weights of the epoch with the lowest validation loss.

    Training stops after `patience` epochs without a better one.
    """

    def __init__(self, patience=10):
        self.patience = patience

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.best_loss_, self.best_epoch_, self.best_state_ = np.inf, 0, None

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        loss, epoch = net.history[-1, "valid_loss"], net.history[-1, "epoch"]
        if loss < self.best_loss_:
            self.best_loss_, self.best_epoch_ = loss, epoch
            state = net.module_.state_dict()
            self.best_state_ = {key: value.clone() for key, value in state.items()}
        elif epoch - self.best_epoch_ >= self.patience:
            raise StopTraining

    def restore(self, net):
        """Put the best weights back; they are then dropped from the callback."""
        if self.best_state_ is not None:
            net.module_.load_state_dict(self.best_state_)
            self.best_state_ = None


class Checkpoint(Callback):
    """Write the state of training to a file, and begin with the one found there.

    Parameters
    ----------
    folder : CheckpointFolder
    file : Path
    """

    def __init__(self, folder, file):
        self.folder, self.file = folder, file

    def restore(self, net) -> bool:
        """Put the state of the file into the net; tell whether training is done."""
        self.found_ = self.folder.read(self.file)
        if self.found_ is None:
            return False
        net.restore(*(self.found_[key] for key in ("module", "optimizer", "history")))
        return self.found_["done"]

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        if self.found_ is None:
            return
        for name, callback in net.callbacks_:
            vars(callback).update(self.found_["callbacks"].get(name, {}))
        torch.set_rng_state(self.found_["rng"])
        for device, state in enumerate(self.found_["cuda_rng"]):
            torch.cuda.set_rng_state(state, device)

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        if len(net.history) % self.folder.every == 0:
            self.write(net, done=False)

    def write(self, net, done):
        """Write the state of the net."""
        if not net.is_main_process:
            return
        rows = [{k: v for k, v in row.items() if k != "batches"} for row in net.history]
        state = {
            "done": done,
            "module": net.network.state_dict(),
            "optimizer": _plain(net.optimizer_.state_dict()),
            "history": _plain(rows),
            "callbacks": {
                name: _state_of(callback) for name, callback in net.callbacks_
            },
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state_all(),
        }
        self.folder.write(self.file, state)


def _state_of(callback) -> dict:
    """Return what a callback has noted, as far as it is numbers, text and tensors."""
    noted = {}
    for name, value in vars(callback).items():
        if name.endswith("_") and not isinstance(callback, Checkpoint):
            with contextlib.suppress(TypeError):
                noted[name] = _plain(value)
    return noted


def _plain(value):
    """Return `value` without numpy's types; TypeError if other objects are in it."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str | torch.Tensor):
        return value
    raise TypeError(f"{type(value).__name__} is no plain value")


def callbacks_of(
    settings, early_stopping, first_epoch=0, keeper: type[BestWeights] = BestWeights
) -> list:
    """Return the callbacks of one fit; the user's are cloned."""
    callbacks, users = [], list(settings.callbacks or [])
    unnamed = [item[1] if isinstance(item, tuple) else item for item in users]
    own = any(isinstance(callback, LRScheduler) for callback in unnamed)
    if settings.lr_schedule == "one_cycle" and not own:
        cycle = OneCycle(settings.max_epochs, first_epoch)
        schedule = LRScheduler(LambdaLR, lr_lambda=cycle, step_every="epoch")
        callbacks.append(("lr_schedule", schedule))
    if early_stopping:
        best = keeper(patience=settings.n_iter_no_change)
        callbacks.append(("best_weights", best))
    for item in users:
        if isinstance(item, tuple):
            callbacks.append((item[0], clone(item[1], safe=False)))
        else:
            callbacks.append(clone(item, safe=False))
    return callbacks


def raised_by_callback(error: KeyboardInterrupt) -> bool:
    """Tell a stop raised by a skorch callback from a Ctrl-C of the user.

    Both are plain KeyboardInterrupts; one comes from a ``raise`` in the callback.
    """
    trace = error.__traceback__
    if trace is None:  # made, and not raised
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    frame = trace.tb_frame
    raised = frame.f_code.co_code[trace.tb_lasti] == opmap["RAISE_VARARGS"]
    by_callback = raised and isinstance(frame.f_locals.get("self"), Callback)
    return isinstance(error, StopTraining) or by_callback
