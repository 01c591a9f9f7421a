"""Nets made from modules and settings, trained, and freed of what trains them."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from skmultimodal.training._callbacks import Checkpoint, callbacks_of
from skmultimodal.training._criterion import Criterion
from skmultimodal.training._net import FusionNet, seeded, threads
from skmultimodal.training._progress import TrainingBar
from skmultimodal.training._settings import TrainingSettings
from skmultimodal.training._tensors import BatchIterator

__all__ = ["resume", "train"]

OPTIMIZERS = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
}
FUSED = (torch.optim.AdamW, torch.optim.Adam, torch.optim.SGD)


def torch_device(settings: TrainingSettings) -> str:
    """Return the device that the settings come to."""
    if settings.accelerator is not None:
        device = settings.accelerator.device  # "cpu:0" for one of several processes
        return "cpu" if device.type == "cpu" else str(device)
    if settings.device != "auto":
        return str(settings.device)
    return "cuda" if torch.cuda.is_available() else "cpu"


def make_net(
    module: nn.Module, task, settings: TrainingSettings, early_stopping, kind=FusionNet
):
    """Return an initialised `FusionNet`, or one of its `kind`, around `module`."""
    optimizer = OPTIMIZERS.get(settings.optimizer, settings.optimizer)
    params = {
        "optimizer": optimizer,
        "optimizer__weight_decay": settings.weight_decay,
        "lr": settings.lr,
        "batch_size": settings.batch_size,
        "iterator_train": BatchIterator,
        "iterator_train__shuffle": True,
        "iterator_valid": BatchIterator,
        "train_split": None,
        "device": torch_device(settings),
        "compile": settings.compile,
        "verbose": 0,
        "callbacks": callbacks_of(settings, early_stopping, keeper=kind.keeper),
    }
    if optimizer in FUSED:
        params["optimizer__fused"] = True
    if not settings.speaks:
        params["callbacks__print_log"] = None
    elif settings.verbose == 1:
        params["callbacks__print_log"] = TrainingBar()
    else:
        params["verbose"] = 1
    own = {"criterion": None, **(settings.net_params or {})}
    criterion = {key: own.pop(key) for key in list(own) if key.startswith("criterion")}
    params |= own
    params["criterion"] = partial(
        Criterion,
        task,
        criterion.pop("criterion"),
        **{key.removeprefix("criterion__"): v for key, v in criterion.items()},
    )
    if settings.accelerator is None:
        return kind(module, **params).initialize()
    # accelerate is optional, and slow to import
    from skmultimodal.training._accelerated import AcceleratedNet, ShareOfBatches

    accelerator = settings.accelerator
    share = accelerator.process_index, accelerator.num_processes
    params["iterator_train"], params["iterator_train__share"] = ShareOfBatches, share
    params["accelerator"], params["device"] = accelerator, None
    return AcceleratedNet(module, **params).initialize()


def train(make_module, task, data, valid, settings, seed, file=None):
    """Build a module under `seed` and train it.

    Parameters
    ----------
    make_module : callable
        Returns the module; called once, inside the seeded block.
    task : Classification, Multilabel or Regression
    data, valid : Tensors or TensorRows
        Training part and validation part; no early stopping if `valid` is None.
    settings : TrainingSettings
    seed : int
    file : Path, default=None
        File of the checkpoint, if the settings have a folder for it.

    Returns
    -------
    net : FusionNet
    interrupted : bool
        Whether the user ended the training by Ctrl-C. The net then has its best weights
        so far.

    Raises
    ------
    KeyboardInterrupt
        When the user presses Ctrl-C in the first epoch.
    """
    device = torch_device(settings)
    with seeded(seed, device), threads(settings.n_threads):
        module = make_module().to(getattr(torch, settings.dtype))
        net = make_net(module, task, settings, early_stopping=valid is not None)
        if file is None:
            interrupted = net.run_epochs(data, valid, settings.max_epochs)
        else:
            interrupted = _run_with_checkpoint(net, data, valid, settings, file)
        return _plain_net(net, task, settings), interrupted


def _run_with_checkpoint(net, data, valid, settings, file):
    """Train from where the file says, if there is one, and keep it up to date.

    Returns whether the user ended it by Ctrl-C.
    """
    checkpoint = Checkpoint(settings.checkpoint, file)
    if checkpoint.restore(net):
        return False
    net.callbacks_.append(("checkpoint", checkpoint))
    try:
        left = settings.max_epochs - len(net.history)
        interrupted = net.run_epochs(data, valid, left)
        if not interrupted:
            checkpoint.write(net, done=True)
    finally:
        net.callbacks_.pop()
    return interrupted


def _plain_net(net, task, settings):
    """Return a trained net without its accelerator."""
    if settings.accelerator is None:
        return net
    alone = settings.replace(accelerator=None, device=torch_device(settings))
    plain = make_net(net.network, task, alone, early_stopping=False)
    plain.go_on_from(net.optimizer_.state_dict(), net.history_)
    return plain


def resume(net: FusionNet, data, valid, settings, seed: int):
    """Train a fitted net on, with callbacks and schedule begun anew.

    Returns the net, and whether the user ended it by Ctrl-C.
    """
    if settings.accelerator is not None:
        task, trained = net.criterion_.task, net
        net = make_net(trained.module_, task, settings, valid is not None)
        net.go_on_from(trained.optimizer_.state_dict(), trained.history_)
    net.begin_anew(settings, valid is not None)
    with seeded(seed, torch_device(settings)), threads(settings.n_threads):
        interrupted = net.run_epochs(data, valid, settings.max_epochs)
    return _plain_net(net, net.criterion_.task, settings), interrupted
