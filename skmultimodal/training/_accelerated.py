"""Training spread over processes or in mixed precision, by Hugging Face accelerate."""

from __future__ import annotations

import torch
from skorch.hf import AccelerateMixin

from skmultimodal.training._net import FusionNet
from skmultimodal.training._tensors import BatchIterator, batches, move

__all__ = ["AcceleratedNet", "ShareOfBatches", "shared_seed"]


class AcceleratedNet(AccelerateMixin, FusionNet):
    """A `FusionNet` whose steps an accelerator takes.

    Every process goes through the same batches and takes its share of the rows of
    each; losses are divided by the rows of the whole batch, so that the mean of
    the gradients, which the accelerator takes, is that of one process.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        del self.callbacks__print_log__sink  # of a callback that we may lack

    def _initialize_callbacks(self):
        return FusionNet._initialize_callbacks(self)

    @property
    def is_main_process(self):  # type: ignore[override]  # as skorch has it
        return self.accelerator.is_main_process

    @property
    def network(self):
        return self.accelerator.unwrap_model(self.module_)

    def infer(self, x, **fit_params):
        return self.module_(**move(x, self.accelerator.device))

    def get_loss(self, y_pred, y_true, X=None, training=False):
        y_true = move(y_true, self.accelerator.device)
        return super().get_loss(y_pred, y_true, X, training)

    def get_iterator(self, dataset, training=False):
        return FusionNet.get_iterator(self, dataset, training=training)

    def evaluation_step(self, batch, training=False):
        # every process predicts every row: there is nothing to gather
        return FusionNet.evaluation_step(self, batch, training=training)

    def _batch_by_batch(self) -> bool:
        return True

    def _record_loss(self, prefix, losses, sizes):
        both = torch.tensor([losses, sizes], device=self.accelerator.device)
        losses, sizes = self.accelerator.reduce(both, "mean").tolist()
        super()._record_loss(prefix, losses, sizes)


class ShareOfBatches(BatchIterator):
    """Iterate over this process's share of each batch.

    The order comes from a generator of its own, the same in every process, for what
    else is drawn at random differs with the share.

    Parameters
    ----------
    share : tuple of int
        Rank of the process, and number of processes.
    """

    def __init__(self, dataset, batch_size=64, shuffle=False, share=(0, 1)):
        super().__init__(dataset, batch_size, shuffle)
        self.rank, self.world = share
        self.generator = torch.Generator().manual_seed(torch.initial_seed())

    def __iter__(self):
        whole = self.row_batches()
        shares = [rows[self.rank :: self.world] for rows in whole]
        # a process without a row must take part: it gets one of no weight
        filled = [
            s if len(s) else rows[:1] for s, rows in zip(shares, whole, strict=True)
        ]
        made = batches(self.dataset, filled)
        for (x, y), rows, share in zip(made, whole, shares, strict=True):
            target, weight = y if isinstance(y, tuple) else (y, torch.ones(len(y)))
            n_rows = torch.tensor(len(rows) / self.world)
            yield x, (target, weight if len(share) else 0 * weight, n_rows)


def shared_seed(seed: int) -> int:
    """Return the first process's seed in all of them."""
    from accelerate.utils import broadcast_object_list

    seeds = [seed]
    broadcast_object_list(seeds)
    return seeds[0]
