import numpy as np

from skmultimodal.fusion import BaseRule


class MostCertain(BaseRule):
    """Believe the modality that is most certain."""

    takes_weights = False

    def pool(self, proba, present):
        certainty = np.where(present, proba.max(axis=2), 0.0)  # (n_modalities, n)
        return proba[certainty.argmax(axis=0), np.arange(proba.shape[1])]
