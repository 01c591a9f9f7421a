"""How networks are trained in one fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

__all__ = ["JointTraining", "TrainingSettings"]

RATE = 2e-3  # learning rate
LOWEST, PATH_LENGTH = 2e-4, 0.25  # of training that starts from models


@dataclass(frozen=True)
class JointTraining:
    """What a strategy adds to its own loss; the fields are parameters of `Training`."""

    aux_weight: float = 0.0
    agreement_weight: float = 0.0
    modality_dropout: float = 0.0
    balance: str | None = None
    balance_strength: float = 0.5
    backbone: str | bool = False
    blend: tuple[float, ...] | None = None  # estimated for "gradient_blending"

    replace = replace


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained; the fields are parameters of `Training`, resolved."""

    mode: str = "joint"
    max_epochs: int = 30
    lr: Any = "auto"
    lr_schedule: str = "one_cycle"
    batch_size: int = 64
    optimizer: Any = "adamw"
    weight_decay: float = 1e-3
    early_stopping: bool = False
    validation_fraction: float = 0.15
    n_iter_no_change: int = 10
    aux_weight: str | float = "auto"
    agreement_weight: float = 0.0
    modality_dropout: str | float = "auto"
    balance: str | None = None
    balance_strength: float = 0.5
    backbone: str | bool = "auto"
    shrinkage: str | bool = "auto"
    n_members: int = 1
    callbacks: Any = None
    net_params: Any = None
    accelerator: Any = None
    checkpoint: Any = None
    compile: bool = False
    device: str = "auto"
    n_threads: int | None = None
    verbose: int = 0
    dtype: str = "float32"

    replace = replace

    @property
    def speaks(self) -> bool:
        """Whether to print: with `verbose`, in the first of several processes."""
        alone = self.accelerator is None
        return bool(self.verbose) and (alone or self.accelerator.is_main_process)

    def joint(self, strategy: Any) -> JointTraining:
        """Return what a strategy adds to its loss, ``"auto"`` being its own."""

        def own(name):
            value = getattr(self, name)
            return getattr(strategy, name) if value == "auto" else value

        return JointTraining(
            aux_weight=own("aux_weight"),
            agreement_weight=self.agreement_weight,
            modality_dropout=own("modality_dropout"),
            balance=self.balance,
            balance_strength=self.balance_strength,
            backbone=self.backbone if strategy.takes_backbone else False,
        )

    def of_modality_alone(self) -> TrainingSettings:
        """Return the settings that matter to a network of one modality."""
        shared = ("aux_weight", "agreement_weight", "modality_dropout", "balance")
        defaults = {name: getattr(type(self), name) for name in shared}
        return self.replace(
            **defaults,
            balance_strength=0.5,
            backbone="auto",
            shrinkage="auto",
            n_members=1,
            mode="joint",
        )

    def with_rate(self, scored: bool, n_samples: int) -> TrainingSettings:
        """Return settings with the learning rate that ``"auto"`` stands for.

        Steps of AdamW are about as long as the rate. A network that starts from models
        goes as far whatever the number of steps, for it has little to learn.
        """
        if self.lr != "auto":
            return self
        if not scored:
            return self.replace(lr=RATE)
        n_steps = self.max_epochs * -(-n_samples // self.batch_size)
        return self.replace(lr=min(max(PATH_LENGTH / n_steps, LOWEST), RATE))
