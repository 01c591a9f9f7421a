"""A trained network without what only training needs."""

from __future__ import annotations

from skmultimodal.training._tensors import BatchIterator, move

__all__ = ["TrainedNet", "bare_module"]

ROWS = 512  # smallest batch


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
