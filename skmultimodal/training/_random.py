"""Seeding torch, at no cost where it knows the CPU alone."""

from __future__ import annotations

import functools

import torch

__all__ = ["seed_torch"]


def seed_torch(seed: int) -> None:
    """Seed every generator of torch, as ``torch.manual_seed`` does.

    For each kind of device that torch has not started, that notes down the whole stack
    with its source lines: a millisecond a call, and a network takes ten.
    """
    if _cpu_alone():
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


@functools.cache
def _cpu_alone() -> bool:
    """Whether there is no accelerator; False where torch is too old to say."""
    return hasattr(torch, "accelerator") and not torch.accelerator.is_available()
