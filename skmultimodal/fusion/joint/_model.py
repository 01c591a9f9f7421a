"""A trained network of encoders and fusion, with the preparation of its inputs."""

from __future__ import annotations

import copy
from functools import cached_property, partial

import numpy as np
import torch
from sklearn.utils import Bunch

from skmultimodal.encoders._supervised import learns_from_y
from skmultimodal.fusion._base import FusionModel, mixed_by_stages, unheard
from skmultimodal.fusion.apart._cache import content_key
from skmultimodal.fusion.apart._folds import validation_split
from skmultimodal.fusion.joint._backbone import Backbone, n_scores
from skmultimodal.fusion.joint._blending import estimate_blend
from skmultimodal.fusion.joint._encode import encode_by_network
from skmultimodal.fusion.joint._impute import (
    GaussianImputer,
    complete_rows,
    fit_imputer,
)
from skmultimodal.fusion.joint._preparation import Preparation
from skmultimodal.fusion.joint._responses import (
    response_to_embeddings,
    responses_of_network,
    weights_of_network,
)
from skmultimodal.fusion.joint._seeds import SeedsModel, member_seeds
from skmultimodal.fusion.joint._shrinkage import shrink, shrinks
from skmultimodal.training._fit import resume
from skmultimodal.training._members import train_members
from skmultimodal.training._net import seeded
from skmultimodal.training._network import FusionNetwork, FusionOutput, module_key
from skmultimodal.training._outputs import predict_outputs
from skmultimodal.training._tensors import TensorRows
from skmultimodal.training._trained import Bounded, TrainedNet, bare_module

__all__ = ["JointModel", "fit_network"]

WEIGHT_ROWS = 2000  # training rows over which weights that vary by row are averaged


@torch.inference_mode(False)  # training needs gradients, whatever the caller has set
def fit_network(spec, problem):
    """Fit the encoders' preprocessing, then train them and the fusion together.

    Parameters
    ----------
    spec : JointFusion
        Has ``build_for(task, in_features, joint)``.
    problem : FusionProblem

    Returns
    -------
    JointModel or SeedsModel

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C in the first epoch. Later, the model says ``interrupted``.
    """
    if _imputes(problem):
        complete_rows(problem)  # there are some: said before training
    split = validation_split(problem) if problem.settings.early_stopping else None
    preparation = Preparation(problem, None if split is None else split[0])
    problem = problem.with_settings(_resolved(spec, problem, preparation))
    data, valid = _training_parts(preparation, problem, split)
    joint = spec.joint_training(problem.settings)
    make = partial(make_network, spec, preparation, problem.task)
    if joint.balance == "gradient_blending" and len(problem.names) > 1:
        blend = _blend(spec, joint, problem, preparation, data, split)
        joint = joint.replace(blend=blend)
    settings = problem.settings
    seeds = member_seeds(problem.seed, settings.n_members)
    files = [None] * len(seeds)
    if settings.checkpoint is not None:
        key = content_key(problem)
        files = [settings.checkpoint.file(repr(spec), seed, *key) for seed in seeds]
    nets, interrupted = train_members(
        partial(make, joint), problem.task, data, valid, settings, seeds, files
    )
    from_models = _starts_from_models(spec, preparation, settings)
    if not interrupted and shrinks(nets[0], settings, from_models, problem.n_samples):
        prepare = partial(_prepared, spec, joint, problem, preparation, data)
        interrupted = shrink(nets, prepare, problem, seeds)
    known = _Known(preparation, problem)
    models = [
        JointModel(spec, preparation, net, problem, interrupted, known) for net in nets
    ]
    return models[0] if settings.n_members == 1 else SeedsModel(models)


def make_network(spec, preparation, task, joint):
    """Return a new network of fitted encoders and a strategy."""
    encoders, weights = preparation.encoders, getattr(spec, "weights", None)
    given = isinstance(weights, dict) and not spec.weights_are_fitted
    make_backbone = partial(
        Backbone,
        preparation.prior,
        task.has_labels,
        weights,
        {} if given else preparation.pool_weights,
    )
    return FusionNetwork(
        {name: encoder.build for name, encoder in encoders.items()},
        partial(spec.build_for, task, joint=joint),
        modality_dropout=joint.modality_dropout,
        make_backbone=make_backbone if _has_backbone(joint, encoders) else None,
    )


def _has_backbone(joint, encoders) -> bool:
    if joint.backbone == "auto":
        return any(map(n_scores, encoders.values()))
    return joint.backbone


def _starts_from_models(spec, preparation, settings) -> bool:
    encoders = preparation.encoders
    scored = all(map(n_scores, encoders.values()))
    return scored and _has_backbone(spec.joint_training(settings), encoders)


def _resolved(spec, problem, preparation):
    """Return the settings with the learning rate of these encoders and rows."""
    settings = problem.settings
    scored = _starts_from_models(spec, preparation, settings)
    return settings.with_rate(scored, problem.n_samples)


def _training_parts(preparation, problem, split, unit=None):
    """Return the training part and, for early stopping, the held-out part."""
    if split is None:
        return preparation.tensors(problem, training=True, unit=unit), None
    rows, held_out = split
    data = preparation.tensors(problem, training=True, fitted=rows, unit=unit)
    return TensorRows(data, rows), TensorRows(data, held_out)


def _blend(spec, joint, problem, preparation, data, split):
    """Return the weights of losses by rows that no encoder has seen the y of."""
    if split is not None:
        data = data.tensors
    else:
        split = validation_split(problem)
        preparation, data = _without_others(split[0], problem, preparation, data)
    make = partial(make_network, spec, preparation, problem.task)
    return estimate_blend(make, joint, problem, data, *split)


def _prepared(spec, joint, problem, preparation, data, rows):
    """Return what makes a network to train on some rows, and the inputs of all."""
    data = data.tensors if isinstance(data, TensorRows) else data
    preparation, data = _without_others(rows, problem, preparation, data)
    return partial(make_network, spec, preparation, problem.task, joint), data


def _without_others(rows, problem, preparation, data):
    """Return preparation and inputs by encoders that know the y of `rows` alone."""
    if any(map(learns_from_y, preparation.encoders.values())):
        preparation = Preparation(problem, rows)
        data = preparation.tensors(problem, training=True, fitted=rows)
    return preparation, data


class _Known:
    """Inputs of training rows that every member looks at, prepared once."""

    def __init__(self, preparation, problem):
        self.preparation, self.problem = preparation, problem

    @cached_property
    def first(self):
        """Those of one row."""
        return self._of(self.problem.take(slice(0, 1)))

    @cached_property
    def many(self):
        """Those of the rows over which weights are averaged."""
        return self._of(self.problem.take(slice(0, WEIGHT_ROWS)))

    @cached_property
    def complete(self):
        """Those of rows that have all modalities, and their weights."""
        part = self.problem.take(complete_rows(self.problem))
        return self.preparation.tensors(part, training=True), part.sample_weight

    def _of(self, part):
        return self.preparation.tensors((part.cells, part.present))


class JointModel(FusionModel):
    """A trained network with the preparation of its inputs."""

    def __init__(self, spec, preparation, net, problem, interrupted=False, known=None):
        known = known or _Known(preparation, problem)
        self.spec, self.preparation = spec, preparation
        self.interrupted = interrupted
        self.joint = spec.joint_training(problem.settings)
        self.net, self.task = net, problem.task
        self.names, self.encoders = preparation.names, preparation.encoders
        self.n_threads, self.dtype = problem.settings.n_threads, preparation.dtype
        self.prior = problem.task.prior(problem.target, problem.sample_weight)
        weight = problem.sample_weight  # what further chunks' weights are relative to
        self.weight_unit = 1.0 if weight is None else float(weight.mean())
        self._fit_imputer(problem, known)
        fields = ("embedding", "branch_scores", "weights")
        outputs = self._outputs_of(known.first, fields)
        self.n_features = outputs["embedding"].shape[1]
        self.has_branches = outputs["branch_scores"] is not None
        self.has_weights = outputs["weights"] is not None
        self.weights = self._fitted_weights(problem, known)

    def feature_names(self):
        module = self.net.module_
        if not module.fusion.additive:
            return super().feature_names()
        widths = {
            name: module.encoders[module_key(name)].out_features for name in self.names
        }
        return [f"{name}__{i}" for name in self.names for i in range(widths[name])]

    def offers(self, method):
        if method == "response_per_modality":
            return self.has_branches
        if method == "modality_weights":
            return self.has_weights
        if method == "contributions":
            return self.net.module_.fusion.additive
        if method == "uncertainty":
            return hasattr(self.net.module_.fusion, "uncertainty")
        return super().offers(method)

    @property
    def history(self):
        return [
            {key: value for key, value in row.items() if key != "batches"}
            for row in self.net.history
        ]

    @property
    def n_iter(self):  # type: ignore[override]  # nobody sets it
        return len(self.net.history)

    def _fit_imputer(self, problem, known):
        """Learn to impute from the complete rows of `problem`, if there are some."""
        if _imputes(problem):
            tensors, weight = known.complete
            fit_imputer(self.net, tensors, weight, self.n_threads)

    def _fitted_weights(self, problem, known):
        weights = self.net.module_.fusion.modality_weights()
        if weights is not None:
            weights = weights.detach().cpu().numpy()
        else:
            weights = self._outputs_of(known.many, ["weights"])["weights"]
            if weights is None:
                return dict.fromkeys(self.names, 1 / len(self.names))
            shares = problem.take(slice(0, WEIGHT_ROWS)).sample_weight
            weights = np.average(weights, axis=0, weights=shares)
        return dict(zip(self.names, weights.astype(float).tolist(), strict=True))

    def _outputs(self, cells, present, fields):
        return self._outputs_of(self.prepared(cells, present), fields)

    def _outputs_of(self, tensors, fields):
        return predict_outputs(self.net, tensors, fields, self.n_threads)

    def prepared(self, cells, present):
        """Return the inputs of the network for rows."""
        return self.preparation.tensors((cells, present))

    def scores(self, cells, present):
        return self.scores_of(self.prepared(cells, present), present)

    def scores_of(self, tensors, present):
        """Return the scores of rows that are prepared."""
        scores = self._outputs_of(tensors, ["scores"])["scores"]
        finite = np.isfinite(scores).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"The network gives no finite scores for {(~finite).sum()} of "
                f"{len(finite)} rows, the first at position {finite.argmin()} of X. "
                "Look there for values far from those of fit; if the encoder is your "
                "own, let it scale or refuse them."
            )
        return self.with_prior(scores, present)

    def with_prior(self, scores, present):
        """Put the prior's scores in the rows where nothing is heard, and return all."""
        nothing = unheard(self.spec.weights, self.names, present)
        if nothing.any():
            scores[nothing] = self.task.scores(self.prior)
        return scores

    def response(self, cells, present):
        return self.task.response(self.scores(cells, present))

    def responses(self, cells, presences):
        return responses_of_network(self, cells, presences)

    def response_to_mixed(self, cells, rows, present):
        if self.net.module_.fusion.takes_tokens:  # an embedding is not all it reads
            return super().response_to_mixed(cells, rows, present)
        return mixed_by_stages(self, cells, rows, present)

    def embedding(self, cells, present):
        return self._outputs(cells, present, ["embedding"])["embedding"]

    def encode(self, cells, present, name):
        return encode_by_network(self, cells, present, name)

    def stage_input(self, cells, name):
        """Return the embeddings of cells that are all present."""
        present = np.ones((len(cells), len(self.names)), dtype=bool)
        return self.encode({name: cells}, present, name)

    def response_of_stages(self, inputs, present):
        """Return the response to given embeddings, absent ones left out."""
        return response_to_embeddings(self, inputs, present)

    def response_per_modality(self, cells, present):
        scores = self.branch_scores(cells, present)
        responses = {}
        for m, name in enumerate(self.names):
            responses[name] = self.task.response(scores[:, m])
            responses[name][~present[:, m]] = np.nan
        return responses

    def branch_scores(self, cells, present):
        """Return the scores of each branch, (n_samples, n_modalities, n_outputs)."""
        return self._outputs(cells, present, ["branch_scores"])["branch_scores"]

    def modality_weights(self, cells, present):
        weights = weights_of_network(self, cells, present).astype(np.float64)
        weights[unheard(self.spec.weights, self.names, present)] = 0.0
        return weights

    def contributions(self, cells, present):
        out = self._outputs(cells, present, ["weights", "branch_scores"])
        backbone = self.net.module_.backbone
        if backbone is not None:
            return backbone.terms(self.names, **out)
        terms = out["weights"][:, :, None] * out["branch_scores"]
        return {name: terms[:, m] for m, name in enumerate(self.names)}

    def uncertainty(self, cells, present):
        """Return what the fusion module says of its uncertainty, by name."""
        output = self._outputs(cells, present, ["scores", "branch_scores"])
        output = {key: torch.from_numpy(value) for key, value in output.items()}
        output = FusionOutput(
            **output,
            embedding=None,  # type: ignore[arg-type]  # it tells no uncertainty
            present=torch.from_numpy(present),
        )
        parts = self.net.module_.fusion.uncertainty(output)
        return Bunch(**{key: value.numpy() for key, value in parts.items()})

    @torch.inference_mode(False)
    def trained_more(self, problem, unit=None):
        """Return a copy of the model, trained on with the rows of `problem`.

        Their weights are relative to `unit`, to their own mean if None.
        """
        if isinstance(self.net, TrainedNet):
            raise ValueError(
                "The training of this estimator cannot be continued: it was trimmed, "
                "or loaded from a file of save. Fit it again from the start, or keep "
                "the untrimmed one with pickle or joblib."
            )
        problem, model = problem.select(self.names), copy.deepcopy(self)
        split = validation_split(problem) if problem.settings.early_stopping else None
        data, valid = _training_parts(self.preparation, problem, split, unit)
        seed = problem.seed + self.n_iter
        settings = _resolved(self.spec, problem, self.preparation)
        model.net, model.interrupted = resume(model.net, data, valid, settings, seed)
        known = _Known(self.preparation, problem)
        model._fit_imputer(problem, known)
        model.weights = model._fitted_weights(problem, known)
        return model

    def trim(self):
        """Drop optimiser, callbacks, batches of the history and training rows."""
        net, self.preparation = self.net, self.preparation.without_rows()
        self.net = TrainedNet(
            bare_module(net), net.device, net.batch_size, self.history
        )

    def to_plain(self):
        """Return the state without the network, and the network's weights."""
        module = bare_module(self.net)
        net = {
            "device": str(self.net.device),
            "batch_size": self.net.batch_size,
            "history": self.history,
            "imputes": None if module.imputer is None else module.imputer.widths,
        }
        preparation = self.preparation.without_rows()
        state = {**vars(self), "preparation": preparation, "net": net}
        return state, module.state_dict()

    @classmethod
    def from_plain(cls, state, weights):
        """Build the network anew and fill in its weights."""
        model, net = cls.__new__(cls), state["net"]
        preparation = state["preparation"].without_rows()  # whatever the file says
        vars(model).update(state, preparation=preparation)
        if model.dtype not in ("float32", "float64"):
            raise ValueError(f"a network has the dtype {model.dtype!r}")
        with seeded(0), Bounded(weights):
            network = make_network(
                model.spec, model.preparation, model.task, model.joint
            )
        network.to(getattr(torch, model.dtype))
        if net["imputes"]:
            if sum(net["imputes"].values()) != len(weights["imputer.mean"]):
                raise ValueError("an imputer has other widths than its weights")
            widths = net["imputes"].items()
            blank = {name: np.zeros((2, width)) for name, width in widths}
            network.impute_by(GaussianImputer(blank))
        network.load_state_dict(weights)
        known = not net["device"].startswith("cuda") or torch.cuda.is_available()
        device = net["device"] if known else "cpu"
        model.net = TrainedNet(
            network.to(device), device, net["batch_size"], net["history"]
        )
        return model


def _imputes(problem) -> bool:
    return problem.missing == "impute" and len(problem.names) > 1
