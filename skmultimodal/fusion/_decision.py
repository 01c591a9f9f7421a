"""Decision-level fusion: complete models, fitted apart, their decisions combined."""

from __future__ import annotations

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone

from skmultimodal._data import _take
from skmultimodal.fusion._base import BaseFusion, FusionModel
from skmultimodal.fusion._calibration import CALIBRATORS
from skmultimodal.fusion._folds import folds_of
from skmultimodal.fusion._rules import REGRESSION_RULES, RULES
from skmultimodal.fusion._standalone import fit_standalone

__all__ = ["DecisionFusion"]
