"""Spoken digits: a handwritten digit, its name spoken, its name written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.utils import Bunch

from skmultimodal.datasets._bunch import data_path, pack, read_table

__all__ = ["load_spoken_digits"]

SAMPLING_RATE = 8000  # Hz
_SUBSETS = ("all", "train", "test")
_SEED = 0
_PIXEL_NOISE = 4.0  # standard deviation on the scale 0..16
_SNR_DB = (3.0, 18.0)


def load_spoken_digits(
    *,
    subset: str = "all",
    corrupt: bool = True,
    return_X_y: bool = False,
    as_frame: bool = True,
) -> Bunch | tuple[Any, Any]:
    """Load digits that are written by hand, spoken and spelt, to tell the digit.

    A classification task with three modalities. The voices and languages of the
    test part do not occur in the training part.

    =================   =======================================
    Classes                                                  10
    Samples                                  1797 (1198 / 599)
    Modalities          image (8, 8); audio at 8 kHz; text
    =================   =======================================

    Read more in the :ref:`User Guide <datasets>`.

    Parameters
    ----------
    subset : {"all", "train", "test"}, default="all"
        Which part of the given split to return.

    corrupt : bool, default=True
        Whether to make each modality imperfect, always in the same way: Gaussian
        noise of standard deviation 4 and one blank 4 x 4 quadrant in the images,
        and white noise of 3 to 18 dB signal-to-noise ratio in the audio. The
        clean digits are nearly solved by one modality.

    return_X_y : bool, default=False
        Whether to return ``(X, y)`` and not a Bunch.

    as_frame : bool, default=True
        Whether X is a DataFrame and y a Series. If False, X is a MultimodalData
        and y an array.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the entries

        data : DataFrame or MultimodalData of n_samples rows
            ``"image"``: arrays of shape (8, 8), float32, whole numbers 0 to 16.
            ``"audio"``: waveforms of 0.2 to 1 second at 8000 Hz, float32.
            ``"text"``: the number word in one of 26 languages, some misspelt.
        target : Series or ndarray of shape (n_samples,)
            The digit, 0 to 9.
        frame : DataFrame of n_samples rows, or None
            `data` and `target` side by side, with ``as_frame=True``.
        target_names : list of int
            The digits.
        feature_names : list of str
            Column (or modality) names of `data`.
        modalities : dict
            Modality to column, as the parameter ``columns`` of the estimators.
        train_idx, test_idx : ndarray of int
            Positions in `data` of the rows of the given split.
        sampling_rate : int
            8000, in Hz.
        voice, language : ndarray of shape (n_samples,)
            Voice of the clip and language of the word.
        DESCR : str
            Description, sources and licences.

    (X, y) : tuple, if ``return_X_y=True``
        `data` and `target` of the above.

    Raises
    ------
    ValueError
        If `subset` is none of the three.

    Notes
    -----
    Images: Optical Recognition of Handwritten Digits [1]_ as in scikit-learn, CC
    BY 4.0. Waveforms: made with the speech synthesiser eSpeak NG [2]_. Words:
    written by hand for this library, BSD 3-Clause.

    References
    ----------
    .. [1] E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits",
       UCI Machine Learning Repository, 1998. DOI 10.24432/C50P49
    .. [2] eSpeak NG contributors, "eSpeak NG Text-to-Speech".

    Examples
    --------
    >>> from skmultimodal.datasets import load_spoken_digits
    >>> X, y = load_spoken_digits(subset="train", return_X_y=True)
    >>> X.shape, X["image"][0].shape, X["text"][0], y[0].item()
    ((1198, 3), (8, 8), 'zéro', 0)
    """
    if subset not in _SUBSETS:
        raise ValueError(
            f"The 'subset' parameter of load_spoken_digits must be one of {_SUBSETS}. "
            f"Got {subset!r} instead."
        )
    import soundfile

    table = read_table("spoken_digits.csv.gz")
    images = load_digits().images[table["digit_index"]]
    sound, _ = soundfile.read(data_path("spoken_digits.ogg"), dtype="float32")
    ends = table["offset"] + table["length"]
    clips = [sound[a:b] for a, b in zip(table["offset"], ends, strict=True)]
    if corrupt:
        rng = np.random.default_rng(_SEED)
        images = _corrupt_images(images, rng)
        clips = [_add_white_noise(clip, rng) for clip in clips]

    rows = np.flatnonzero((subset == "all") | (table["split"] == subset))
    table = table.iloc[rows].reset_index(drop=True)
    images = images[rows].astype(np.float32)
    audio = np.empty(len(rows), dtype=object)
    audio[:] = [clips[row] for row in rows]
    return pack(
        "spoken_digits",
        {
            "image": pd.Series(list(images), dtype=object),
            "audio": pd.Series(audio),
            "text": table["text"],
        },
        {"image": images, "audio": audio, "text": table["text"].to_numpy(object)},
        table["target"],
        as_frame=as_frame,
        return_X_y=return_X_y,
        train_idx=np.flatnonzero(table["split"] == "train"),
        test_idx=np.flatnonzero(table["split"] == "test"),
        sampling_rate=SAMPLING_RATE,
        voice=table["voice"].to_numpy(dtype=object),
        language=table["language"].to_numpy(dtype=object),
    )


def _corrupt_images(images: np.ndarray, rng) -> np.ndarray:
    """Add noise, blank one 4 x 4 quadrant of each image, round and clip."""
    n_samples = len(images)
    noisy = images + rng.normal(0, _PIXEL_NOISE, images.shape)
    quadrants = noisy.reshape(n_samples, 2, 4, 2, 4)  # a view: rows, columns halved
    top, left = rng.integers(2, size=(2, n_samples))
    quadrants[np.arange(n_samples), top, :, left, :] = 0
    return noisy.round().clip(0, 16)


def _add_white_noise(clip: np.ndarray, rng) -> np.ndarray:
    """Add Gaussian noise at a signal-to-noise ratio drawn from 3 to 18 dB."""
    power = np.mean(clip**2) / 10 ** (rng.uniform(*_SNR_DB) / 10)
    noise = rng.normal(0, np.sqrt(power), len(clip))
    return (clip + noise).astype(np.float32)
