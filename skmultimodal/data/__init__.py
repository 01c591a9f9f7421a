"""Containers, columns, cells and files: what X is made of."""

from typing import TYPE_CHECKING

from skmultimodal._lazy import attach

if TYPE_CHECKING:
    from skmultimodal.data._containers import MultimodalData as MultimodalData
    from skmultimodal.data._containers import Ragged as Ragged
    from skmultimodal.data._containers import take_rows as take_rows
    from skmultimodal.data._stacks import stack_images as stack_images

_LAZY = {
    "MultimodalData": "data._containers",
    "Ragged": "data._containers",
    "stack_images": "data._stacks",
    "take_rows": "data._containers",
}

__all__ = [*_LAZY]
if not TYPE_CHECKING:  # a checker would take any name for defined
    __getattr__, __dir__ = attach(__name__, _LAZY)
