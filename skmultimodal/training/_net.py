"""The training loop: skorch's callbacks and history around our own epoch loop."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer, LRScheduler, PrintLog
from skorch.exceptions import SkorchException
from skorch.history import History

from skmultimodal.training._callbacks import (
    BestWeights,
    callbacks_of,
    raised_by_callback,
)
from skmultimodal.training._groups import (
    check_settings,
    warn_of_groups,
    without_wrapper,
)
from skmultimodal.training._random import seed_torch
from skmultimodal.training._tensors import move

__all__ = ["FusionNet", "is_skorch_net", "seeded", "threads"]

PREDICT_ROWS = 512  # smallest batch for prediction


class FusionNet(NeuralNet):
    """The skorch net behind the estimators, with an epoch loop of its own.

    The module is called as ``module(inputs=..., present=...)`` and returns an
    output with ``scores``; its method ``loss(output, target, criterion, weight)``
    gives the loss of each row. The loss of a batch is the mean of the rows' losses
    times their weights, which `Tensors` have made relative to all training rows: a
    row counts the same whatever batch it is in. Batches are not recorded in the
    history, and batch hooks are not called, unless a callback defines one.
    """

    is_main_process = True
    keeper = BestWeights  # the callback of early stopping
    epochs_ahead = 0  # of the training that goes on

    @property
    def network(self) -> Any:
        """The module itself, whatever is wrapped around it to train it."""
        return self.module_

    @property
    def _default_callbacks(self):
        return [("epoch_timer", EpochTimer()), ("print_log", PrintLog())]

    def get_params_for_optimizer(self, prefix, named_parameters):
        return super().get_params_for_optimizer(
            prefix, without_wrapper(named_parameters)
        )

    def initialize_optimizer(self, *args):
        super().initialize_optimizer(*args)
        groups = self.get_params_for("optimizer").get("param_groups", [])
        check_settings(groups, self.optimizer_)
        named = without_wrapper(self.get_all_learnable_params())
        warn_of_groups(groups, [name for name, _ in named])
        return self

    def infer(self, x, **fit_params):
        return self.module_(**move(x, self.device))

    def get_loss(self, y_pred, y_true, X=None, training=False):
        y_true = move(y_true, self.device)
        target, *weight = y_true if isinstance(y_true, tuple) else (y_true,)
        weight, n_rows = [*weight, None, None][:2]

        def mean(losses):
            losses = losses if weight is None else losses * weight
            return losses.mean() if n_rows is None else losses.sum() / n_rows

        loss = mean(self.network.loss(y_pred, target, self.criterion_, weight))
        if training:
            self.network.settle(loss, mean)
        return loss

    def get_split_datasets(self, X, y=None, **fit_params):
        return X, y  # training and validation part, as `Tensors`

    def get_iterator(self, dataset, training=False):
        prefix = "iterator_train" if training else "iterator_valid"
        kwargs = {"batch_size": self.batch_size, **self.get_params_for(prefix)}
        if not training:
            kwargs["batch_size"] = max(kwargs["batch_size"], PREDICT_ROWS)
        return getattr(self, prefix)(dataset, **kwargs)

    def predict_proba(self, X):
        """Return the response (probabilities or values) of `Tensors`."""
        scores = [batch.detach().cpu().numpy() for batch in self.forward_iter(X)]
        return self.criterion_.task.response(np.concatenate(scores))

    def predict(self, X):
        """Return predictions in the encoding of the targets, for `EpochScoring`."""
        task = self.criterion_.task
        return task.encode(task.predict(self.predict_proba(X)))

    def forward_iter(self, X, training=False, device="cpu"):
        for batch in self.get_iterator(X, training=training):
            yield self.evaluation_step(batch, training=training).scores

    def train_step(self, batch, **fit_params):
        return _with_scores(super().train_step(batch, **fit_params))

    def validation_step(self, batch, **fit_params):
        return _with_scores(super().validation_step(batch, **fit_params))

    def __getstate__(self):
        # skorch pickles modules apart, out of reach of the outer pickler, which
        # alone can carry classes defined in a notebook; only a GPU needs that
        if str(self.device) == "cpu":
            return self.__dict__.copy()
        return super().__getstate__()

    def __setstate__(self, state):
        if "__cuda_dependent_attributes__" in state:
            super().__setstate__(state)
        else:
            self.__dict__.update(state)

    def _batch_by_batch(self) -> bool:
        """Whether skorch's own steps are needed, for a callback or the optimiser."""
        if isinstance(self.optimizer_, torch.optim.LBFGS):
            return True
        return not all(_looks_at_epochs(callback) for _, callback in self.callbacks_)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        if iterator is None:
            return
        if training:
            self.network.on_epoch(len(self.history))
        if self._batch_by_batch():
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            losses = self.history[-1, "batches", :, prefix + "_loss"]
            sizes = self.history[-1, "batches", :, prefix + "_batch_size"]
            self._record_loss(prefix, losses, sizes)
            return
        self._set_training(training)
        losses, sizes = [], []
        with torch.set_grad_enabled(training):
            for x, y in iterator:
                if training:
                    self.optimizer_.zero_grad()
                loss = self.get_loss(self.infer(x), y, training=training)
                if training:
                    loss.backward()
                    self.optimizer_.step()
                losses.append(loss.detach())
                sizes.append(len(y[0] if isinstance(y, tuple) else y))
        losses = torch.stack(losses).tolist()  # one wait for the device an epoch
        self._record_loss(prefix, losses, sizes)

    def _record_loss(self, prefix, losses, sizes):
        """Record the loss of an epoch, and whether it is the lowest so far."""
        key, loss = prefix + "_loss", float(np.average(losses, weights=sizes))
        if np.isnan(loss):
            raise ValueError(
                f"Training failed: {prefix}_loss is NaN in epoch "
                f"{len(self.history)}. Lower 'lr' (it is {self.lr}), or look for NaN "
                "and huge values in what your own encoders give."
            )
        best = all(loss < row[key] for row in self.history[:-1] if key in row)
        self.history.record(key, loss)
        self.history.record(key + "_best", best)

    def on_epoch_end(self, net, **kwargs):
        for key, value in self.network.fusion.report().items():
            self.history.record(key, value)

    def restore(self, module, optimizer, history):
        """Take states of the module and the optimiser, and the history."""
        self.network.load_state_dict(module)
        self.go_on_from(optimizer, history)

    def go_on_from(self, optimizer, history):
        """Take the state of an optimiser and the history of another training."""
        self.optimizer_.load_state_dict(optimizer)
        self.history_ = history if isinstance(history, History) else History(history)

    def begin_anew(self, settings, early_stopping):
        """Begin callbacks and schedule anew, for further training by `settings`."""
        self.callbacks = callbacks_of(settings, early_stopping, len(self.history))
        self.initialize_callbacks()
        self.batch_size = settings.batch_size
        for group in self.optimizer_.param_groups:
            first = group.get("initial_lr", group["lr"])
            group["lr"] = group["initial_lr"] = first * settings.lr / self.lr
        self.lr: float = settings.lr

    def run_epochs(self, data, valid, epochs) -> bool:
        """Train for some epochs; return whether the user ended it by Ctrl-C.

        Before the end of the very first epoch Ctrl-C is raised. A callback's stop ends
        the training too. Whatever happens, the weights kept by `BestWeights` are
        restored.
        """
        self.epochs_ahead = epochs
        self.notify("on_train_begin", X=data, y=valid)
        try:
            self.fit_loop(data, valid, epochs=epochs)
        except KeyboardInterrupt as error:
            if raised_by_callback(error):
                return False
            if not len(self.history) or "train_loss" not in self.history[0]:
                raise
            return True
        except (KeyError, SkorchException) as error:
            if valid is not None or "valid_" not in str(error):
                raise
            raise ValueError(
                "A callback asks for a value of the held-out rows, of which there are "
                f"none: {error}. Set early_stopping=True, which holds out "
                "'validation_fraction' of the rows, or let it monitor 'train_loss'. "
                "partial_fit never holds out."
            ) from error
        finally:
            for _, callback in self.callbacks_:
                if isinstance(callback, BestWeights):
                    callback.restore(self)
            self.notify("on_train_end", X=data, y=valid)
        return False


def _looks_at_epochs(callback) -> bool:
    """Whether it is a callback that surely has no use for single batches."""
    if isinstance(callback, LRScheduler):
        return callback.step_every == "epoch"
    hooks = ("on_batch_begin", "on_batch_end", "on_grad_computed")
    known = isinstance(callback, EpochTimer | PrintLog)
    known |= type(callback).__module__.startswith("skmultimodal.")
    return known and all(
        getattr(type(callback), hook) is getattr(Callback, hook) for hook in hooks
    )


def _with_scores(step):
    """Return a step whose y_pred is the scores, as skorch's callbacks expect."""
    return {**step, "y_pred": step["y_pred"].scores}


def is_skorch_net(model) -> bool:
    """Whether `model` is a skorch net."""
    return isinstance(model, NeuralNet)


@contextlib.contextmanager
def seeded(seed: int, device: str = "cpu"):
    """Seed torch inside the block and leave its global state untouched."""
    devices = [torch.device(device)] if str(device).startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        seed_torch(seed)
        yield


@contextlib.contextmanager
def threads(n_threads: int | None):
    """Limit torch's threads inside the block."""
    if n_threads is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
