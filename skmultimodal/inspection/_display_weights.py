"""The fitted weights of the modalities, as a figure."""

from __future__ import annotations

import pandas as pd

from skmultimodal.inspection._plotting import Display, fitted, styles_of, tidy

__all__ = ["FusionWeightsDisplay"]


class FusionWeightsDisplay(Display):
    """Fitted weight of each modality, with that of each fold if there are several.

    Parameters
    ----------
    weights : DataFrame of shape (n_fits, n_modalities)
        Weights, one row a fitted estimator.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the figure.

    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    ModalityImportanceDisplay : What a modality is worth, whatever its weight.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> from skmultimodal.inspection import FusionWeightsDisplay
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(random_state=0).fit(X, y)
    >>> display = FusionWeightsDisplay.from_estimator(clf)
    >>> display.weights.columns.tolist()
    ['m0', 'm1', 'm2']
    """

    def __init__(self, weights: pd.DataFrame):
        self.weights = weights

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the weights of one fitted estimator, or of one per fold.

        Parameters
        ----------
        estimator : fusion estimator or list of them
            Fitted; a list is for instance ``cross_validate(...,
            return_estimator=True)["estimator"]``. A search or a pipeline that ends
            in a fusion estimator stands for it.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        FusionWeightsDisplay
        """
        several = isinstance(estimator, (list, tuple))
        fits = estimator if several else [estimator]
        rows = [fitted(fit, "fusion_weights_", cls.__name__) for fit in fits]
        return cls(pd.DataFrame(rows)).plot(ax)

    def _size(self):
        return 6.4, 1.2 + 0.5 * self.weights.shape[1]

    def _draw(self, ax):
        names, n_fits = list(self.weights.columns), len(self.weights)
        means, styles = self.weights.mean(), styles_of(names)
        ax.barh(
            range(len(names)),
            means,
            height=0.6,
            color=[styles[name]["color"] for name in names],
        )
        high = self.weights.max()
        for row, name in enumerate(names):
            if n_fits > 1:
                dots = self.weights[name]
                ax.plot(
                    dots, [row] * n_fits, "o", ms=5, mfc="white", mec="black", mew=0.8
                )
            ax.annotate(
                f"{means[name]:.2f}",
                (max(high[name], 0), row),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
            )
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.margins(x=0.12)
        folds = f" (mean of {n_fits} fits; dots: each)" if n_fits > 1 else ""
        ax.set_xlabel("fitted weight" + folds)
        tidy(ax, "x")
