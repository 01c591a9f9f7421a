"""The contract of encoders, as checks."""

from __future__ import annotations

import pickle
from typing import Any

import joblib
import numpy as np
import torch
from sklearn.base import clone
from torch import nn

from skmultimodal.data._containers import Ragged, take_rows
from skmultimodal.training._net import seeded
from skmultimodal.training._tensors import Tensors
from skmultimodal.utils._checks import (
    assert_close,
    check_parameters,
    global_state_kept,
    require,
    require_gradients,
)

__all__ = ["ENCODER_CHECKS", "with_cells"]

FEWEST = 8  # cells


def with_cells(encoder, check, cells):
    """Run a check on a clone of the encoder and its cells."""
    cells = cells() if callable(cells) else cells
    if len(cells) < FEWEST:
        raise ValueError(
            f"The checks of {type(encoder).__name__} need {FEWEST} or more cells. "
            f"Got {len(cells)}."
        )
    check(clone(encoder), cells)


def _fit(encoder, cells, **arguments):
    """Fit the encoder and return it."""
    fitted = encoder.fit(cells, **arguments)
    got = type(fitted).__name__
    require(fitted is encoder, encoder, f"fit must return self. Got {got}.")
    return encoder


def _prepare(encoder, cells):
    """Return the prepared input, after a look at its form."""
    return _checked(_fit(encoder, cells), cells)


def _checked(encoder, cells):
    prepared = encoder.transform(cells)
    require(
        isinstance(prepared, dict) and prepared,
        encoder,
        "transform must return a dict {input name: rows}. Got "
        f"{type(prepared).__name__}.",
    )
    for key, rows in prepared.items():
        require(
            isinstance(rows, np.ndarray | Ragged) and len(rows) == len(cells),
            encoder,
            f"transform must give {key!r} as an ndarray or Ragged of {len(cells)} "
            f"rows. Got {type(rows).__name__} of {len(rows)}.",
        )
    return prepared


def _build(encoder, dtype=torch.float32):
    with seeded(0):
        module = encoder.build()
    require(
        isinstance(module, nn.Module) and hasattr(module, "out_features"),
        encoder,
        "build must return an nn.Module with an attribute 'out_features'. Got "
        f"{type(module).__name__}.",
    )
    return module.to(dtype)


def _batch(prepared, rows, dtype=torch.float32):
    """Return the keyword arguments of the module for some rows."""
    tensors = Tensors({"m": prepared}, dtype=dtype)
    return tensors.batch(torch.as_tensor(rows))[0]["inputs"]["m"]


def check_encoder_parameters(encoder, cells):
    """Parameters round-trip; clones hash equal; no state holds a torch object."""
    check_parameters(encoder)
    twin = clone(encoder)
    require(
        joblib.hash(twin) == joblib.hash(encoder),
        encoder,
        "a clone has another hash, so that no cache recognises it.",
    )
    params = encoder.get_params(deep=False)
    hashes = {name: joblib.hash(value) for name, value in params.items()}
    _fit(encoder, cells)
    for name, value in encoder.get_params(deep=False).items():
        require(
            value is params[name] and joblib.hash(value) == hashes[name],
            encoder,
            f"fit changed the parameter {name!r}. Keep what it learns in '{name}_'.",
        )
    for name, value in vars(encoder).items():
        require(
            not isinstance(value, torch.Tensor | nn.Module),
            encoder,
            f"fit keeps a torch object in {name!r}. Make it in build.",
        )
    before = joblib.hash(vars(encoder))
    encoder.transform(cells)
    encoder.build()
    require(
        joblib.hash(vars(encoder)) == before,
        encoder,
        "transform or build changed the encoder. Learn in fit alone.",
    )


def check_repeatable(encoder, cells):
    """Two fits learn the same and leave the cells alone."""
    before = joblib.hash(cells)
    with global_state_kept(encoder, "fit, transform or build"):
        _fit(encoder, cells)
        encoder.transform(cells)
        encoder.build()
    require(joblib.hash(cells) == before, encoder, "fit or transform changed cells.")
    again = _fit(clone(encoder), cells)
    require(
        joblib.hash(vars(again)) == joblib.hash(vars(encoder)),
        encoder,
        "two fits on the same cells learn different things.",
    )


def check_fit_arguments(encoder, cells):
    """Fit takes labels and weights of rows, whether it needs them or not."""
    arguments = {"y": np.arange(len(cells)) % 2, "sample_weight": np.ones(len(cells))}
    try:
        _fit(encoder, cells, **arguments)
    except TypeError as error:
        message = "fit must be fit(cells, y=None, sample_weight=None)"
        raise AssertionError(f"{type(encoder).__name__}: {message}. {error}") from error


def check_embedding(encoder, cells):
    """The embedding has the declared width, is finite and tells rows apart."""
    prepared = _prepare(encoder, cells)
    module = _build(encoder).eval()
    embedding = module(**_batch(prepared, range(len(cells))))
    shape, got = (len(cells), module.out_features), tuple(embedding.shape)
    require(got == shape, encoder, f"the embedding must be {shape}. Got {got}.")
    require(
        embedding.dtype == torch.float32,
        encoder,
        f"the embedding must be float32 like the module. Got {embedding.dtype}.",
    )
    require(torch.isfinite(embedding).all(), encoder, "the embedding is not finite.")
    require(embedding.std(dim=0).max() > 1e-3, encoder, "different cells embed alike.")


def check_encoder_gradients(encoder, cells):
    """Every trained parameter gets a finite gradient, from embedding and tokens."""
    prepared = _prepare(encoder, cells)
    module = _build(encoder).train()
    inputs = _batch(prepared, range(len(cells)))
    if not any(parameter.requires_grad for parameter in module.parameters()):
        return  # frozen
    with seeded(0):
        module(**inputs).square().sum().backward()
    require_gradients(module, encoder)
    if hasattr(module, "tokens"):
        module.zero_grad()
        with seeded(0):
            module.tokens(**inputs)[0].square().sum().backward()
        require_gradients(module, encoder)


def check_rows_alone(encoder, cells):
    """A row embeds alone as it does in a batch, in float64."""
    prepared = _prepare(encoder, cells)
    module = _build(encoder, torch.float64).eval()
    whole = module(**_batch(prepared, range(len(cells)), torch.float64))
    require(
        whole.dtype == torch.float64,
        encoder,
        f"a module in float64 gives {whole.dtype}. Name no dtype in forward.",
    )
    for row in range(0, len(cells), 7):
        alone = module(**_batch(prepared, [row], torch.float64))
        message = f"in eval mode row {row} depends on its batch"
        assert_close(alone[0], whole[row], encoder, message, rtol=1e-9, atol=1e-11)


def check_transform_alone(encoder, cells):
    """Transform prepares a row alone as among others."""
    prepared = _prepare(encoder, cells)
    for row in (0, len(cells) // 2, len(cells) - 1):
        for key, rows in encoder.transform(take_rows(cells, [row])).items():
            message = f"transform prepares {key!r} of row {row} differently alone"
            assert_close(rows[0], prepared[key][row], encoder, message, rtol=1e-7)


def check_absent_rows(encoder, cells):
    """Rows without a cell (zeros, no step) give finite values and gradients."""
    n = len(cells) // 2 * 2
    _fit(encoder, cells)
    prepared = _checked(encoder, take_rows(cells, np.arange(n // 2)))
    present = np.arange(n) % 2 == 0
    spread: dict[str, Any] = {}
    for key, rows in prepared.items():
        if isinstance(rows, Ragged):
            spread[key] = rows.expand(present)
        else:
            spread[key] = np.zeros((n, *rows.shape[1:]), rows.dtype)
            spread[key][present] = rows
    module = _build(encoder).train()
    for rows in (range(n), [1, 3]):  # some absent, all absent
        with seeded(0):
            embedding = module(**_batch(spread, rows))
        require(
            torch.isfinite(embedding).all(),
            encoder,
            "the embedding is not finite where cells are absent (rows of zeros, or "
            "of length 0).",
        )
        if embedding.requires_grad:
            embedding.sum().backward()
    for name, parameter in module.named_parameters():
        require(
            parameter.grad is None or torch.isfinite(parameter.grad).all(),
            encoder,
            f"absent cells make the gradient of {name!r} not finite.",
        )


def check_tokens(encoder, cells):
    """Tokens, where offered, have a mask and do not depend on the batch."""
    prepared = _prepare(encoder, cells)
    module = _build(encoder, torch.float64).eval()
    if not hasattr(module, "tokens"):
        return
    inputs = _batch(prepared, range(len(cells)), torch.float64)
    tokens, mask = module.tokens(**inputs)
    shape, got = (*mask.shape, module.out_features), tuple(tokens.shape)
    require(got == shape, encoder, f"tokens must be {shape}, as the mask. Got {got}.")
    require(mask.dtype == torch.bool, encoder, "the mask of tokens must be boolean.")
    if "lengths" in inputs:
        message = "the mask must have as many tokens as the row is long"
        assert_close(mask.sum(1), inputs["lengths"], encoder, message)
    alone, kept = module.tokens(**_batch(prepared, [5], torch.float64))
    message = "in eval mode the tokens of a row depend on its batch"
    expected = tokens[5][mask[5]]
    assert_close(alone[0][kept[0]], expected, encoder, message, rtol=1e-9, atol=1e-11)


def check_encoder_pickles(encoder, cells):
    """A fitted encoder embeds the same after pickle, by a module of its own."""
    _fit(encoder, cells)
    copy, rows = pickle.loads(pickle.dumps(encoder)), list(range(5))
    first, second = _build(encoder).eval(), _build(copy).eval()
    before = first(**_batch(encoder.transform(cells), rows))
    after = second(**_batch(copy.transform(cells), rows))
    message = "the embedding differs after pickle, from the same torch seed"
    assert_close(after, before, encoder, message, rtol=0, atol=0)
    other = {id(parameter) for parameter in _build(encoder).parameters()}
    shared = other & {id(parameter) for parameter in first.parameters()}
    require(not shared, encoder, "two builds share parameters.")


ENCODER_CHECKS = (
    check_encoder_parameters,
    check_fit_arguments,
    check_repeatable,
    check_embedding,
    check_encoder_gradients,
    check_rows_alone,
    check_transform_alone,
    check_absent_rows,
    check_tokens,
    check_encoder_pickles,
)
