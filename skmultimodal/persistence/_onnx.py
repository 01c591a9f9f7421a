"""Export of trained networks to ONNX, and the arrays that feed the graph."""

from __future__ import annotations

import contextlib
import copy
import logging
import os
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from skmultimodal.fusion._base import unheard
from skmultimodal.fusion.joint._impute import UnrolledImputer
from skmultimodal.training._network import module_key
from skmultimodal.training._trained import bare_module

__all__ = ["onnx_inputs", "to_onnx"]

OUTPUTS = ("response", "scores", "fused_embedding")
OPSET = 18


class _Graph(nn.Module):
    """The network as a function of tensors in a fixed order."""

    prior: Tensor
    heard: Tensor

    def __init__(self, network, model, names):
        super().__init__()
        task, each = model.task, np.eye(len(model.names), dtype=bool)
        self.network, self.link, self.names = network, task.link(), names
        dtype = getattr(torch, model.dtype)
        prior = np.asarray(task.scores(model.prior))
        self.register_buffer("prior", torch.as_tensor(prior, dtype=dtype))
        heard = ~unheard(model.spec.weights, model.names, each)
        self.register_buffer("heard", torch.from_numpy(heard))

    def forward(self, present, *values):
        inputs: dict[str, dict[str, Tensor]] = {}
        for (modality, key), value in zip(self.names, values, strict=True):
            inputs.setdefault(modality, {})[key] = value
        output = self.network(inputs, present)
        something = (present & self.heard).any(dim=1, keepdim=True)
        scores = torch.where(something, output.scores, self.prior)
        return self.link(scores), scores, output.embedding


def onnx_inputs(estimator: Any, X: Any, n_steps) -> dict[str, np.ndarray]:
    """Return the arrays with which the exported graph is fed, by input name."""
    tensors = _tensors(_network_model(estimator), *estimator.reader_.read(X))
    inputs = {name: value.numpy() for name, value in tensors.items()}
    for name, wanted in n_steps.items():
        if f"{name}.lengths" not in inputs:
            raise ValueError(
                f"'n_steps' is for sequences. Got {name!r}, and the inputs are "
                f"{list(inputs)}."
            )
        longest = inputs[f"{name}.lengths"].max()
        if longest > wanted:
            raise ValueError(
                f"Modality {name!r}: a row has {longest} steps, and n_steps is "
                f"{wanted}. Export the graph with rows as long as that."
            )
        for key, rows in inputs.items():
            if key.startswith(f"{name}.") and rows.ndim > 1:
                padded = np.zeros((len(rows), wanted, *rows.shape[2:]), rows.dtype)
                padded[:, : rows.shape[1]] = rows
                inputs[key] = padded
    return inputs


def to_onnx(estimator: Any, X: Any, path: str | os.PathLike | None = None):
    """Return the ONNX program of an estimator's network, written to `path` if given."""
    for package in ("onnx", "onnxscript"):
        try:
            __import__(package)
        except ImportError as error:
            raise ImportError(
                f"to_onnx needs {package}: pip install skmultimodal[onnx]"
            ) from error
    model = _network_model(estimator)
    tensors = _tensors(model, *estimator.reader_.read(X))
    if len(tensors["present"]) < 2:
        raise ValueError(
            "to_onnx needs two rows of X or more, to tell the batch from other axes. "
            f"Got {len(tensors['present'])}."
        )
    names = [tuple(name.rsplit(".", 1)) for name in tensors if name != "present"]
    network = bare_module(model.net)
    if network.imputer is not None:
        network = copy.deepcopy(network)
        network.impute_by(UnrolledImputer(network.imputer))
    graph = _Graph(network, model, names).to(model.net.device).eval()
    try:
        with warnings.catch_warnings(), _quiet(), sdpa_kernel(SDPBackend.MATH):
            warnings.simplefilter("ignore")  # of torch, about itself
            traced = torch.export.export(
                graph,
                tuple(value.to(model.net.device) for value in tensors.values()),
                dynamic_shapes=_dynamic(tensors, _recurrent(model)),
                strict=True,  # len(tensor) stays a variable
            )
            program: Any = torch.onnx.export(
                traced,
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=list(tensors),
                output_names=list(OUTPUTS),
            )
        fixed = [v.name for v in program.model.graph.inputs if type(v.shape[0]) is int]
        if fixed:
            raise ValueError(f"the number of rows of {fixed} is fixed")
    except Exception as error:
        raise ValueError(
            f"{type(estimator.strategy_).__name__} over "
            f"{[type(model.encoders[name]).__name__ for name in model.names]} cannot "
            "be exported to ONNX: torch finds no graph for it that serves every "
            "number of rows."
        ) from error
    if path is not None:
        program.save(os.fspath(path))
    return program


@contextlib.contextmanager
def _quiet():
    """Keep the exporters from telling of torchvision, and of what they optimise."""
    loggers = [logging.getLogger(n) for n in ("torch.onnx", "onnxscript", "onnx_ir")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _network_model(estimator):
    """Return the model of a strategy that is one network."""
    model = estimator.fusion_
    if not hasattr(model, "preparation") or not hasattr(model, "net"):
        raise ValueError(
            "ONNX export is for strategies trained as one network, such as "
            f"fusion='parallel', with training='joint'. Got a "
            f"{type(estimator.strategy_).__name__}, whose parts are fitted apart."
        )
    return model


def _tensors(model, cells, present):
    """Return the prepared tensors of rows by the names of the graph's inputs."""
    data = model.preparation.tensors((cells, present))
    inputs = data.batch(torch.arange(len(present)))[0]["inputs"]
    tensors = {"present": torch.from_numpy(np.ascontiguousarray(present))}
    for name in model.names:
        for key, value in inputs[name].items():
            tensors[f"{name}.{key}"] = value
    return tensors


def _recurrent(model):
    """Return the modalities read step by step, whose number of steps torch fixes."""
    encoders = bare_module(model.net).encoders
    return {
        name
        for name in model.names
        if any(isinstance(m, nn.RNNBase) for m in encoders[module_key(name)].modules())
    }


def _dynamic(tensors, recurrent):
    """Return which axes vary: rows, and the steps of padded sequences."""
    rows = torch.export.Dim("rows", min=2)
    steps: dict[tuple, int] = {}
    padded = {name.rsplit(".", 1)[0] for name in tensors if name.endswith("lengths")}
    shapes = []
    for name, value in tensors.items():
        axes = {0: rows}
        modality = name.rsplit(".", 1)[0]
        if modality in padded - recurrent and value.ndim > 1:
            lengths = tensors.get(f"{name}_lengths")  # of several ragged inputs
            lengths = None if lengths is None else tuple(lengths.tolist())
            number = steps.setdefault((modality, lengths), len(steps))
            axes[1] = torch.export.Dim(f"steps_{number}", min=2)
        shapes.append(axes)
    return (shapes[0], tuple(shapes[1:]))
