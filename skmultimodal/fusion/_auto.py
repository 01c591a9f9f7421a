"""What ``"auto"`` and aliases stand for."""

from __future__ import annotations

import difflib
from importlib import import_module

__all__ = ["FUSIONS", "auto_encoders", "auto_fusion", "resolve_fusion"]

# alias -> (module, class)
FUSIONS = {
    "parallel": ("_parallel", "ParallelFusion"),
    "sequential": ("_sequential", "SequentialFusion"),
    "feature": ("_feature", "FeatureFusion"),
    "decision": ("_decision", "DecisionFusion"),
    "gated": ("_gated", "GatedFusion"),
    "low_rank": ("_low_rank", "LowRankFusion"),
    "film": ("_film", "FiLMFusion"),
    "embrace": ("_embrace", "EmbraceFusion"),
    "mixture_of_experts": ("_mixture", "MixtureOfExpertsFusion"),
    "product_of_experts": ("_product_of_experts", "ProductOfExpertsFusion"),
    "evidential": ("_evidential", "EvidentialFusion"),
    "canonical": ("_canonical", "CanonicalFusion"),
    "cooperative": ("_cooperative", "CooperativeFusion"),
    "kernel": ("_kernel", "KernelFusion"),
    "attention": ("_attention", "AttentionFusion"),
    "cross_attention": ("_cross_attention", "CrossAttentionFusion"),
    "bottleneck": ("_bottleneck", "BottleneckFusion"),
}
SEARCHES = {"search": ("_search", "AutoFusion")}  # choose among the others


def resolve_fusion(fusion, owner: str):
    """Return the strategy of an alias; strategies pass through."""
    known = {**FUSIONS, **SEARCHES}
    if isinstance(fusion, str) and fusion in known:
        module, name = known[fusion]
        return getattr(import_module(f"skmultimodal.fusion.{module}"), name)()
    if hasattr(fusion, "fit_model") and not isinstance(fusion, type):
        return fusion
    hint = ""
    if isinstance(fusion, str):
        close = difflib.get_close_matches(fusion, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
    elif isinstance(fusion, type):
        hint = f" Give an instance: {fusion.__name__}()."
    raise ValueError(
        f"The 'fusion' parameter of {owner} must be 'auto', one of {list(known)}, "
        f"or a strategy object. Got {fusion!r} instead.{hint}"
    )


def auto_fusion(fusion, plain: bool, estimator_class, inferred: bool = True):
    """Return the strategy to fit.

    Parameters
    ----------
    fusion : str or strategy
    plain : bool
        Whether X is a plain matrix of numbers, hence one table network.
    estimator_class : type
        Embeddings for a next step come from a network, whatever the data.
    inferred : bool, default=True
        Whether models are inferred. Given ones are combined by their sum alone.
    """
    if not (isinstance(fusion, str) and fusion == "auto"):
        return resolve_fusion(fusion, estimator_class.__name__)
    predicts = hasattr(estimator_class, "predict")
    alias = ("parallel" if plain else "decision") if predicts else "feature"
    strategy = resolve_fusion(alias, estimator_class.__name__)
    if alias == "decision":
        strategy.set_params(ensemble=inferred)
    return strategy


def auto_encoders(
    inferred, strategy, plain: bool, regression: bool, n_classes: int = 2
) -> dict:
    """Return a default encoder or, where the strategy takes them, features or a model.

    Parameters
    ----------
    inferred : dict of str to Inferred
        Kind and columns of each modality.
    strategy : BaseFusion
    plain : bool
        A plain matrix is one table network under every strategy.
    regression : bool
        Whether models are for real values.
    n_classes : int, default=2
        Classes that models tell apart.
    """
    if strategy.takes_models and not strategy.takes_features and not plain:
        from skmultimodal.encoders.features._classical import default_model

        return {
            name: default_model(i.kind, regression, n_classes)
            for name, i in inferred.items()
        }
    if not plain and not strategy.takes_features:
        from skmultimodal.encoders.features._encoder import ClassicalEncoder

        return {name: ClassicalEncoder(i.kind) for name, i in inferred.items()}
    from skmultimodal.encoders.features._defaults import (
        default_encoder,
        default_features,
    )

    default = default_encoder if plain else default_features
    return {name: default(i.kind) for name, i in inferred.items()}
