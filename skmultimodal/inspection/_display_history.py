"""How training went: the loss, and what each modality gave, epoch by epoch."""

from __future__ import annotations

import pandas as pd

from skmultimodal.inspection._plotting import (
    BLUE,
    VERMILLION,
    figure_and_axes,
    fitted,
    in_legend,
    styles_of,
    tidy,
)

__all__ = ["TrainingHistoryDisplay"]

ALONE = "alone_"  # how history_ names what a modality gives by itself


class TrainingHistoryDisplay:
    """Loss and contribution of each modality, by epoch.

    Parameters
    ----------
    history : DataFrame
        ``history_`` of a fusion estimator: ``epoch``, ``train_loss``, where rows
        were held out ``valid_loss``, ``modality`` where models were trained apart,
        and ``alone_<modality>``, for a classifier the mean probability that the
        modality alone gave the true class.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the loss.

    contribution_ax_ : matplotlib Axes or None
        Axes of the modalities, where the history tells of them.

    figure_ : matplotlib Figure
        Figure of the axes.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> from skmultimodal.inspection import TrainingHistoryDisplay
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(
    ...     fusion="parallel", random_state=0, training=Training(max_epochs=3)
    ... )
    >>> display = TrainingHistoryDisplay.from_estimator(clf.fit(X, y))
    >>> display.ax_.get_ylabel()
    'loss'
    """

    def __init__(self, history: pd.DataFrame):
        self.history = history

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the history of a fitted estimator.

        Parameters
        ----------
        estimator : fusion estimator
            Fitted, with a strategy or encoders that are trained by epochs. A search
            or a pipeline that ends in one stands for it.

        ax : matplotlib Axes or sequence of two, default=None
            Axes of the loss, and of the modalities; None makes a new figure.

        Returns
        -------
        TrainingHistoryDisplay

        Raises
        ------
        ValueError
            If nothing was trained by epochs.
        """
        history = fitted(estimator, "history_", cls.__name__)
        if not len(history):
            raise ValueError(
                f"{cls.__name__} expected an estimator trained by epochs, such as one "
                "with fusion='parallel'. Got an empty history_."
            )
        names = fitted(estimator, "modalities_", cls.__name__)
        if "modality" in history:  # colours go by the order of the modalities
            order = ["", *names]
            history = history.sort_values(
                "modality", key=lambda column: column.map(order.index), kind="stable"
            )
        alone = [ALONE + name for name in names if ALONE + name in history]
        history = history[[*history.columns.difference(alone, sort=False), *alone]]
        return cls(history).plot(ax)

    def plot(self, ax=None):
        """Draw the loss above, the modalities below.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of two, default=None
            Axes of the loss, and of the modalities; a single one shows the loss
            only. None makes a new figure.

        Returns
        -------
        TrainingHistoryDisplay
        """
        alone = [c for c in self.history if c.startswith(ALONE)]
        n_panels = 2 if alone else 1
        self.figure_, axes = figure_and_axes(
            type(self).__name__,
            ax,
            figsize=(6.4, 4.8 if alone else 3.2),
            nrows=n_panels,
            sharex=True,
        )
        self.ax_, self.contribution_ax_ = axes[0], None
        self._plot_losses(self.ax_)
        if alone and len(axes) > 1:
            self.contribution_ax_ = axes[1]
            self._plot_contributions(axes[1], alone)
        axes[min(len(axes), n_panels) - 1].set_xlabel("epoch")
        return self

    def _plot_losses(self, ax):
        apart = "modality" in self.history
        if apart:
            names = list(dict.fromkeys(self.history["modality"]))
            groups = [(n, self.history[self.history["modality"] == n]) for n in names]
            # staged training leaves the name empty for the fusion itself
            groups = [(name or "fused", part) for name, part in groups]
            styles = styles_of([name for name, _ in groups])
        else:
            groups = [("", self.history)]
        for name, part in groups:
            colours = [styles[name]["color"]] * 2 if apart else [BLUE, VERMILLION]
            for kind, colour, line in zip(
                ("train", "valid"), colours, ("-", "--"), strict=True
            ):
                key = f"{kind}_loss"
                if key not in part or part[key].isna().all():
                    continue
                label = f"{name} {kind}".strip()
                ax.plot(
                    part["epoch"], part[key], line, color=colour, label=in_legend(label)
                )
                if kind == "valid":
                    best = part.loc[part[key].idxmin()]
                    ax.plot(best["epoch"], best[key], "o", color=colour, ms=6)
        ax.set_ylabel("loss")
        _legend(ax)

    def _plot_contributions(self, ax, columns):
        names = [column.removeprefix(ALONE) for column in columns]
        styles = styles_of(names)
        for column, name in zip(columns, names, strict=True):
            ax.plot(
                self.history["epoch"],
                self.history[column],
                label=in_legend(name),
                markevery=max(len(self.history) // 10, 1),
                ms=4,
                **styles[name],
            )
        ax.set_ylabel("each alone: exp(-loss)")
        _legend(ax)


def _legend(ax):
    """Put the legend outside, where it covers no line."""
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    tidy(ax, "y")
