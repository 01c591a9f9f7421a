"""FiLM fusion: conditions scale and shift the features of a primary modality."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from skmultimodal._parameters import FRACTION, WIDTHS
from skmultimodal.fusion.joint._layers import Heads, Readout, SimplexWeights, mask_of
from skmultimodal.fusion.joint._strategy import JointFusion
from skmultimodal.training._network import (
    FusionModule,
    FusionOutput,
    module_key,
    per_modality,
)

__all__ = ["FiLMFusion"]


class FiLMFusion(JointFusion):
    """Let conditions scale and shift the features of a primary modality.

    Feature-wise linear modulation [1]_: one modality is read, the others tell how
    to read it. Prefer it when a small modality (a few table columns, a question)
    gives the context of a large one (an image). It is asymmetric: without the
    primary modality only the shifts remain.

    Read more in the :ref:`User Guide <film_fusion>`.

    Parameters
    ----------
    primary : str or None, default=None
        Modality that is modulated; None is the first.

    condition : str, list of str or None, default=None
        Modalities that modulate it, one after the other; None are all others, in
        their order.

    weights : {"learned", "uniform"} or dict, default="learned"
        Weights of the modalities, on the simplex. They scale the features of the
        primary modality, and the scales and shifts of the conditions.

    head : tuple of int, default=(64,)
        Widths of the hidden layers after the modulation; ``()`` is a linear head.

    dropout : float, default=0.0
        Dropout of the head's hidden layers.

    See Also
    --------
    SequentialFusion : Pass a state from modality to modality.
    GatedFusion : Symmetric gates.

    Notes
    -----
    With weights scaled by the number of modalities, so that equal weights are 1,
    the features of the primary modality :math:`t` start as
    :math:`u_0 = a_t M w_t h_t`, and condition :math:`k = c_1, c_2, \\ldots` gives

    .. math:: u_k = (1 + a_k M w_k\\, \\gamma_k(h_k)) \\odot u_{k-1}
        + a_k M w_k\\, \\beta_k(h_k)

    with linear :math:`\\gamma_k, \\beta_k` that start at zero: the modulation is the
    identity at first, and for an absent condition always. Input
    ``{modality: (n, d_m)}``, output ``(n, d_t)`` before the head;
    ``2 d_t sum(d_k + 1)`` parameters.

    Differences from [1]_: the embedding is modulated, not feature maps inside of
    the encoder; several conditions are chained; weights and a head are added.

    References
    ----------
    .. [1] E. Perez, F. Strub, H. de Vries, V. Dumoulin, A. Courville, "FiLM: visual
       reasoning with a general conditioning layer", AAAI, 2018.

    Examples
    --------
    >>> from skmultimodal import FiLMFusion, FusionClassifier, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(
    ...     fusion=FiLMFusion(primary="m1"), training=Training(max_epochs=5)
    ... )
    >>> clf.fit(X, y).predict_proba(X).shape
    (200, 2)
    """

    ordered = True
    limits: ClassVar[dict] = {
        "head": WIDTHS,
        "dropout": FRACTION,
    }

    def __init__(
        self,
        primary: Any = None,
        condition: Any = None,
        weights: str | dict[str, float] = "learned",
        *,
        head: tuple[int, ...] = (64,),
        dropout: float = 0.0,
    ):
        self.primary = primary
        self.condition = condition
        self.weights = weights
        self.head = head
        self.dropout = dropout

    def build(self, in_features: dict[str, int], n_outputs: int) -> FusionModule:
        """Return a new module for embeddings of the given widths."""
        return _FiLM(in_features, n_outputs, self, *self._roles(list(in_features)))

    def _roles(self, names):
        """Return the primary modality and the conditions in order."""
        primary = names[0] if self.primary is None else self.primary
        if primary not in names:
            raise ValueError(
                f"The 'primary' parameter of FiLMFusion must be one of the modalities "
                f"{names}. Got {primary!r} instead."
            )
        others = [name for name in names if name != primary]
        if self.condition is None:
            return primary, others
        given = self.condition
        conditions = [given] if isinstance(given, str) else list(given)
        if sorted(conditions, key=str) != sorted(others):
            raise ValueError(
                f"The 'condition' parameter of FiLMFusion must name each of {others}, "
                f"the modalities besides the primary {primary!r}, once. Got {given!r} "
                "instead. Switch a modality off with 'drop' to leave it out."
            )
        return primary, conditions


class _FiLM(FusionModule):
    def __init__(self, in_features, n_outputs, spec, primary, conditions):
        super().__init__(in_features)
        self.primary, self.conditions = primary, conditions
        width = in_features[primary]

        def modulation(name):
            linear = nn.Linear(in_features[name], 2 * width)
            nn.init.zeros_(linear.weight)  # starts as the identity
            nn.init.zeros_(linear.bias)
            return linear

        self.modulations = per_modality(conditions, modulation)
        self.simplex = SimplexWeights(self.names, spec.weights)
        self.aux_heads = Heads(in_features, n_outputs)
        self.readout = Readout(width, spec.head, n_outputs, spec.dropout)

    def modality_weights(self):
        return self.simplex.static()

    def forward(self, embeddings, present=None):
        branch_scores = self.aux_heads and self.aux_heads(embeddings)
        first = embeddings[self.primary]
        weights = self.simplex(len(first), present)
        scales = len(self.names) * self.simplex.static() * mask_of(present, weights)
        scale = dict(zip(self.names, scales[:, :, None].unbind(1), strict=True))
        features = scale[self.primary] * first
        # NOTE[DIFF] embeddings are modulated, not feature maps, by conditions in turn
        for name in self.conditions:
            modulation = self.modulations[module_key(name)](embeddings[name])
            gamma, beta = (scale[name] * modulation).chunk(2, dim=1)
            features = (1 + gamma) * features + beta
        scores, hidden = self.readout(features)
        return FusionOutput(scores, hidden, branch_scores, weights)
