"""What a fusion strategy is: a specification that fits a model to a problem."""

from __future__ import annotations

import contextlib
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from skmultimodal._parameters import check_parameters
from skmultimodal.data._cells import CellError
from skmultimodal.data._columns import did_you_mean
from skmultimodal.data._containers import take_rows
from skmultimodal.fusion._problem import FusionProblem
from skmultimodal.fusion.apart._folds import folds_of

__all__ = ["BaseFusion", "FusionModel"]

MIXED = 4096  # rows whose stages are put together at a time


class BaseFusion(BaseEstimator):
    """Base class of the fusion strategies.

    A strategy is a specification: hyperparameters, cloned and searched like those
    of any scikit-learn estimator, and never changed by a fit. Every strategy has a
    parameter ``weights``.

    Attributes
    ----------
    takes_models : bool
        Class attribute. Whether a modality may be a complete model, such as a
        scikit-learn classifier.
    takes_features : bool
        Class attribute. Whether ``encoders="auto"`` should give fixed dense features
        rather than networks.
    trains_by_epoch : bool
        Whether fits can go on (`partial_fit`, `warm_start`).
    imputes : bool
        Class attribute. Whether ``missing="impute"`` is defined for the strategy.
    searches : bool
        Class attribute. Whether the strategy fits others, with encoders of their own.
    asks_encoders : bool
        Whether it asks for encoders other than its own, where they are inferred: by
        default where it ``searches``.
    takes_any_loss : bool
        Class attribute. Whether it goes by the loss of the task: by squared error it
        predicts neither quantiles nor ordered classes.
    limits : dict of str to tuple of (str, callable)
        Class attribute. What parameters must be, by name: in words, and as a function
        that says whether a value is. ``fit`` checks it.
    """

    takes_models = False
    takes_features = False
    trains_by_epoch = False
    imputes = False
    searches = False
    takes_any_loss = True
    limits: ClassVar[dict] = {}

    @property
    def asks_encoders(self) -> bool:
        return self.searches

    def fit_model(self, problem: FusionProblem) -> FusionModel:
        """Return the model fitted to `problem`."""
        raise NotImplementedError

    def fit_folds(self, problem: FusionProblem, cv: Any = None) -> tuple:
        """Return the fitted model, and models that have not seen some of the rows.

        Returns
        -------
        model : FusionModel
            Fitted to all rows, as by :meth:`fit_model`.
        of_folds : list of (FusionModel, ndarray of int)
            For each fold a model fitted to all rows but those at these positions.
        """
        of_folds = [
            (self.fit_model(problem.take(train)).finished(), test)
            for train, test in folds_of(problem, cv)
        ]
        return self.fit_model(problem).finished(), of_folds

    def check(self, problem: FusionProblem, allowed: tuple = ()) -> None:
        """Raise an error for parameters beyond `limits`, or odd `weights`.

        These are one of the `allowed` words, or a dict with one number >= 0 for each
        modality of the problem, not all of them zero.
        """
        check_parameters(self, self.limits)
        what = problem.task.needs_loss
        if what is not None and not self.takes_any_loss:
            raise ValueError(
                f"{type(self).__name__} goes by squared error and predicts no {what}. "
                "Use another strategy, such as fusion='decision' or 'parallel'."
            )
        self._check_weights(problem, allowed)

    def _check_weights(self, problem: FusionProblem, allowed=()) -> None:
        """Refuse weights that are no allowed word and do not name the modalities."""
        owner, weights = type(self).__name__, self.weights
        if isinstance(weights, str):
            if weights not in allowed:
                raise ValueError(
                    f"The 'weights' parameter of {owner} must be one of "
                    f"{list(allowed)} or a dict {{modality: weight}}. "
                    f"Got {weights!r} instead."
                )
            return
        if not isinstance(weights, dict):
            raise TypeError(
                f"The 'weights' parameter of {owner} must be one of {list(allowed)} "
                f"or a dict {{modality: weight}}. Got {weights!r} instead."
            )
        given, names = set(weights), set(problem.names)
        unknown = given - names - set(problem.dropped)
        if unknown or names - given:
            hint = did_you_mean(next(iter(unknown)), names) if unknown else ""
            raise ValueError(
                f"The 'weights' of {owner} must have one entry for each modality in "
                f"{sorted(names)}. Got {sorted(map(str, given))} instead.{hint}"
            )
        for name in problem.names:
            if not isinstance(weights[name], Real):
                raise TypeError(
                    f"The 'weights' of {owner} must be numbers. Got "
                    f"{weights[name]!r} for modality {name!r}."
                )
        values = np.array([weights[name] for name in problem.names], dtype=float)
        if not np.isfinite(values).all() or (values < 0).any() or not values.sum() > 0:
            raise ValueError(
                f"The 'weights' of {owner} must be non-negative and not all zero. "
                f"Got {weights} instead."
            )


class FusionModel:
    """A fitted strategy, as the estimators use it.

    A strategy's ``fit_model`` returns one. It answers for rows given as `cells`, a dict
    of the raw cells of each modality (None where X lacks its column), and `present`,
    bool of shape (n_samples, n_modalities) in the order of `names`. It must be able to
    answer for every combination of present modalities, a row without any included:
    that has the prior. It holds nothing that does not pickle.

    Subclasses write :meth:`response`, :meth:`scores` and :meth:`embedding`. The other
    methods are offered by those that define them; what depends on how a model was
    fitted is said by :meth:`offers`. The estimators have a method only where their
    fitted strategy offers what it needs.

    Attributes
    ----------
    names : list of str
        Modalities, in the order of the columns of `present`.
    encoders : dict of str to estimator
        Fitted encoder or model of each modality, ``encoders_`` of the estimator.
    weights : dict of str to float
        Fitted weight of each modality, ``fusion_weights_`` of the estimator.
    n_features : int
        Width of the fused embedding.
    dtype : str, default="float64"
        Precision of the response.
    history : sequence of dict, default=()
        One record an epoch; empty where nothing was trained by epochs.
    n_iter : int or None, default=None
        Epochs trained.
    interrupted : bool, default=False
        Whether Ctrl-C ended the training, after the first epoch. The estimators then
        keep the model, and raise KeyboardInterrupt.
    weight_unit : float, default=1.0
        Mean weight of the training rows, which the weights of further chunks are
        relative to.
    net : FusionNet or TrainedNet
        The trained network, ``net_`` of the estimator; only where there is one.
    report : DataFrame
        Why a strategy was chosen, ``fusion_report_`` of the estimator; only where one
        strategy chooses among others.
    strategy : BaseFusion
        The chosen one, ``strategy_`` of the estimator; only where one chooses.
    prices : ndarray of shape (n_modalities,)
        Price of each modality; only where :meth:`seen` is offered.

    Notes
    -----
    A model is saved to a file by its attributes: plain values, arrays, scikit-learn
    estimators and objects of classes that the file's reader trusts. One that holds a
    torch module has two methods more: ``to_plain()`` returns a dict of such values and
    a dict of tensors, and the class method ``from_plain(state, tensors)`` makes the
    model of them.
    """

    names: list[str]
    encoders: dict[str, Any]
    weights: dict[str, float]
    n_features: int
    dtype: str = "float64"
    history: Any = ()
    n_iter: int | None = None
    interrupted: bool = False
    weight_unit: float = 1.0
    net: Any
    report: Any
    strategy: Any
    prices: np.ndarray

    # -- what every model answers -------------------------------------------------

    def response(self, cells, present) -> np.ndarray:
        """Return probabilities or values, of shape (n_samples, n_outputs)."""
        raise NotImplementedError

    def scores(self, cells, present) -> np.ndarray:
        """Return the response before the link, of shape (n_samples, n_outputs)."""
        raise NotImplementedError

    def embedding(self, cells, present) -> np.ndarray:
        """Return the fused embedding, of shape (n_samples, n_features)."""
        raise NotImplementedError

    def responses(self, cells, presences) -> list[np.ndarray]:
        """Return the response for each of several presences of the same cells.

        What does not depend on the presence is computed once where a model can.
        """
        return [self.response(cells, present) for present in presences]

    def response_to_mixed(self, cells, rows, present) -> np.ndarray:
        """Return the response to rows put together of given cells.

        What does not depend on the other modalities is computed once per cell where a
        model can, however many rows it is in.

        Parameters
        ----------
        cells : dict of str to array-like
            Cells of each modality, of any number.
        rows : ndarray of int of shape (n_samples, n_modalities)
            Which cell of each modality a row has.
        present : ndarray of bool of shape (n_samples, n_modalities)

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
        """
        taken = {
            name: None if cells[name] is None else take_rows(cells[name], rows[:, m])
            for m, name in enumerate(self.names)
        }
        return self.response(taken, present)

    def feature_names(self) -> list[str]:
        """Return names of columns: ``image__0``, ``image__chair`` or ``fused__0``."""
        return [f"fused__{i}" for i in range(self.n_features)]

    def offers(self, method: str) -> bool:
        """Whether the model has a method of those below.

        By default it has those that its class defines; override it where that depends
        on the fit.
        """
        return getattr(type(self), method, None) is not getattr(
            FusionModel, method, None
        )

    def finished(self) -> FusionModel:
        """Return the model itself; raise KeyboardInterrupt if it was interrupted.

        For strategies that fit others: a part that was cut off makes no whole.
        """
        if self.interrupted:
            raise KeyboardInterrupt
        return self

    def chosen_by(self, report, strategy) -> FusionModel:
        """Return the model itself, with the report of how its strategy was chosen."""
        self.report, self.strategy = report, strategy
        return self

    def trim(self) -> None:
        """Drop what only training, or a cache, needs; predictions stay as they are."""

    # -- what only some offer -----------------------------------------------------

    def encode(self, cells, present, name) -> np.ndarray:
        """Return the embedding of one modality, NaN where it is absent.

        Offered where encoders have embeddings of their own; the estimators' `encode`
        passes on the error of others.
        """
        raise ValueError(
            f"The fitted strategy, a {type(self).__name__}, has no embedding of a "
            "single modality."
        )

    def response_per_modality(self, cells, present) -> dict[str, np.ndarray]:
        """Return the response by each modality alone, NaN where it is absent.

        Offered where modalities have a head or a model of their own; it gives the
        estimators ``predict_proba_per_modality`` and ``predict_per_modality``.
        """
        raise NotImplementedError

    def branch_scores(self, cells, present) -> np.ndarray:
        """Return the scores of each branch, (n_samples, n_modalities, n_outputs).

        Offered by networks whose modalities have scores of their own; ``weights="cv"``
        chooses by them.
        """
        raise NotImplementedError

    def modality_weights(self, cells, present) -> np.ndarray:
        """Return how much each modality counts in each row, as `present`.

        Offered where a strategy has such weights: gates, attention, precisions,
        evidence, or fitted weights brought to the present modalities. Zero where a
        modality is absent, in all of a row that has the prior.
        """
        raise NotImplementedError

    def contributions(self, cells, present) -> dict[str, np.ndarray]:
        """Return additive terms of the scores, each (n_samples, n_outputs).

        Offered where the scores are a sum over the modalities, and the prior, if it
        has a term of its own.
        """
        raise NotImplementedError

    def uncertainty(self, cells, present) -> Any:
        """Return a Bunch of arrays of shape (n_samples, ...) by kind of uncertainty.

        Offered where a strategy has a notion of it: evidence, variances, or how far
        the modalities disagree.
        """
        raise NotImplementedError

    def trained_more(self, problem, unit=None) -> FusionModel:
        """Return a copy of the model, trained on with the rows of `problem`.

        Offered by strategies with ``trains_by_epoch``; it gives the estimators
        `partial_fit` and `warm_start`. Weights of the rows are relative to `unit`, to
        their own mean if None.
        """
        raise NotImplementedError

    def seen(self, cells, present) -> tuple[np.ndarray, np.ndarray]:
        """Return the response, and which modalities each row was given.

        The latter as `present`. Offered by models that stop looking when they are sure.
        """
        raise NotImplementedError

    def stage_input(self, cells, name) -> np.ndarray:
        """Return what a cascade keeps of cells of one modality, all of them present.

        Of shape (n_samples, n_values). Offered, with :meth:`response_of_stages`, by
        models whose modalities can be looked at one after the other.
        """
        raise NotImplementedError

    def response_of_stages(self, inputs, present) -> np.ndarray:
        """Return the response to what :meth:`stage_input` gave, by modality.

        Modalities that no row was given may be left out; the rows of those that a row
        was not given are zero.
        """
        raise NotImplementedError


def mixed_by_stages(model, cells, rows, present) -> np.ndarray:
    """Return what `response_to_mixed` does, by the stages that a model offers."""
    inputs = {}
    for m, name in enumerate(model.names):
        here = present[:, m]
        if cells[name] is None or not here.any():
            continue
        used, which = np.unique(rows[here, m], return_inverse=True)
        found = model.stage_input(take_rows(cells[name], used), name)
        inputs[name] = np.zeros((len(rows), found.shape[1]), dtype=found.dtype)
        inputs[name][here] = found[which]
    parts = [
        model.response_of_stages(
            {name: block[start : start + MIXED] for name, block in inputs.items()},
            present[start : start + MIXED],
        )
        for start in range(0, len(rows), MIXED)
    ]
    return np.concatenate(parts)


def unheard(weights, names, present) -> np.ndarray:
    """Return which rows have no modality, or only such as were given weight zero."""
    if isinstance(weights, dict):
        present = present[:, [weights[name] > 0 for name in names]]
    return ~present.any(axis=1)


@contextlib.contextmanager
def seeded_numpy(seed: int):
    """Seed numpy's global generator inside the block, and leave it as it was.

    Transformers without a random state draw from it, and some have none to set.
    """
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


@contextlib.contextmanager
def naming(modality: str):
    """Name the modality in an error raised inside the block."""
    try:
        yield
    except CellError as error:
        raise error.in_modality(modality) from error
    except (ValueError, TypeError, OSError, ImportError) as error:
        message = str(error)
        if repr(modality) in message:
            raise
        known = ValueError, TypeError, ImportError
        kind = type(error) if type(error) in known else ValueError
        raise kind(f"Modality {modality!r}: {message}") from error
