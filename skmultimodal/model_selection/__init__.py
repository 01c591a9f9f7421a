"""Compare strategies of fusion, and grids over their weights."""

from skmultimodal.model_selection._compare import compare_fusion
from skmultimodal.model_selection._comparison import FusionComparison
from skmultimodal.model_selection._weight_grid import weight_grid

__all__ = ["FusionComparison", "compare_fusion", "weight_grid"]
