"""The fusion classifier."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.utils import Bunch
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from skmultimodal._parameters import BOOL, check_parameters, either
from skmultimodal._sklearn import _check_y
from skmultimodal.estimators._base import offered
from skmultimodal.estimators._fitted import FittedFusion
from skmultimodal.training._ordinal import Ordinal, ordered_grades
from skmultimodal.training._tasks import Classification, classification_task

__all__ = ["FusionClassifier"]


class FusionClassifier(ClassifierMixin, FittedFusion):
    """Classify rows that hold images, text, audio and table columns at once.

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
        ``"decision"`` or a strategy object. ``"auto"`` is decision fusion, and
        parallel fusion for a plain matrix of numbers; ``"search"`` chooses among
        them, see :class:`AutoFusion`.

    training : {"joint", "staged"} or Training, default="joint"
        How networks are trained: ``"joint"`` as one, ``"staged"`` each encoder once
        on its own and then the fusion on out-of-fold embeddings, or a
        :class:`Training` object with epochs, learning rate and all else.

    columns : dict of str to column(s), default=None
        Where each modality lives in X. A modality named like its column needs no
        entry. A list of one column is that column, except to what reads tables, such
        as a ColumnTransformer.

    class_weight : dict or "balanced", default=None
        Weights of the classes.

    ordinal : bool or list of labels, default=False
        Whether the classes have an order: that of the list, from lowest to highest, of
        an ordered categorical y, or else of the sorted labels. `predict` then gives
        the median grade, `score` is the quadratic weighted kappa, networks have
        cumulative logits, and decisions are combined grade by grade.

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
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.

    grades_ : ndarray of shape (n_classes,)
        Labels from lowest to highest; only with `ordinal`.

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
    FusionRegressor : The same for real values.
    FusionTransformer : Embeddings for the next step of a pipeline.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier
    >>> from skmultimodal.datasets import load_emoji
    >>> X, y = load_emoji(return_X_y=True)
    >>> clf = FusionClassifier(random_state=0).fit(X[::8], y[::8])
    >>> clf.modalities_
    ['image', 'text']
    """

    limits: ClassVar[dict] = {
        "ordinal": either(
            BOOL,
            (
                "a list of labels",
                lambda v: isinstance(v, (list, tuple, np.ndarray)) and len(v) > 1,
            ),
        )
    }

    def __init__(
        self,
        encoders: str | list[tuple[str, Any]] | dict[str, Any] = "auto",
        fusion: Any = "auto",
        training: Any = "joint",
        *,
        columns: dict[str, Any] | None = None,
        class_weight: dict[Any, float] | str | None = None,
        ordinal: bool | list[Any] = False,
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
        self.class_weight = class_weight
        self.ordinal = ordinal

    def _checked_y(self, y):
        try:
            kind = type_of_target(y, input_name="y")
            values = np.asarray(y) if kind == "unknown" else np.empty(0)
            held = pd.api.types.infer_dtype(values.ravel(), skipna=False)
            if held in ("boolean", "integer"):
                dtype = "bool" if held == "boolean" else "int"
                raise ValueError(
                    f"Unknown label type: the labels y of {type(self).__name__} are "
                    f"{dtype} in an array of dtype object. Pass y.astype({dtype})."
                )
            multilabel = kind.startswith("multilabel")
            checked = _check_y(y, multi_output=multilabel)
            if checked.dtype == object:
                np.unique(checked)  # labels are sorted
        except TypeError as error:
            labels = np.asarray(y, dtype=object).ravel()
            kinds = sorted({type(label).__name__ for label in labels})
            missing = np.flatnonzero(pd.isna(labels))
            gap = (
                f" The first missing one is in row {missing[0]}."
                if len(missing)
                else ""
            )
            raise TypeError(
                f"The labels y of {type(self).__name__} must be of one type. Got "
                f"{kinds} together.{gap} Fill in what is missing, or use str for all."
            ) from error
        return checked

    def _told(self, y):
        check_parameters(self, self.limits)
        if isinstance(self.ordinal, bool):
            dtype = getattr(y, "dtype", None)
            if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered:
                return {"grades": dtype.categories}
            return {"grades": None}
        return {"grades": self.ordinal}

    def _is_unordered(self):
        return isinstance(self.ordinal, bool) and not self.ordinal

    def _task(self, y, weight, classes=None, grades=None):
        if classes is not None:
            classes = np.asarray(classes)
        if self._is_unordered():
            if classes is not None:
                return Classification(classes)
            return classification_task(y)
        if np.ndim(y) > 1:
            raise ValueError("'ordinal' is for one label a row. Got several columns.")
        known = np.unique(y if classes is None else classes)
        return Ordinal(known, ordered_grades(known, grades))

    def _check_enough(self, X, y):
        if np.ndim(y) == 1 and len(np.unique(y)) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least two classes in y. Got 1 class: "
                f"{np.unique(y).tolist()[0]!r}."
            )

    def _class_weighted(self, y, weight):
        if self.class_weight is None:
            return weight
        by_class = compute_sample_weight(self.class_weight, y)
        return by_class if weight is None else weight * by_class

    def _keep(self, model, strategy, problem, reader):
        super()._keep(model, strategy, problem, reader)
        self.classes_ = problem.task.classes
        if problem.task.grades is not None:
            self.grades_ = problem.task.grades

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy or, with `ordinal`, the quadratic weighted kappa.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            True labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
        """
        predicted = self.predict(X)
        return self.task_.score(y, predicted, sample_weight)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            For several labels a row, the probability of each label.
        """
        check_is_fitted(self)
        return self._response(X)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the scores before the link.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            For two classes, of shape (n_samples,): the second minus the first. With
            `ordinal`, logarithms of probabilities.
        """
        check_is_fitted(self)
        return self.task_.decision(self._ask(X, "scores"))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable label or, with `ordinal`, the median grade.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        check_is_fitted(self)
        return self.task_.predict(self._response(X))

    @available_if(offered("seen"))
    def predict_with_cost(self, X: Any) -> Bunch:
        """Return predictions and what they cost, for a cascade.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        Bunch
            ``prediction``, as of `predict`; ``probability``, as of `predict_proba`;
            ``seen``, a DataFrame of bool with a column for each modality: whether a
            row was given it; ``n_modalities``, ndarray of int of shape (n_samples,);
            and ``cost``, ndarray of shape (n_samples,), the sum of their prices.

        See Also
        --------
        SequentialFusion : Has the parameters `exit_threshold` and `cost`.
        """
        check_is_fitted(self)
        model = self.fusion_
        response, seen = self._ask(X, "seen")
        return Bunch(
            prediction=self.task_.predict(response),
            probability=response,
            seen=pd.DataFrame(seen, columns=model.names),
            n_modalities=seen.sum(axis=1),
            cost=seen @ model.prices,
        )

    @available_if(offered("response_per_modality"))
    def predict_proba_per_modality(self, X: Any) -> dict[str, np.ndarray]:
        """Return the probabilities by each modality alone.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        dict of str to ndarray of shape (n_samples, n_classes)
            NaN where the modality is absent.
        """
        check_is_fitted(self)
        return self._ask(X, "response_per_modality")

    @available_if(offered("uncertainty"))
    def uncertainty(self, X: Any) -> Bunch:
        """Return how unsure each prediction is, and how much modalities conflict.

        For :class:`EvidentialFusion` and, of single-label y, :class:`DecisionFusion`.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        Bunch
            Of evidential fusion ``belief``, ndarray of shape (n_samples, n_classes),
            and ``ignorance``, ndarray of shape (n_samples,), which sum to one in each
            row, and ``conflict``, ndarray of shape (n_samples,): the mean over pairs
            of present modalities, 0 where they agree or know nothing, at most 1.

            Of decision fusion ``total``, ``aleatoric`` and ``epistemic``, each an
            ndarray of shape (n_samples,), in nats: the entropy of the weighted mixture
            of the modalities' predictions, the mean entropy of these, and the
            difference, which is what they disagree by (Depeweg et al., ICML, 2018);
            and ``conflict``, their mean Jensen-Shannon divergence over pairs.
        """
        check_is_fitted(self)
        return self._ask(X, "uncertainty")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = self._is_unordered()
        return tags
