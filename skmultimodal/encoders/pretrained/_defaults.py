"""What ``"pretrained"`` and the names of models stand for under a strategy."""

from __future__ import annotations

import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmultimodal.encoders.features._kernel import KernelClassifier, KernelRegressor
from skmultimodal.encoders.features._row_features import RowCache
from skmultimodal.encoders.pretrained._encoder import PretrainedEncoder
from skmultimodal.encoders.pretrained._installed import (
    EXTRA,
    PACKAGED,
    best_installed,
)

__all__ = ["best_encoder", "pretrained_report", "suited"]

RATE = 8000  # of bare arrays of sound, as the classical features take it


def best_encoder(kind: str) -> PretrainedEncoder | None:
    """Return the best installed encoder of one kind of cells, frozen, or None."""
    name = best_installed(kind)
    if name is None:
        return None
    return PretrainedEncoder(name, sampling_rate=RATE if kind == "audio" else None)


def suited(encoder, strategy, regression):
    """Return a pretrained encoder in the form that a strategy takes.

    Under strategies of complete models that is a kernel model over its frozen features,
    as over the classical ones; under those of fixed features, the features.
    """
    if strategy.takes_features:
        return RowCache(encoder)
    if not strategy.takes_models:
        return encoder
    model = KernelRegressor() if regression else KernelClassifier()
    return make_pipeline(RowCache(encoder), StandardScaler(), model)


def pretrained_report(chosen) -> pd.DataFrame:
    """Return which encoder each modality got, and why.

    Parameters
    ----------
    chosen : dict of str to (str, PretrainedEncoder or None)
        By modality, the kind of its cells and what was chosen.
    """
    rows = []
    for name, (kind, encoder) in chosen.items():
        known = [n for n, packaged in PACKAGED.items() if packaged.kind == kind]
        model = package = None
        if not known:
            reason = f"no pretrained encoder reads {kind}: the classical model alone"
        elif encoder is None:
            reason = f"none installed, the classical model alone: {EXTRA}"
        else:
            model = encoder.model
            package = PACKAGED[model].package
            reason = f"the best installed for {kind}, beside the classical model"
        rows.append((name, kind, model, package, reason))
    columns = ["modality", "kind", "model", "package", "reason"]
    return pd.DataFrame(rows, columns=columns).set_index("modality")
