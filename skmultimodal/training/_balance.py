"""Balance of the modalities in training, by changing the gradients of encoders."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = [
    "BALANCERS",
    "Balance",
    "GradientModulation",
    "ParetoDirection",
    "pareto_factors",
]

ROUNDING = 1e-5


class Balance:
    """Changes the gradients of encoders, by the losses of single modalities.

    Parameters
    ----------
    strength : float
    """

    def __init__(self, strength):
        self.strength = strength

    def update(self, losses: Tensor, mask: Tensor) -> None:
        """Take the losses of single modalities in a batch, without their graph.

        Parameters
        ----------
        losses, mask : Tensor of shape (n, n_modalities)
            The mask holds the weight of the row where the modality is present.
        """

    def keep(self, alone: Tensor) -> None:
        """Take the same losses as they are summed, zero where one is absent."""

    def settle(self, loss, mean, encoders) -> None:
        """Look at a batch before its gradients are taken.

        Parameters
        ----------
        loss : Tensor of shape ()
            The sum of all losses.
        mean : callable
            From losses of rows, (n,), to that of the batch.
        encoders : list of list of Parameter
            Of each modality, those that are trained.
        """

    def adjust(self, m: int, gradient: Tensor, i: int = 0) -> Tensor:
        """Return the gradient of parameter `i` of encoder `m`, changed."""
        raise NotImplementedError

    def forget(self) -> None:
        """Drop what is known of the last batch."""


class GradientModulation(Balance):
    """On-the-fly gradient modulation with noise, OGM-GE.

    With :math:`s_m` the weighted mean over a batch of the probability that modality
    :math:`m` alone gives the truth, and :math:`\\rho_m` its ratio to the mean of the
    others, the gradients of encoder :math:`m` are multiplied by
    :math:`1 - \\tanh(\\alpha \\rho_m)` where :math:`\\rho_m > 1`, and Gaussian noise
    with their own standard deviation is added to those of all encoders [1]_. A
    modality that no row of the batch has is not among the others.

    Parameters
    ----------
    strength : float
        The factor alpha.

    References
    ----------
    .. [1] X. Peng, Y. Wei, A. Deng, D. Wang, D. Hu, "Balanced multimodal learning
       via on-the-fly gradient modulation", CVPR, 2022.
    """

    def __init__(self, strength):
        super().__init__(strength)
        self.factors: Tensor | None = None

    def update(self, losses: Tensor, mask: Tensor) -> None:
        truth = (mask * torch.exp(-losses)).sum(0) / mask.sum(0).clamp(min=1e-30)
        seen = mask.any(0).to(truth)
        n_others = seen.sum() - seen
        others = (truth.sum() - truth) / n_others.clamp(min=1)
        ratio = truth / others.clamp(min=1e-12)
        slower = 1 - torch.tanh(self.strength * ratio)
        ahead = (ratio > 1) & (n_others > 0)
        self.factors = torch.where(ahead, slower, torch.ones_like(ratio))

    def adjust(self, m: int, gradient: Tensor, i: int = 0) -> Tensor:
        noise = torch.zeros_like(gradient)
        if gradient.numel() > 1:
            noise = gradient.std() * torch.randn_like(gradient)
        assert self.factors is not None  # set by `update` in the forward pass
        return self.factors[m] * gradient + noise


class ParetoDirection(Balance):
    """A direction that lowers the fused loss and that of the modality, MMPareto.

    Of the gradients of an encoder's parameters, those of the fused loss and of the
    modality's own, that sum is taken where they agree, and the combination of least
    norm where they conflict, which lowers both; it gets the norm of the sum, times a
    factor above one, for the noise of larger steps helps to generalise [1]_.

    Parameters
    ----------
    strength : float
        The factor is one more.

    Notes
    -----
    The size of the step is that of all parameters of an encoder together, as in the
    paper; its code gives each tensor of parameters the size of the sum by itself, and
    never a smaller one, which may raise one of the two losses.

    References
    ----------
    .. [1] Y. Wei, D. Hu, "MMPareto: boosting multimodal learning with innocent unimodal
       assistance", ICML, 2024.
    """

    def __init__(self, strength):
        super().__init__(strength)
        self.forget()

    def forget(self) -> None:
        self.alone: Tensor | None = None
        self.factors: list[tuple[Tensor, Tensor]] = []
        self.gradients: list[list[Tensor]] = []  # of the modalities' losses

    def keep(self, alone: Tensor) -> None:
        self.alone = alone

    def settle(self, loss, mean, encoders) -> None:
        alone = self.alone
        assert alone is not None  # kept in the forward pass
        self.forget()
        everything = _gradients(loss, [p for part in encoders for p in part])
        for m, parameters in enumerate(encoders):
            own = _gradients(mean(alone[:, m]), parameters)
            total, everything = everything[: len(own)], everything[len(own) :]
            fused = [both - one for both, one in zip(total, own, strict=True)]
            self.factors.append(pareto_factors(_flat(fused), _flat(own), self.strength))
            self.gradients.append(own)

    def adjust(self, m: int, gradient: Tensor, i: int = 0) -> Tensor:
        if m >= len(self.factors):  # taken by `settle`, which hooks hear of as well
            return gradient
        of_fused, of_own = self.factors[m]
        return of_fused * gradient + (of_own - of_fused) * self.gradients[m][i]


def pareto_factors(fused: Tensor, own: Tensor, strength: float) -> tuple:
    """Return the factors of two gradients in the sum that MMPareto takes.

    With :math:`g` of the fused loss and :math:`u` of the modality's, and
    :math:`g \\cdot u < 0`, the point of least norm between them is :math:`\\alpha g +
    (1 - \\alpha) u` with :math:`\\alpha = (u - g) \\cdot u / |g - u|^2`.

    Parameters
    ----------
    fused, own : Tensor of shape (n,)
    strength : float

    Returns
    -------
    of_fused, of_own : Tensor of shape ()

    Examples
    --------
    >>> import torch
    >>> from skmultimodal.training._balance import pareto_factors
    >>> g, u = torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 1.0])
    >>> a, b = pareto_factors(g, u, 0.0)  # least norm at 3/5, norm of the sum 1
    >>> a * g + b * u
    tensor([0.4472, 0.8944])
    """
    product, gap = fused @ own, fused - own
    share = torch.where(product < 0, -(gap @ own) / gap.square().sum(), 0.5)
    least = (share * fused + (1 - share) * own).norm()
    # opposite gradients leave no direction that lowers both: then there is no step
    far = least > ROUNDING * gap.norm()
    size = torch.where(far, (fused + own).norm() / least, 0.0)
    size = (1 + strength) * size
    return size * share, size * (1 - share)


def _gradients(loss, parameters) -> list[Tensor]:
    """Return the gradients of parameters, zeros of those that the loss does not see."""
    if not parameters:
        return []
    found = torch.autograd.grad(
        loss, parameters, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return list(found)


def _flat(gradients: list[Tensor]) -> Tensor:
    return torch.cat([g.flatten() for g in gradients]) if gradients else torch.zeros(1)


BALANCERS: dict[str, type[Balance]] = {
    "ogm_ge": GradientModulation,
    "mmpareto": ParetoDirection,
}
