"""Write the bundled sets as files that any library reads: CSV, PNG and WAV."""

from __future__ import annotations

import json
import wave

import numpy as np
from PIL import Image
from sklearn.model_selection import StratifiedKFold

from skmultimodal import datasets
from skmultimodal.encoders._auto import infer_columns

SETS = ("emoji", "birdstrikes", "spoken_digits")


def export(name, folder, n_folds=5):
    """Write the folds of one set below a folder, and return their folders."""
    if name not in SETS:
        raise SystemExit(f"unknown set {name!r}; expected some of {', '.join(SETS)}")
    bunch = getattr(datasets, f"load_{name}")()
    X, y = bunch.data, np.asarray(bunch.target)
    kinds = {}
    for modality, (kind, where) in infer_columns(X).items():
        columns = where if isinstance(where, list) else [modality]
        kinds |= dict.fromkeys(columns, kind)
    folder.mkdir(parents=True, exist_ok=True)
    frame = X.copy()
    for column, kind in kinds.items():
        if kind in ("image", "audio"):
            frame[column] = [
                _write(cell, f"{column}_{row}", kind, folder)
                for row, cell in enumerate(X[column])
            ]
    frame["y"] = y
    if name == "spoken_digits":
        folds = [(np.asarray(bunch.train_idx), np.asarray(bunch.test_idx))]
    else:
        splitter = StratifiedKFold(n_folds, shuffle=True, random_state=0)
        folds = list(splitter.split(y, y))
    paths = []
    for k, rows in enumerate(folds):
        path = folder / f"fold_{k}"
        path.mkdir(exist_ok=True)
        (path / "kinds.json").write_text(json.dumps(kinds))
        for part, chosen in zip(("train", "test"), rows, strict=True):
            frame.iloc[chosen].to_csv(path / f"{part}.csv", index=False)
        paths.append(path)
    return paths


def _write(cell, name, kind, folder):
    """Write a cell as a file and return its name."""
    if kind == "image":
        pixels = np.asarray(cell)
        if pixels.dtype != np.uint8:  # the digits: 0 to 16
            pixels = np.clip(pixels / max(pixels.max(), 1) * 255, 0, 255).astype(
                "uint8"
            )
        Image.fromarray(pixels).save(folder / f"{name}.png")
        return f"{name}.png"
    sound = np.asarray(cell, dtype=float)
    peak = max(np.abs(sound).max(), 1e-9)
    with wave.open(str(folder / f"{name}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((sound / peak * 32767).astype("<i2").tobytes())
    return f"{name}.wav"
