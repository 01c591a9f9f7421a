"""A trained network without what only training needs."""

from __future__ import annotations

import torch
from torch.overrides import TorchFunctionMode

from skmultimodal.training._tensors import BatchIterator, move

__all__ = ["Bounded", "TrainedNet", "bare_module"]

ROWS = 512  # smallest batch
CREATORS = {
    getattr(torch, name)
    for name in "arange empty eye full linspace ones rand randint randn zeros".split()
}


class TrainedNet:
    """What prediction needs of a net: the module, where it is, and its history.

    Parameters
    ----------
    module : nn.Module
    device : str
    batch_size : int
    history : list of dict
        One record an epoch.
    """

    def __init__(self, module, device, batch_size, history):
        self.module_, self.device = module.eval(), str(device)
        self.batch_size, self.history = batch_size, history

    def get_iterator(self, dataset, training=False):
        """Return the batches of `Tensors`, in order."""
        return BatchIterator(dataset, max(self.batch_size, ROWS))

    def infer(self, x, **fit_params):
        """Return the module's output for a batch."""
        return self.module_(**move(x, self.device))


def bare_module(net):
    """Return the module of a net without the wrapper of ``torch.compile``."""
    return getattr(net.module_, "_orig_mod", net.module_)


class Bounded(TorchFunctionMode):
    """Builds no larger network inside the block than known weights can fill.

    Sizes come from a file: a forged width would take all memory, and a forged number
    of layers would never end, long before weights are found not to fit.

    Parameters
    ----------
    weights : dict of str to Tensor
    """

    def __init__(self, weights):
        super().__init__()
        self.calls = 10_000 + 100 * len(weights)
        self.numbers = 10_000_000 + 4 * sum(w.numel() for w in weights.values())

    def __enter__(self):
        self.gradients = torch.is_grad_enabled()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        torch.set_grad_enabled(self.gradients)  # if `no_grad` was cut off at its end

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        self.calls -= 1
        if func in CREATORS:  # on the device without memory first
            self.numbers -= func(*args, **{**kwargs, "device": "meta"}).numel()
        if min(self.calls, self.numbers) < 0:
            raise ValueError("a network is built larger than its weights are")
        return func(*args, **kwargs)
