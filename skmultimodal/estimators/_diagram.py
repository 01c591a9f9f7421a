"""The HTML diagram: what each modality and the fusion are made of, in words."""

from __future__ import annotations

from typing import Any

from skmultimodal._sklearn import Branches, Captioned, visual_block
from skmultimodal.training._network import module_key

__all__ = ["diagram"]


def diagram(estimator, pairs):
    """Return the block of scikit-learn's diagram for a fusion estimator.

    Parameters
    ----------
    estimator : fusion estimator
        Fitted or not.
    pairs : list of (str, encoder)
        Modalities and their encoders or models, fitted if the estimator is.
    """
    model = getattr(estimator, "fusion_", None)
    strategy = getattr(estimator, "strategy_", estimator.fusion)
    names, details, caption = [name for name, _ in pairs], [], ""
    if model is None:
        details = [str(encoder) for _, encoder in pairs]
    else:
        facts = {name: _facts(estimator, model, name) for name in names}
        # what precedes the colon is how the diagram spells nested parameters
        names = [f"{name}: {', '.join(lines[1:])}" for name, lines in facts.items()]
        details = ["\n".join(lines) for lines in facts.values()]
        caption = _fusion_caption(estimator, model)
    steps: list[Any] = [Captioned(strategy, caption)]
    labels: list[str | None] = ["fusion"]
    head = getattr(model, "head", None)
    if head is not None and type(head.fitted).__name__[0] != "_":
        steps, labels = [*steps, head.fitted], [*labels, "head"]
    if pairs:
        branches = Branches([encoder for _, encoder in pairs], names, details)
        steps, labels = [branches, *steps], [None, *labels]
    return visual_block("serial", steps, labels, [str(step) for step in steps])


def _facts(estimator, model, name):
    """Return columns, width, parameters and weight of a modality, as lines."""
    where = estimator.columns_[name]
    if isinstance(where, slice):
        lines = ["all columns"]
    elif isinstance(where, (list, tuple)):
        lines = ["columns " + ", ".join(map(str, where)), _plural(len(where), "column")]
    else:
        lines = [f"column {where}"]
    module = _encoder_module(model, name)
    if module is not None:
        lines += [f"{module.out_features} wide", _parameters(module)]
    elif hasattr(model, "features"):
        lines += [f"{len(model.features.scaling[name][0])} wide", "frozen"]
    else:
        width = sum(key.startswith(f"{name}__") for key in model.feature_names())
        lines += [_plural(width, "output")] if width else []
    return [*lines, f"weight {estimator.fusion_weights_[name]:.2f}"]


def _fusion_caption(estimator, model):
    """Return what the fusion and its head are made of."""
    parts = []
    if hasattr(model, "net"):
        parts.append(f"fusion and head: {_parameters(model.net.module_.fusion)}")
    parts += [f"rule {type(rule).__name__}" for rule in getattr(model, "rules", ())[:1]]
    parts.append(_plural(estimator.task_.n_outputs, "output"))
    return ", ".join(parts)


def _encoder_module(model, name):
    """Return the encoder's network, wherever the strategy trained it; or None."""
    models = getattr(model, "models", None)
    if models:  # trained apart, in each fold if they are several
        models = models[0] if isinstance(models, list) else models
        model = getattr(models[name], "model", None)
    for step in getattr(model, "steps", ()):
        model = step.model if step.name == name else model
    if not hasattr(model, "net"):
        return None
    return model.net.module_.encoders[module_key(name)]


def _parameters(module):
    """Return the number of parameters and how many of them are trained."""
    sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
    total = sum(size for size, _ in sizes)
    trained = sum(size for size, is_trained in sizes if is_trained)
    if not total:
        return "no parameters"
    if trained in (0, total):
        state = "trained" if trained else "frozen"
        return f"{_plural(total, 'parameter')} {state}"
    return f"{trained:,} of {_plural(total, 'parameter')} trained"


def _plural(count, noun):
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
