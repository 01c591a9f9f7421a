"""The fusion regressor."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin
from sklearn.utils import Bunch
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skmultimodal._parameters import check_parameters, either, is_real, one_of
from skmultimodal._sklearn import _check_y
from skmultimodal.estimators._base import offered
from skmultimodal.estimators._fitted import FittedFusion
from skmultimodal.training._quantiles import Quantiles
from skmultimodal.training._tasks import Regression

__all__ = ["FusionRegressor"]


def _is_level(value) -> bool:
    return is_real(value) and 0 < value < 1


class FusionRegressor(RegressorMixin, FittedFusion):
    """Predict values for rows that hold images, text, audio and table columns.

    One value per row or several. Targets are standardised inside the fit.

    Read more in the :ref:`User Guide <user_guide>`.

    Parameters
    ----------
    encoders : "auto", "pretrained", dict of str to encoder or list of (str, encoder), \
            default="auto"
        One encoder per modality. ``"auto"`` infers modalities and encoders from X;
        ``"pretrained"`` puts the best installed :ref:`pretrained encoder <pretrained>`
        beside each that it has for images, text or audio. A
        dict overrides some of them and leaves all others automatic; a list is
        complete, and columns that it does not name are left out with a warning.
        An encoder is a specification of this library, any scikit-learn
        transformer (frozen features), under :class:`DecisionFusion` any
        regressor, ``"auto"``, a kind (``"image"``, ``"text"``, ``"audio"``,
        ``"sequence"``, ``"embedding"`` or ``"table"``) whose automatic encoder is
        used, ``"pretrained"``, the name, folder or file of a pretrained model, or
        ``"drop"``; ``"number"``, ``"comma number"``, ``"date"``, ``"boolean"`` or
        ``"category"`` says what a column of the table is taken for.

    fusion : str or strategy, default="auto"
        How modalities combine: ``"parallel"``, ``"sequential"``, ``"feature"``,
        ``"decision"`` or a strategy object. ``"auto"`` is decision fusion, and
        parallel fusion for a plain matrix of numbers; ``"search"`` chooses among
        them, see :class:`AutoFusion`.

    training : {"joint", "staged"} or Training, default="joint"
        How networks are trained: ``"joint"`` as one, ``"staged"`` each encoder once
        on its own and then the fusion on out-of-fold embeddings, or a
        :class:`Training` object with epochs, learning rate and all else.

    loss : {"squared_error", "quantile"}, default="squared_error"
        What is predicted: the mean, or `quantiles`, for which y is one value a row.
        With ``"quantile"`` the score is the share of pinball loss explained, networks
        are trained by pinball loss, and models of scikit-learn are made models of
        quantiles: gradient boosting and `QuantileRegressor` are fitted once a level,
        any other is shifted by the quantiles of its errors on rows left out.

    quantiles : float or list of float, default=0.5
        Levels in (0, 1), increasing; with ``loss="quantile"``. A list gives
        predictions of two axes.

    columns : dict of str to column(s), default=None
        Where each modality lives in X. A modality named like its column needs no
        entry. A list of one column is that column, except to what reads tables, such
        as a ColumnTransformer.

    missing : {"mask", "impute", "raise"}, default="mask"
        What an absent modality is: a fact about the row that the strategy knows of,
        an embedding to be predicted from those of the present modalities, or an
        error. ``"impute"`` is for strategies trained as one network.

    missing_values : str or list of str, default=None
        Texts that mean an absent cell beside None and NaN, such as ``""``.

    on_empty : {"prior", "raise"}, default="prior"
        What a row without any modality gets: the prior, or an error.

    on_error : {"raise", "missing"}, default="raise"
        What an image, audio or text becomes that cannot be read: an error that
        names the row, or an absent cell, counted in a warning. ``"missing"`` reads
        all files once more.

    n_jobs : int, default=None
        Parallel jobs of out-of-fold fits.

    memory : str or joblib.Memory, default=None
        Cache of what does not depend on the candidate being tried.

    warm_start : bool, default=False
        Whether a second fit goes on training, for strategies trained jointly.

    random_state : int, RandomState instance or None, default=None
        Seed of everything random.

    verbose : int, default=0
        1 prints what was understood of X, as :func:`describe` does, and shows a bar of
        epochs with loss and scores, or of the models and folds that are fitted apart,
        with the time gone and left; 2 prints a line each epoch instead of the former.

    Attributes
    ----------
    modalities_ : list of str
        Names of the modalities.

    encoders_ : dict of str to estimator
        Fitted encoder or model of each modality.

    fusion_ : FusionModel
        Fitted strategy.

    strategy_ : strategy
        The strategy used, where `fusion` is an alias or ``"auto"``.

    fusion_weights_ : dict of str to float
        Fitted weight of each modality; of an ensemble, those of its weighted sum.

    history_ : DataFrame
        One row an epoch.

    n_iter_ : int or None
        Epochs trained.

    net_ : skorch.NeuralNet
        The net, for strategies trained jointly.

    pretrained_report_ : DataFrame
        What ``"pretrained"`` chose for each modality, and why; only with that word.

    fusion_report_ : DataFrame
        Candidates and why one was chosen, after a search (:class:`AutoFusion`);
        members and what each adds, of an ensemble (:class:`DecisionFusion`).

    missing_report_ : DataFrame
        ``count`` and ``share`` of the training rows by pattern of present
        modalities, which is the index.

    n_features_in_ : int
        Columns of X.

    feature_names_in_ : ndarray of str
        Names of the columns of X.

    See Also
    --------
    FusionClassifier : The same for labels.

    Examples
    --------
    >>> from skmultimodal import FusionRegressor
    >>> from skmultimodal.datasets import make_multimodal_regression
    >>> X, y = make_multimodal_regression(random_state=0)
    >>> FusionRegressor(random_state=0).fit(X, y).predict(X).shape
    (200,)
    """

    limits: ClassVar[dict] = {
        "loss": one_of("squared_error", "quantile"),
        "quantiles": either(
            ("a number in (0, 1)", _is_level),
            (
                "a list of such numbers, increasing",
                lambda v: (
                    isinstance(v, (list, tuple, np.ndarray))
                    and len(v) > 0
                    and all(map(_is_level, v))
                    and all(np.diff(v) > 0)
                ),
            ),
        ),
    }

    def __init__(
        self,
        encoders: str | list[tuple[str, Any]] | dict[str, Any] = "auto",
        fusion: Any = "auto",
        training: Any = "joint",
        *,
        loss: str = "squared_error",
        quantiles: float | list[float] = 0.5,
        columns: dict[str, Any] | None = None,
        missing: str = "mask",
        missing_values: str | list[str] | None = None,
        on_empty: str = "prior",
        on_error: str = "raise",
        n_jobs: int | None = None,
        memory: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
    ):
        super().__init__(
            encoders,
            fusion,
            training,
            columns=columns,
            missing=missing,
            missing_values=missing_values,
            on_empty=on_empty,
            on_error=on_error,
            n_jobs=n_jobs,
            memory=memory,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
        )
        self.loss = loss
        self.quantiles = quantiles

    def _checked_y(self, y):
        check_parameters(self, self.limits)
        means = self.loss == "squared_error"
        try:
            missing = np.argwhere(pd.isna(np.asarray(y)))
            if len(missing):
                raise ValueError(
                    f"A value of y of {type(self).__name__} is missing in row "
                    f"{missing[0, 0]}. Replace it, or leave out the row."
                )
            checked = _check_y(y, multi_output=means, y_numeric=True)
            np.asarray(checked, dtype=np.float64)  # texts of numbers are numbers
        except (ValueError, OverflowError) as error:
            if "convert" not in str(error):
                raise
            raise ValueError(
                f"The values y of {type(self).__name__} must be numbers: {error}. For "
                "labels use FusionClassifier."
            ) from error
        return checked

    def _task(self, y, weight, classes=None):
        if self.loss == "squared_error":
            return Regression(y, weight)
        return Quantiles(
            y, np.atleast_1d(self.quantiles), weight, single=is_real(self.quantiles)
        )

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True values.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
            With ``loss="quantile"`` the share of pinball loss explained, mean over
            levels of :func:`sklearn.metrics.d2_pinball_score`.
        """
        predicted = self.predict(X)
        return self.task_.score(y, predicted, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted values.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            With a list of `quantiles` of shape (n_samples, n_quantiles), which do not
            cross.
        """
        check_is_fitted(self)
        return self.task_.predict(self._response(X))

    @available_if(offered("response_per_modality"))
    def predict_per_modality(self, X: Any) -> dict[str, np.ndarray]:
        """Return the values predicted by each modality alone.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        dict of str to ndarray of shape (n_samples, n_outputs)
            NaN where the modality is absent.
        """
        check_is_fitted(self)
        return self._ask(X, "response_per_modality")

    @available_if(offered("uncertainty"))
    def uncertainty(self, X: Any) -> Bunch:
        """Return how unsure each prediction is, and how much modalities conflict.

        For :class:`DecisionFusion` with out-of-fold predictions, which are made for
        ``weights="cv"``, and two modalities or more.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        Bunch
            ``total``, ``aleatoric`` and ``epistemic``, each an ndarray of shape
            (n_samples,) or (n_samples, n_outputs), in squared units of y: the variance
            of the weighted mixture of the modalities' predictions, the mean of their
            out-of-fold squared errors, which depends on a row only by what is present,
            and the variance of their predictions, which add up to the total (Depeweg
            et al., ICML, 2018); and ``conflict``, the variance of two predictions, mean
            over pairs of modalities.
        """
        check_is_fitted(self)
        return self._ask(X, "uncertainty")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = self.loss == "squared_error"
        return tags
