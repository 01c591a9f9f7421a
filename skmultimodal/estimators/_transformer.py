"""The fusion transformer: embeddings for the next step of a pipeline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.multiclass import type_of_target

from skmultimodal._sklearn import _check_y
from skmultimodal.estimators._fitted import FittedFusion
from skmultimodal.fusion.apart._staged import cross_fit_embedding
from skmultimodal.training._tasks import Regression, classification_task

__all__ = ["FusionTransformer"]


class FusionTransformer(FittedFusion):
    """Embed rows of several modalities, supervised by y.

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
        classifier, ``"auto"``, a kind (``"image"``, ``"text"``, ``"audio"``,
        ``"sequence"``, ``"embedding"`` or ``"table"``) whose automatic encoder is
        used, ``"pretrained"``, the name, folder or file of a pretrained model, or
        ``"drop"``; ``"number"``, ``"comma number"``, ``"date"``, ``"boolean"`` or
        ``"category"`` says what a column of the table is taken for.

    fusion : str or strategy, default="auto"
        How modalities combine: ``"parallel"``, ``"sequential"``, ``"feature"``,
        ``"decision"`` or a strategy object. ``"auto"`` is feature fusion.

    training : {"joint", "staged"} or Training, default="joint"
        How networks are trained: ``"joint"`` as one, ``"staged"`` each encoder once
        on its own and then the fusion on out-of-fold embeddings, or a
        :class:`Training` object with epochs, learning rate and all else.

    cross_fit : bool, default=False
        Whether `fit_transform` returns out-of-fold embeddings, each row embedded by
        a model that has not seen it and rotated into the space of the final one.
        A next step then learns from embeddings like those it will meet.

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
    FusionClassifier : Labels instead of embeddings.

    Examples
    --------
    >>> from skmultimodal import FusionTransformer, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> FusionTransformer(
    ...     random_state=0, training=Training(max_epochs=5)
    ... ).fit_transform(X, y).shape
    (200, 64)
    """

    def __init__(
        self,
        encoders: str | list[tuple[str, Any]] | dict[str, Any] = "auto",
        fusion: Any = "auto",
        training: Any = "joint",
        *,
        cross_fit: bool = False,
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
        self.cross_fit = cross_fit

    def fit_transform(
        self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None
    ) -> np.ndarray:
        """Fit, and return the fused embedding of the training rows.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with one or more modalities.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels or values.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; none may be zero under `cross_fit`.

        groups : array-like of shape (n_samples,), default=None
            Rows of one group never fall on both sides of an inner split.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
            Out of fold if `cross_fit`, else the same as ``fit(X, y).transform(X)``.
        """
        self.fit(X, y, sample_weight=sample_weight, groups=groups)
        if not self.cross_fit:
            return self.transform(X)
        strategy, problem, *_ = clone(self)._problem(X, y, sample_weight, groups)
        problem = replace(problem, seed=self._seed)  # the fit's initialisation
        if problem.n_samples != len(X):
            raise ValueError(
                "cross_fit=True needs positive sample weights: every row must get an "
                "out-of-fold embedding. Got zero weights; drop those rows."
            )
        return cross_fit_embedding(strategy, problem, self.fusion_)

    def _settings(self, *args):
        """Return the settings without a backbone, unless asked for.

        What is beyond the sum of the branches is no embedding of the rows.
        """
        settings = super()._settings(*args)
        if settings.backbone == "auto":
            return settings.replace(backbone=False)
        return settings

    def _checked_y(self, y):
        return _check_y(y, multi_output=True)

    def _task(self, y, weight, classes=None):
        if type_of_target(y).startswith("continuous"):
            return Regression(y, weight)
        return classification_task(y)
