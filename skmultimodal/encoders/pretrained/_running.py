"""Pretrained torch modules over many rows: device, precision and batch size."""

from __future__ import annotations

import torch

from skmultimodal.training._outputs import by_row
from skmultimodal.training._tensors import BatchIterator, Tensors, move

__all__ = ["half_precision", "run"]

BATCH = {"cpu": 32, "cuda": 256}  # rows, where nobody says how many
HALF = {"cpu": torch.bfloat16, "cuda": torch.float16}


def device_here() -> str:
    """Return the device that frozen models run on."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def half_precision(precision: str) -> bool:
    """Whether a model runs in 16 bits: on a graphics card, or where one says so."""
    return precision == "half" or (precision == "auto" and device_here() == "cuda")


def run(module, inputs, batch_size, precision):
    """Return the features of rows, ndarray of float32 of shape (n_samples, d).

    Where the memory of a graphics card does not hold a batch, batches are halved.
    """
    device = device_here()
    size = BATCH[device] if batch_size == "auto" else batch_size
    half = half_precision(precision)
    tensors = Tensors({"m": inputs})

    def step(x, rows):
        with torch.autocast(device, HALF[device], enabled=half):
            return [module(**move(x["inputs"]["m"], device)).float()]

    module.to(device)
    try:
        while True:
            try:
                (features,) = by_row(step, BatchIterator(tensors, size))
                return features
            except torch.cuda.OutOfMemoryError:
                if size == 1:
                    raise
                size = max(size // 2, 1)
                torch.cuda.empty_cache()
    finally:
        module.to("cpu")
