"""What to look at before a fitted estimator is trusted, slice by slice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest, ttest_rel

from skmultimodal.fusion.rules._disagreement import disagreement
from skmultimodal.inspection._coalitions import fitted_estimator
from skmultimodal.inspection._display_reliability import calibration_error, curve_of
from skmultimodal.inspection._page import written

__all__ = ["ModalityReport", "modality_report"]


@dataclass
class ModalityReport:
    """An audit of a fitted estimator, as :func:`modality_report` finds it.

    Parameters
    ----------
    overall_ : Series
        ``rows``, ``score`` (accuracy, share of labels that are right, or R2), ``ece``
        (the expected calibration error of a classifier), ``set_size`` or ``width`` and
        ``coverage`` of a conformal estimator.

    modalities_ : DataFrame
        By modality, on the rows that have it: its ``score`` alone, that of the
        ``fused`` prediction, the ``gain`` of fusing and its ``p``. Empty where the
        strategy predicts by no modality alone.

    patterns_ : DataFrame
        The same by set of present modalities, with the ``best`` single modality there.

    classes_ : DataFrame
        The same by true label, without ``ece``; empty for values.

    groups_ : DataFrame
        The same by value of each column of `groups`.

    conflicts_ : DataFrame
        The rows whose modalities contradict each other most: what each said, what came
        out, the truth, and who was ``right``.

    weights_ : Series or None
        Mean weight of each modality over the rows, where the strategy has some.

    settings_ : str
        The estimator.

    calibration_ : DataFrame or None
        ``confidence`` and ``accuracy`` of the fused prediction, by bin.
    """

    overall_: pd.Series
    modalities_: pd.DataFrame = field(repr=False)
    patterns_: pd.DataFrame = field(repr=False)
    classes_: pd.DataFrame = field(repr=False)
    groups_: pd.DataFrame = field(repr=False)
    conflicts_: pd.DataFrame = field(repr=False)
    weights_: pd.Series | None = field(repr=False)
    settings_: str = field(repr=False)
    calibration_: pd.DataFrame | None = field(repr=False)

    def losses(self, level: float = 0.05) -> pd.DataFrame:
        """Return the slices where the best single modality beats the fusion.

        Parameters
        ----------
        level : float, default=0.05
            Largest p, after Holm's correction for the number of slices.

        Returns
        -------
        DataFrame
            Slices with a negative ``gain``, the surest first; ``sure`` where p is at
            most `level`.
        """
        parts = [
            table.assign(slice=[f"{what} {label}" for label in table.index])
            for what, table in (
                ("present:", self.patterns_),
                ("class", self.classes_),
                ("", self.groups_),
            )
            if "gain" in table
        ]
        columns = ["slice", "rows", "best", "best_score", "score", "gain", "p", "sure"]
        if not parts:
            return pd.DataFrame(columns=columns)
        table = pd.concat(parts, ignore_index=True).sort_values("p", kind="stable")
        n_slices = table["p"].notna().sum()
        holm = table["p"] * (n_slices - np.arange(len(table)))
        holm = holm.cummax().clip(upper=1.0)
        table = table.assign(p=holm, sure=holm <= level)
        return table.loc[table["gain"] < 0, columns].reset_index(drop=True)

    def to_html(self, path: Any = None, *, title: str = "Modality report") -> str:
        """Return the report as one page of HTML that needs no other file.

        Parameters
        ----------
        path : str or path-like, default=None
            File to write the page to.

        title : str, default="Modality report"
            Heading of the page.

        Returns
        -------
        str
        """
        from skmultimodal.inspection._audit_page import report_page

        return written(report_page(self, title), path)

    def to_markdown(self, path: Any = None, *, title: str = "Model card") -> str:
        """Return the same content as a model card, to lie beside a saved model.

        Parameters
        ----------
        path : str or path-like, default=None
            File to write the card to.

        title : str, default="Model card"
            Heading of the card.

        Returns
        -------
        str
        """
        from skmultimodal.inspection._audit_page import model_card

        return written(model_card(self, title), path)


def modality_report(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    n_conflicts: int = 10,
    n_bins: int = 10,
) -> ModalityReport:
    """Audit a fitted estimator: where it is right, sure, contradicted, and unfair.

    Read more in the :ref:`User Guide <audit>`.

    Parameters
    ----------
    estimator : fusion estimator
        Fitted; a conformal one also tells the size of its sets by slice.

    X : DataFrame, MultimodalData or dict
        Rows that it was not fitted on.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Labels or values.

    groups : Series, DataFrame or list of str, default=None
        Columns whose values are compared side by side, or the names of some of X. They
        need not be columns that the estimator sees.

    n_conflicts : int, default=10
        Rows to show whose modalities contradict each other most.

    n_bins : int, default=10
        Bins of the calibration error.

    Returns
    -------
    ModalityReport

    Raises
    ------
    ValueError
        If `groups` names no column of X, or has other rows.

    See Also
    --------
    modality_importance : What the modalities are worth.
    ReliabilityDisplay : Calibration of each modality.

    Notes
    -----
    ``gain`` is the score of the fusion less that of the best single modality of the
    slice, chosen by these same rows, which flatters it. ``p`` is two-sided and paired
    by row: McNemar's exact test of labels, a paired t-test of squared errors.
    :meth:`ModalityReport.losses` corrects it for the number of slices.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> from skmultimodal.inspection import modality_report
    >>> X, y = make_multimodal_classification(missing_rate=0.2, random_state=0)
    >>> clf = FusionClassifier(random_state=0)
    >>> clf = clf.fit({name: X[name][:100] for name in X}, y[:100])
    >>> test = {name: X[name][100:] for name in X}
    >>> report = modality_report(clf, test, y[100:])
    >>> int(report.patterns_["rows"].sum())
    100
    """
    inner = fitted_estimator(estimator)
    task, model = inner.task_, inner.fusion_
    cells, present = inner.reader_.read(X)
    response = model.response(cells, present)
    target = task.encode(np.asarray(y))
    index = X.index if isinstance(X, pd.DataFrame) else pd.RangeIndex(len(present))
    rows = pd.DataFrame(
        {"score": _merits(task, response, target)}, pd.RangeIndex(len(index))
    )
    whole = getattr(estimator, "best_estimator_", estimator)
    rows = rows.assign(**_certainty(whole, X, task, response, target))
    alone = {}
    if model.offers("response_per_modality") and len(model.names) > 1:
        alone = model.response_per_modality(cells, present)
    single = pd.DataFrame(
        {name: _merits(task, part, target) for name, part in alone.items()}
    )
    slices = _Slices(task, rows, single, response, target, n_bins)
    patterns = pd.Series(
        [
            " + ".join(n for n, here in zip(model.names, row, strict=True) if here)
            or "none"
            for row in present
        ]
    )
    classes = slices.empty()
    if task.one_label:
        labels = pd.Series(task.classes[target])
        # rows chosen by what came true are not calibrated, and need not be
        classes = slices.by(labels).drop(columns="ece")
    weights = None
    if hasattr(inner, "modality_weights"):
        weights = inner.modality_weights(X).mean()
    return ModalityReport(
        overall_=slices.of(np.ones(len(rows), dtype=bool)),
        modalities_=slices.modalities(),
        patterns_=slices.by(patterns).rename_axis("present"),
        classes_=classes.rename_axis("class"),
        groups_=_by_groups(slices, X, groups, len(rows)),
        conflicts_=_conflicts(task, model, alone, response, target, index, n_conflicts),
        weights_=weights,
        settings_=repr(estimator),
        calibration_=(
            curve_of(task.classes[target], response, task.classes, n_bins)
            if task.one_label
            else None
        ),
    )


def _merits(task, response, target) -> np.ndarray:
    """Return the merit of each row, whose mean is the score; NaN without prediction."""
    known = np.isfinite(response).all(axis=1)
    found = np.full(len(response), np.nan)
    found[known] = task.merits(response[known], target[known])
    return found


def _certainty(estimator, X, task, response, target) -> dict[str, np.ndarray]:
    """Return by row the size of sets or intervals, and whether they hold the truth."""
    if hasattr(estimator, "predict_set"):
        sets = estimator.predict_set(X)
        own = sets[np.arange(len(sets)), target]
        sizes = sets.sum(axis=1).astype(float)
        return {"set_size": sizes, "coverage": own.astype(float)}
    if hasattr(estimator, "predict_interval"):
        ends = estimator.predict_interval(X)
        value = task.in_units(target).ravel()
        held = (ends[:, 0] <= value) & (value <= ends[:, 1])
        return {"width": ends[:, 1] - ends[:, 0], "coverage": held.astype(float)}
    return {}


class _Slices:
    """Describes any set of the rows."""

    def __init__(self, task, rows, single, response, target, n_bins):
        self.task, self.rows, self.single = task, rows, single
        self.response, self.target, self.n_bins = response, target, n_bins

    def of(self, mask) -> pd.Series:
        """Return what is known of the rows of a mask."""
        part = self.rows[mask]
        found = {"rows": int(mask.sum()), **part.mean().to_dict()}
        if self.task.one_label:
            labels = self.task.classes[self.target[mask]]
            curve = curve_of(
                labels, self.response[mask], self.task.classes, self.n_bins
            )
            found["ece"] = calibration_error(curve)
        if len(self.single.columns):
            found |= self._against_best(mask)
        return pd.Series(found, dtype=object)

    def _against_best(self, mask) -> dict[str, Any]:
        scores = self.single[mask].dropna(axis=1, how="all").mean()
        if not len(scores):
            return {"best": None, "best_score": np.nan, "gain": np.nan, "p": np.nan}
        best = scores.idxmax()
        return {"best": best} | self._paired(best, mask)

    def _paired(self, name, mask) -> dict[str, float]:
        """Return the score of one modality, the gain of the fusion, and its p."""
        mask = mask & self.single[name].notna().to_numpy()
        fused, own = self.rows["score"][mask], self.single[name][mask]
        gain = fused.to_numpy() - own.to_numpy()
        if self.task.one_label:
            wins, n = int((gain > 0).sum()), int((gain != 0).sum())
            p = binomtest(wins, n).pvalue if n else 1.0
        else:
            p = ttest_rel(fused, own).pvalue if len(gain) > 1 and gain.std() else np.nan
        return {
            "best_score": float(own.mean()),
            "gain": float(gain.mean()),
            "p": float(p),
        }

    def modalities(self) -> pd.DataFrame:
        """Return one row a modality, on the rows that have it."""
        found = {}
        for name, own in self.single.items():
            here = own.notna().to_numpy()
            pair = self._paired(name, here)
            fused = float(self.rows["score"][here].mean())
            found[name] = {
                "rows": int(here.sum()),
                "score": pair["best_score"],
                "fused": fused,
                "gain": pair["gain"],
                "p": pair["p"],
            }
        return pd.DataFrame.from_dict(found, orient="index").rename_axis("modality")

    def by(self, labels) -> pd.DataFrame:
        """Return one row a value of `labels`, the largest slices first."""
        found = {}
        for label in labels.value_counts(dropna=False).index:
            mask = labels.isna() if pd.isna(label) else labels == label
            found[label] = self.of(mask.to_numpy())
        return pd.DataFrame.from_dict(found, orient="index").infer_objects()

    def empty(self) -> pd.DataFrame:
        return self.by(pd.Series([], dtype=object))


def _by_groups(slices, X, groups, n_rows) -> pd.DataFrame:
    """Return one row a value of each grouping column."""
    if groups is None:
        return slices.empty().rename_axis("group")
    if isinstance(groups, list):
        lost = [name for name in groups if not hasattr(X, "columns") or name not in X]
        if lost:
            raise ValueError(
                f"'groups' names {lost}, which are no columns of X. Pass the columns "
                "themselves, as a DataFrame of the same rows."
            )
        groups = X[groups]
    table = pd.DataFrame(groups)
    if len(table) != n_rows:
        raise ValueError(
            f"'groups' must have one entry for each of the {n_rows} rows of X. Got "
            f"{len(table)}."
        )
    parts = []
    for name, column in table.items():
        found = slices.by(column.reset_index(drop=True))
        parts.append(found.set_axis([f"{name} = {label}" for label in found.index]))
    return pd.concat(parts).rename_axis("group")


def _conflicts(task, model, alone, response, target, index, n_conflicts):
    """Return the rows whose modalities contradict each other most."""
    if len(alone) < 2:
        return pd.DataFrame()
    parts = np.stack([np.asarray(part, dtype=float) for part in alone.values()])
    if task.one_label:
        weights = np.ones(len(parts))
        conflict = disagreement(parts, weights, response.mean(axis=0)).conflict
    else:
        units = 1.0 if task.has_labels else task.in_units(target).std(axis=0)
        known = np.isfinite(parts).all(axis=2).sum(axis=0) > 1
        conflict = np.zeros(len(known))
        conflict[known] = np.nanvar(parts[:, known] / units, axis=0).mean(axis=1)
    rows = np.argsort(-conflict, kind="stable")[:n_conflicts]
    rows = rows[conflict[rows] > 0]
    table: dict[str, Any] = {"conflict": conflict[rows]}
    merits = {}
    for name, part in [*zip(alone, parts, strict=True), ("fused", response)]:
        table[name] = [_said(task, part[row]) for row in rows]
        merits[name] = _merits(task, part, target)[rows]
    truth = task.truth(target)
    table["truth"] = [_said(task, truth[row]) for row in rows]
    table["right"] = [_best_names(merits, k) for k in range(len(rows))]
    return pd.DataFrame(table, index[rows]).rename_axis("row")


def _said(task, response):
    """Return what a response says: a label, labels, or values."""
    if not np.isfinite(response).all():
        return "-"
    if task.one_label:
        return str(task.classes[int(task.chosen(response))])
    if task.has_labels:
        return ", ".join(map(str, np.flatnonzero(response > 0.5))) or "none"
    return ", ".join(f"{value:.4g}" for value in response)


def _best_names(merits, k) -> str:
    """Return who was right, or nearest."""
    values = {name: part[k] for name, part in merits.items() if np.isfinite(part[k])}
    high = max(values.values())
    if set(values.values()) == {0.0}:
        return "none"
    return ", ".join(name for name, value in values.items() if value == high)
