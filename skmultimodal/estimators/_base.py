"""How the three fusion estimators are fitted: parameters, input, fit."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import TransformerMixin, is_regressor
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skmultimodal._parameters import check_parameters
from skmultimodal._sklearn import (
    CallbackSupportMixin,
    _BaseComposition,
    check_weights,
    fit_task,
    with_callbacks,
)
from skmultimodal.estimators._continuing import specification, with_checkpoint
from skmultimodal.estimators._description import described
from skmultimodal.estimators._diagram import diagram
from skmultimodal.estimators._layout import is_numeric, pairs_of
from skmultimodal.estimators._left_out import (
    changed,
    warn_of_columns,
    warn_of_parameters,
)
from skmultimodal.estimators._reader import Reader
from skmultimodal.estimators._rows import check_lengths, count_patterns
from skmultimodal.fusion._auto import auto_fusion, resolve_fusion
from skmultimodal.fusion._problem import FusionProblem
from skmultimodal.fusion.apart._cache import cache_in
from skmultimodal.fusion.apart._scored import without_scores
from skmultimodal.training._specification import resolve_training
from skmultimodal.training._target import checked_target


def offered(method):
    """Return a check for `available_if`: the fitted strategy offers `method`."""

    def check(self):
        model = getattr(self, "fusion_", None)
        if model is not None:
            return model.offers(method)
        if method != "trained_more" or self.fusion == "auto":
            return True
        return resolve_fusion(self.fusion, type(self).__name__).trains_by_epoch

    return check


class BaseFusionEstimator(
    CallbackSupportMixin,
    TransformerMixin,
    _BaseComposition,
):
    """Parameters, input and fit of the fusion estimators; see also FittedFusion."""

    def __init__(
        self,
        encoders: str | list[tuple[str, Any]] | dict[str, Any] = "auto",
        fusion: Any = "auto",
        training: Any = "joint",
        *,
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
        self.encoders = encoders
        self.fusion = fusion
        self.columns = columns
        self.training = training
        self.missing = missing
        self.missing_values = missing_values
        self.on_empty = on_empty
        self.on_error = on_error
        self.n_jobs = n_jobs
        self.memory = memory
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    # -- parameters ---------------------------------------------------------------

    @property
    def _encoders(self):
        """The encoders as pairs, for nested parameters; none if inferred."""
        if isinstance(self.encoders, dict):
            return list(self.encoders.items())
        return [] if isinstance(self.encoders, str) else self.encoders

    @_encoders.setter
    def _encoders(self, value):
        self.encoders = dict(value) if isinstance(self.encoders, dict) else value

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the estimator, its encoders and its strategy.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of encoders and strategy.

        Returns
        -------
        dict
        """
        return self._get_params("_encoders", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``fusion__weights`` and ``text__out_features`` reach down.

        Parameters
        ----------
        **params : dict
            Estimator parameters. A strategy or training given as an alias becomes its
            object when a nested parameter needs one; ``"auto"`` becomes the strategy
            of small data.

        Returns
        -------
        self
        """
        for key in ("encoders", "fusion", "training"):
            if key in params:
                setattr(self, key, params.pop(key))
        nested = {key.partition("__")[0] for key in params if "__" in key}
        if "fusion" in nested and isinstance(self.fusion, str):
            self.fusion = self._strategy(plain=False)
        if "training" in nested:
            self.training = self._training()
        self._set_params("_encoders", **params)
        return self

    # -- input --------------------------------------------------------------------

    def _strategy(self, plain):
        inferred = isinstance(self.encoders, str)
        return auto_fusion(self.fusion, plain, type(self), inferred)

    def _training(self):
        return resolve_training(self.training, type(self).__name__)

    def _settings(self, plain, n_samples, dtype):
        return self._training().settings(
            n_samples, plain=plain, dtype=dtype, verbose=self.verbose
        )

    def _problem(self, X, y, sample_weight, groups, classes=None):
        """Validate everything; return the strategy, the problem and the columns."""
        check_parameters(self)
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        reader = Reader.of(self)
        X = reader.check(X)
        told = self._told(y)
        y, weight = self._targets(X, y, sample_weight, groups)
        self._check_enough(X, y)
        task = self._task(y, weight, classes, **told)
        plain = is_numeric(X)
        float32 = isinstance(X, np.ndarray) and X.dtype == np.float32
        strategy = self._strategy(plain)
        self._check_imputes(strategy)
        if not isinstance(self.encoders, str):
            pairs = pairs_of(self.encoders, reader.owner)
            self._validate_names([name for name, _ in pairs])
        kind = is_regressor(self), task.n_outputs if task.one_label else 2
        rows = reader.fit(X, strategy, *kind)
        settings = self._settings(
            plain, len(y), "float64" if plain and not float32 else "float32"
        )
        if settings.speaks:
            print(described(reader, X, rows, reader.encoders_), flush=True)
        warn_of_columns(reader, X, reader.columns_)
        warn_of_parameters(changed(self._training()), strategy, reader.encoders_)
        problem = FusionProblem(
            cells=rows.cells,
            present=rows.present,
            encoders=reader.encoders_,
            task=task,
            y=y,
            target=task.encode(y),
            sample_weight=self._class_weighted(y, weight),
            groups=None if groups is None else np.asarray(groups),
            settings=settings,
            seed=self._new_seed(),
            dropped=reader.dropped_,
            missing=self.missing,
            memory=cache_in(self.memory),
            n_jobs=self.n_jobs,
            encoders_for=(
                reader.encoders_for(X, *kind) if strategy.asks_encoders else None
            ),
        )
        return strategy, problem.of_positive_weight(), reader

    def _chunk(self, X, y, sample_weight):
        """Return further rows as a problem like that of the fit."""
        check_parameters(self)
        X = self.reader_.check(X)
        y, weight = self._targets(X, y, sample_weight)
        rows = self.reader_.read_more(X)
        return FusionProblem(
            cells=rows.cells,
            present=rows.present,
            encoders=self.encoders_,
            task=self.task_,
            y=y,
            target=self.task_.encode(y),
            sample_weight=self._class_weighted(y, weight),
            groups=None,
            settings=self._settings(self.as_matrix_, len(y), self.fusion_.dtype),
            seed=self._new_seed(),
            missing=self.missing,
        ).of_positive_weight()

    def _told(self, y):
        """Return what y as given tells of the task, beside its values."""
        return {}

    def _targets(self, X, y, sample_weight, groups=None):
        """Return y and the weights, checked against X."""
        y = self._checked_y(checked_target(y))
        check_lengths(X=X, y=y, sample_weight=sample_weight, groups=groups)
        if sample_weight is not None:
            sample_weight = check_weights(sample_weight, np.zeros((len(y), 1)))
        return y, sample_weight

    def _new_seed(self):
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        if self._training().accelerator is None:
            return seed
        from skmultimodal.training._accelerated import shared_seed

        return shared_seed(seed)

    # -- fit ----------------------------------------------------------------------

    @contextmanager
    def _all_or_nothing(self):
        """Leave the estimator as it was if the block fails."""
        before = dict(self.__dict__)
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    @with_callbacks
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None
    ) -> Self:
        """Fit the encoders and the fusion.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like of shape \
                (n_samples, n_features)
            Rows with one or more modalities.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels or values.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; rows of weight zero are left out.

        groups : array-like of shape (n_samples,), default=None
            Rows of one group never fall on both sides of an inner split.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a parameter, X, y or the weights are not what they must be. The
            estimator is then as it was before.
        """
        with fit_task(self, X, y, sample_weight), self._all_or_nothing():
            strategy, problem, reader = self._problem(X, y, sample_weight, groups)
            problem = with_checkpoint(problem, self._training(), strategy)
            fit_model = strategy.fit_model
            if self.warm_start and self._goes_on(strategy, problem):
                problem = problem.for_task(self.task_)
                fit_model = self.fusion_.trained_more
            model = fit_model(problem)
            self._keep(model, strategy, problem, reader)
        if model.interrupted:
            raise KeyboardInterrupt
        if problem.settings.checkpoint is not None:
            problem.settings.checkpoint.remove()
        return self

    def _goes_on(self, strategy, problem):
        """Whether the last fit trained this strategy over these modalities."""
        return (
            hasattr(self, "fusion_")
            and self.fusion_.offers("trained_more")
            and self._specification == specification(strategy, problem.encoders)
        )

    def _keep(self, model, strategy, problem, reader):
        """Record the fitted attributes."""
        self.fusion_, self.strategy_ = model, getattr(model, "strategy", strategy)
        self.encoders_ = {name: model.encoders[name] for name in problem.names}
        self.modalities_ = list(problem.names)
        self.missing_report_ = count_patterns(problem.names, problem.present)
        reader.settle(model.names, self.encoders_, self.missing_report_)
        self.columns_, self.as_matrix_ = reader.columns_, reader.as_matrix_
        for name in ("n_features_in_", "feature_names_in_", "pretrained_report_"):
            self.__dict__.pop(name, None)
            if hasattr(reader, name):
                setattr(self, name, getattr(reader, name))
        self._reader, self.task_ = reader, problem.task
        self._cache, self._seed = problem.memory, problem.seed
        self._specification = specification(strategy, problem.encoders)
        self._update()

    def _update(self):
        model = self.fusion_
        self.fusion_weights_ = {name: model.weights[name] for name in self.modalities_}
        self.history_ = pd.DataFrame(model.history)
        self.n_iter_ = model.n_iter

    @property
    def reader_(self) -> Reader:
        """What reads X for the fitted model: ``reader_.read(X)``."""
        check_is_fitted(self)
        return self._reader.under(self)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "fusion_")

    def _check_imputes(self, strategy):
        if self.missing == "impute" and not strategy.imputes:
            raise ValueError(
                "missing='impute' fills in embeddings, which "
                f"{type(strategy).__name__} does not train. Use missing='mask', which "
                "leaves absent modalities out, or a strategy trained as one network, "
                "such as fusion='parallel'."
            )

    def _check_enough(self, X, y):
        """Refuse what cannot be learnt from; the default accepts it."""

    def _class_weighted(self, y, weight):
        """Return sample weights with class weights in; the default has none."""
        return weight

    @available_if(offered("trained_more"))
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """Train for one epoch on a chunk of rows.

        The first call fits the encoders' preprocessing, which then stays.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with one or more modalities.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels or values.

        classes : array-like of shape (n_classes,), default=None
            All labels that later chunks may hold; those of `y` if None. Only for
            the first call of a classifier.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, in the same unit as those of the first call.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If something is not what it must be, if the strategy is not trained by
            epochs, or if ``class_weight="balanced"``, since the classes of a chunk
            are not those of the data.
        """
        if getattr(self, "class_weight", None) == "balanced":
            raise ValueError(
                f"partial_fit of {type(self).__name__} sees one chunk, whose class "
                "counts are not those of the data: class_weight='balanced' has no "
                "meaning there. Pass a dict of weights, as "
                "sklearn.utils.class_weight.compute_class_weight gives it for all y."
            )
        with self._all_or_nothing():
            if hasattr(self, "fusion_"):
                problem = self._chunk(X, y, sample_weight).for_one_epoch()
                unit = self.fusion_.weight_unit
                self.fusion_ = self.fusion_.trained_more(problem, unit).finished()
                self.missing_report_ = count_patterns(
                    problem.names, problem.present, before=self.missing_report_
                )
                self._reader = copy.copy(self._reader)
                self._reader.settle(
                    self.fusion_.names, self.encoders_, self.missing_report_
                )
                self._update()
                return self
            strategy, problem, reader = self._problem(
                X, y, sample_weight, None, classes
            )
            if not strategy.trains_by_epoch:
                raise ValueError(
                    f"partial_fit needs a strategy trained by epochs, such as "
                    f"fusion='parallel'. Got {strategy!r}."
                )
            problem = without_scores(problem.for_one_epoch())
            model = strategy.fit_model(problem).finished()
            self._keep(model, strategy, problem, reader)
        return self

    # -- display ------------------------------------------------------------------

    def _sk_visual_block_(self):
        pairs = self._encoders
        if hasattr(self, "encoders_"):
            pairs = self.encoders_.items()
        return diagram(self, list(pairs))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = []
        return tags
