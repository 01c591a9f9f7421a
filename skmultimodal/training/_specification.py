"""How networks are trained: the specification that users write."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from sklearn.base import BaseEstimator

from skmultimodal._parameters import (
    BOOL,
    FRACTION,
    NONE,
    NOT_NEGATIVE,
    PATH,
    POSITIVE,
    POSITIVE_INT,
    a_number,
    check_parameters,
    either,
    is_callback,
    is_device,
    is_path_and_count,
    one_of,
)
from skmultimodal.training._groups import are_groups
from skmultimodal.training._settings import TrainingSettings

__all__ = ["Training", "resolve_training"]

FEW_ROWS = 2000  # below it early_stopping="auto" is off
MODES = ("joint", "staged")
BALANCES = ("ogm_ge", "mmpareto", "gradient_blending")


def _are_net_params(value) -> bool:
    prefixes = ("criterion__", "optimizer__", "callbacks__", "compile__")
    return (
        isinstance(value, dict)
        and all(
            isinstance(key, str)
            and (
                key in ("criterion", "iterator_train__shuffle")
                or key.startswith(prefixes)
            )
            for key in value
        )
        and are_groups(value.get("optimizer__param_groups", []))
    )


class Training(BaseEstimator):
    """How the networks of a fusion estimator are trained.

    The parameter ``training`` of the estimators: a specification like those of
    encoders and strategies, cloned, searched and drawn alike, so that a grid says
    ``training__lr``. ``"joint"`` and ``"staged"`` are aliases for an object with that
    mode. Where nothing is trained by epochs, as with the default models on small
    data, it has no effect.

    Parameters
    ----------
    mode : {"joint", "staged"}, default="joint"
        ``"joint"`` trains encoders and fusion as one network, ``"staged"`` each
        encoder once on its own, then the fusion on out-of-fold embeddings.

    max_epochs : int, default=30
        Most epochs of training.

    lr : "auto" or float, default="auto"
        Learning rate, the highest of the schedule. ``"auto"`` is 2e-3. Where
        the network starts from models of all modalities, see `backbone`, it is 0.25
        over the number of steps, between 2e-4 and 2e-3.

    lr_schedule : {"one_cycle", "constant"}, default="one_cycle"
        ``"one_cycle"`` warms up over the first fifth of the epochs and then falls
        along a cosine to almost nothing.

    batch_size : int, default=64
        Rows of a batch.

    optimizer : {"adamw", "adam", "sgd", "rmsprop"} or class, default="adamw"
        Optimizer, by name or as a class of ``torch.optim``.

    weight_decay : float, default=1e-3
        Weight decay.

    early_stopping : "auto" or bool, default="auto"
        Whether to stop when the loss of a held-out part no longer falls, and to
        restore the best weights. ``"auto"`` is off for a plain matrix of numbers
        and below 2000 rows, where the held-out rows are worth more in training.

    validation_fraction : float, default=0.15
        Held-out part of the rows, stratified.

    aux_weight : "auto" or float, default="auto"
        Weight of the mean of the modalities' own losses in joint strategies. Without
        it a strong modality can leave the others untrained; with 0, strategies that
        need extra heads for it have none and, unless their networks start from models,
        see `backbone`, no prediction by a single modality. ``"auto"`` is the strategy's
        own: 0.3 for most.

    agreement_weight : float, default=0.0
        Weight of the squared differences between the scores of modalities.

    modality_dropout : "auto" or float, default="auto"
        Probability p with which each modality that a row has is hidden from it in
        training, independently; where all would be, one of them, drawn at random, is
        left. Of n that a row has, one is hence hidden at the rate
        ``p - p ** n / n``: for p = 0.2 at .18 with two and .197 with three, for
        p = 0.5 at .375 and .458. ``"auto"`` is the strategy's own: 0.2 for most.

    balance : {None, "ogm_ge", "mmpareto", "gradient_blending"}, default=None
        Against modalities that learn little beside a stronger one. ``"ogm_ge"``
        slows down the encoder that is ahead, ``"mmpareto"`` takes steps that lower the
        fused loss and the modality's own where these conflict,
        ``"gradient_blending"`` weights the losses of the modalities and of the fused
        scores by how well they generalise; see :ref:`balancing`.

    balance_strength : float, default=0.5
        How much ``"ogm_ge"`` slows down, and ``"mmpareto"`` enlarges gradients.

    backbone : "auto" or bool, default="auto"
        Whether the scores of joint strategies start from the sum of their branches'
        scores, less the prior's that each of them holds, and the strategy learns what
        is beyond it; ``"auto"`` where modalities come with models of their own, as by
        ``encoders="auto"``, weighted by numbers as `DecisionFusion` weighs them. False
        is a strategy's form in the paper. Mixtures, products of experts, evidential
        and embrace fusion never have it.

    shrinkage : "auto" or bool, default="auto"
        Whether what a strategy learns beyond its `backbone` is multiplied by a factor
        of at most 1: networks are trained for each of five folds, and of the factors
        whose loss on the rows left out is within one standard error of the least it
        is the largest. Training takes up to five times as long. ``"auto"`` is on where
        all modalities come with models and there are fewer than 1,000 rows; see
        :ref:`shrinkage`.

    n_members : int, default=1
        Networks of joint strategies over the same features; scores are their mean.
        Those that start from models of all modalities, see `backbone`, share all
        weights but a vector a modality, and eight are trained in about the time of
        one. Others have weights of their own, from as many seeds. Small ones are
        trained side by side, eight in about three times the time of one: all but
        those with convolutions, recurrent encoders, batch statistics or modules of
        your own, or trained with ``balance="ogm_ge"`` or ``"mmpareto"``, `callbacks`,
        `net_params`, an optimizer class, `accelerator`, `checkpoint` or `compile`.
        These take that many times as long. Not defined for ``mode="staged"``. See
        :ref:`members`.

    callbacks : list of skorch callbacks, default=None
        Callbacks of the training loop; each is cloned.

    net_params : dict, default=None
        Further parameters of the skorch net: ``iterator_train__shuffle``, those that
        begin with ``optimizer__``, ``callbacks__`` or ``compile__``
        (``optimizer__param_groups`` gives parts of the network rates of their own, see
        :ref:`rates_apart`), and
        ``criterion``, a loss in place of the task's, with its parameters
        ``criterion__...``. It is a class or an instance with an attribute
        ``reduction``, which is set to ``"none"``, or a function, from scores
        ``(n, n_outputs)`` and targets (class indices, labels or standardised values)
        to the losses of the rows. Fused and branch scores are trained on it, and rows
        weighted as with the task's own. Other names are refused.

    accelerator : accelerate.Accelerator, default=None
        Trains networks over several processes, or in mixed precision (extra
        ``accelerate``); `device` is then the accelerator's.

    checkpoint : str, path-like or tuple of (path, int), default=None
        Folder where the state of training is written after each epoch, or after
        each that many. A fit that was killed goes on from there when it is begun
        again with the same data, parameters and int `random_state`, to the same
        weights; one that ends removes its files. For joint strategies and
        networks trained apart.

    compile : bool, default=False
        Whether to compile the network with ``torch.compile``.

    device : str, default="auto"
        ``"auto"`` is a GPU if there is one.

    n_threads : int, default=None
        Threads of torch during fit and predict; None leaves them as they are.

    See Also
    --------
    skmultimodal.FusionClassifier : Takes it as ``training``.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(fusion="parallel", training=Training(max_epochs=5))
    >>> clf.set_params(training__lr=0.01).fit(X, y).n_iter_
    5
    """

    limits: ClassVar[dict] = {
        "mode": one_of(*MODES),
        "max_epochs": POSITIVE_INT,
        "lr": either(one_of("auto"), POSITIVE),
        "lr_schedule": one_of("one_cycle", "constant"),
        "batch_size": POSITIVE_INT,
        "optimizer": either(
            one_of("adamw", "adam", "sgd", "rmsprop"),
            (
                "a torch.optim.Optimizer class",
                lambda v: inspect.isclass(v) and hasattr(v, "zero_grad"),
            ),
        ),
        "weight_decay": NOT_NEGATIVE,
        "early_stopping": either(one_of("auto"), BOOL),
        "validation_fraction": a_number(
            "a number between 0 and 1", lambda v: 0 < v < 1
        ),
        "aux_weight": either(one_of("auto"), NOT_NEGATIVE),
        "agreement_weight": NOT_NEGATIVE,
        "modality_dropout": either(one_of("auto"), FRACTION),
        "balance": either(NONE, one_of(*BALANCES)),
        "balance_strength": NOT_NEGATIVE,
        "backbone": either(one_of("auto"), BOOL),
        "shrinkage": either(one_of("auto"), BOOL),
        "n_members": POSITIVE_INT,
        "callbacks": either(
            NONE,
            (
                "a list of skorch callbacks",
                lambda v: isinstance(v, (list, tuple)) and all(map(is_callback, v)),
            ),
        ),
        "net_params": either(
            NONE,
            (
                "a dict of skorch parameters, named 'criterion' or "
                "'iterator_train__shuffle' or beginning with 'criterion__', "
                "'optimizer__', 'callbacks__' or 'compile__' (others have parameters "
                "of Training or are fixed), 'optimizer__param_groups' being a list of "
                "tuples (pattern of names, dict of settings)",
                _are_net_params,
            ),
        ),
        "accelerator": either(
            NONE,
            ("an accelerate.Accelerator", lambda v: hasattr(v, "unwrap_model")),
        ),
        "checkpoint": either(
            NONE,
            PATH,
            ("a tuple of a path and an int >= 1", is_path_and_count),
        ),
        "compile": BOOL,
        "device": (
            "'auto' or a torch device of this machine, such as 'cpu'",
            is_device,
        ),
        "n_threads": either(NONE, POSITIVE_INT),
    }

    def __init__(
        self,
        mode: str = "joint",
        *,
        max_epochs: int = 30,
        lr: str | float = "auto",
        lr_schedule: str = "one_cycle",
        batch_size: int = 64,
        optimizer: Any = "adamw",
        weight_decay: float = 1e-3,
        early_stopping: str | bool = "auto",
        validation_fraction: float = 0.15,
        aux_weight: str | float = "auto",
        agreement_weight: float = 0.0,
        modality_dropout: str | float = "auto",
        balance: str | None = None,
        balance_strength: float = 0.5,
        backbone: str | bool = "auto",
        shrinkage: str | bool = "auto",
        n_members: int = 1,
        callbacks: list[Any] | None = None,
        net_params: dict[str, Any] | None = None,
        accelerator: Any = None,
        checkpoint: Any = None,
        compile: bool = False,
        device: str = "auto",
        n_threads: int | None = None,
    ):
        self.mode = mode
        self.max_epochs = max_epochs
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.aux_weight = aux_weight
        self.agreement_weight = agreement_weight
        self.modality_dropout = modality_dropout
        self.balance = balance
        self.balance_strength = balance_strength
        self.backbone = backbone
        self.shrinkage = shrinkage
        self.n_members = n_members
        self.callbacks = callbacks
        self.net_params = net_params
        self.accelerator = accelerator
        self.checkpoint = checkpoint
        self.compile = compile
        self.device = device
        self.n_threads = n_threads

    def settings(
        self,
        n_samples: int,
        *,
        plain: bool = False,
        dtype: str = "float32",
        verbose: int = 0,
    ) -> TrainingSettings:
        """Return what the specification comes to for the rows of one fit.

        Parameters
        ----------
        n_samples : int
            Rows to train on.

        plain : bool, default=False
            Whether they are a plain matrix of numbers.

        dtype : {"float32", "float64"}, default="float32"
            Precision of the networks.

        verbose : int, default=0
            What the training prints.

        Returns
        -------
        TrainingSettings

        Raises
        ------
        ValueError
            If a parameter is not what it must be.
        """
        check_parameters(self, self.limits)
        params = self.get_params(deep=False)
        if self.early_stopping == "auto":
            params["early_stopping"] = not plain and n_samples >= FEW_ROWS
        params["early_stopping"] = bool(params["early_stopping"])
        # the folder is opened by the estimator, which knows what the fit is
        return TrainingSettings(
            **params | {"checkpoint": None}, dtype=dtype, verbose=verbose
        )


def resolve_training(training: Any, owner: str) -> Training:
    """Return the specification of an alias; specifications pass through."""
    if isinstance(training, str) and training in MODES:
        return Training(training)
    if isinstance(training, Training):
        return training
    raise ValueError(
        f"The 'training' parameter of {owner} must be one of {list(MODES)} or a "
        f"Training object. Got {training!r} instead."
    )
