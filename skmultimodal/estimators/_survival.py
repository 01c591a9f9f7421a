"""The fusion estimator of times until an event."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skmultimodal._parameters import NONE, POSITIVE_INT, check_parameters, either
from skmultimodal._sklearn import check_weights
from skmultimodal.estimators._base import offered
from skmultimodal.estimators._fitted import FittedFusion
from skmultimodal.estimators._rows import check_lengths
from skmultimodal.training._censoring import brier_scores
from skmultimodal.training._survival import Survival, survival_pairs

__all__ = ["FusionSurvival"]


class FusionSurvival(FittedFusion):
    """Predict how long until an event, for rows of images, text, audio and tables.

    Some rows are followed for a time that the event is only known to be later than:
    y says for each the time, and whether the event was seen at it.

    Read more in the :ref:`User Guide <survival>`.

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
        classifier or model of scikit-survival, ``"auto"``, a kind (``"image"``,
        ``"text"``, ``"audio"``, ``"sequence"``, ``"embedding"`` or ``"table"``) whose
        automatic encoder is used, ``"pretrained"``, the name, folder or file of a
        pretrained model, or ``"drop"``; ``"number"``, ``"comma number"``, ``"date"``,
        ``"boolean"`` or ``"category"`` says what a column of the table is taken for.

    fusion : str or strategy, default="auto"
        How modalities combine: ``"parallel"``, ``"sequential"``, ``"feature"``,
        ``"decision"`` or a strategy object. ``"auto"`` is decision fusion, and
        parallel fusion for a plain matrix of numbers; ``"search"`` chooses among
        them, see :class:`AutoFusion`.

    training : {"joint", "staged"} or Training, default="joint"
        How networks are trained: ``"joint"`` as one, ``"staged"`` each encoder once
        on its own and then the fusion on out-of-fold embeddings, or a
        :class:`Training` object with epochs, learning rate and all else.

    n_intervals : int, default=None
        Intervals of time, which end at quantiles of the times of events. None is one
        for each 25 events, from 4 to 10.

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
    times_ : ndarray of shape (n_intervals,)
        Ends of the intervals.

    modalities_ : list of str
        Names of the modalities.

    encoders_ : dict of str to estimator
        Fitted encoder or model of each modality.

    fusion_ : FusionModel
        Fitted strategy.

    strategy_ : strategy
        The strategy used, where `fusion` is an alias or ``"auto"``.

    fusion_weights_ : dict of str to float
        Fitted weight of each modality.

    history_ : DataFrame
        One row an epoch.

    n_iter_ : int or None
        Epochs trained.

    net_ : skorch.NeuralNet
        The net, for strategies trained jointly.

    pretrained_report_ : DataFrame
        What ``"pretrained"`` chose for each modality, and why; only with that word.

    fusion_report_ : DataFrame
        Candidates and why one was chosen, after a search (:class:`AutoFusion`).

    missing_report_ : DataFrame
        ``count`` and ``share`` of the training rows by pattern of present
        modalities, which is the index.

    n_features_in_ : int
        Columns of X.

    feature_names_in_ : ndarray of str
        Names of the columns of X.

    See Also
    --------
    FusionRegressor : For values that are all known.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal import FusionSurvival
    >>> from skmultimodal.datasets import make_multimodal_regression
    >>> X, risk = make_multimodal_regression(random_state=0)
    >>> rng = np.random.default_rng(0)
    >>> time, until = rng.exponential(np.exp(-risk)), rng.exponential(3, len(risk))
    >>> kinds = [("event", bool), ("time", float)]
    >>> y = np.array(list(zip(time <= until, np.minimum(time, until))), kinds)
    >>> model = FusionSurvival(random_state=0).fit(X, y)
    >>> model.predict_survival_function(X, times=[1.0, 2.0]).shape
    (200, 2)
    """

    limits: ClassVar[dict] = {"n_intervals": either(NONE, POSITIVE_INT)}

    def __init__(
        self,
        encoders: str | list[tuple[str, Any]] | dict[str, Any] = "auto",
        fusion: Any = "auto",
        training: Any = "joint",
        *,
        n_intervals: int | None = None,
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
        self.n_intervals = n_intervals

    def _targets(self, X, y, sample_weight, groups=None):
        check_parameters(self, self.limits)
        y = survival_pairs(y)
        check_lengths(X=X, y=y, sample_weight=sample_weight, groups=groups)
        if sample_weight is not None:
            sample_weight = check_weights(sample_weight, np.zeros((len(y), 1)))
        return y, sample_weight

    def _check_enough(self, X, y):
        if not (y[:, 1] > 0).any():
            raise ValueError(
                f"{type(self).__name__} needs rows whose event was seen. Got none "
                f"among {len(y)}."
            )

    def _task(self, y, weight, classes=None):
        return Survival(y, weight, self.n_intervals)

    def _keep(self, model, strategy, problem, reader):
        super()._keep(model, strategy, problem, reader)
        self.times_ = problem.task.edges

    def predict(self, X: Any) -> np.ndarray:
        """Return the risk: higher, where the event is expected earlier.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            The cumulative hazard, summed over the ends of the intervals.
        """
        check_is_fitted(self)
        return self.task_.predict(self._response(X))

    def predict_survival_function(self, X: Any, times: Any = None) -> np.ndarray:
        """Return the probability that the event is later than each time.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        times : array-like of shape (n_times,), default=None
            None is the ends of the intervals, `times_`. The hazard is constant between
            these, and goes on after the last.

        Returns
        -------
        ndarray of shape (n_samples, n_times)
        """
        check_is_fitted(self)
        times = self.times_ if times is None else np.asarray(times, dtype=np.float64)
        return self.task_.survival(self._response(X), times)

    @available_if(offered("response_per_modality"))
    def predict_per_modality(self, X: Any) -> dict[str, np.ndarray]:
        """Return the hazards by each modality alone.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        dict of str to ndarray of shape (n_samples, n_intervals)
            NaN where the modality is absent.
        """
        check_is_fitted(self)
        return self._ask(X, "response_per_modality")

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the concordance of risks with censoring weights.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        y : structured array of shape (n_samples,)
            Whether the event was seen, and the time.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
            As ``sksurv.metrics.concordance_index_ipcw``: 0.5 by chance, at most 1.
            Its ``tau`` is the time when fewer than a tenth of the training rows are
            still followed.
        """
        risk = self.predict(X)
        return self.task_.score(y, risk, sample_weight)

    def integrated_brier_score(self, X: Any, y: Any, times: Any = None) -> float:
        """Return the Brier score of survival, with censoring weights, over time.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        y : structured array of shape (n_samples,)
            Whether the event was seen, and the time.

        times : array-like of shape (n_times,), default=None
            Increasing. None is 100 of them, from the end of the first interval to that
            of the last, or to when fewer than a tenth of the training rows are still
            followed.

        Returns
        -------
        float
            The integral over `times` divided by their range; lower is better.
        """
        if times is None:
            check_is_fitted(self)
            last = min(self.times_[-1], self.task_.censoring.until)
            times = np.linspace(self.times_[0], last, 101)[:-1]
        times = np.asarray(times, dtype=np.float64)
        alive = self.predict_survival_function(X, times)
        found = brier_scores(alive, times, survival_pairs(y), self.task_.censoring)
        return float(np.trapezoid(found, times) / np.ptp(times))
