"""Pretrained transformers as torch modules, and how they are frozen or tuned."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import nn

from skmultimodal.encoders._modules import MLP, PartlyFrozen
from skmultimodal.encoders._recurrent import step_mask
from skmultimodal.encoders.pretrained._installed import files_of
from skmultimodal.encoders.pretrained._loading import library, source_of

__all__ = [
    "FineTuned",
    "FrozenHead",
    "HuggingFaceModule",
    "PackagedSentences",
    "SentenceModule",
    "tunable",
]

PARTS = {"image": "vision_model", "text": "text_model", "audio": "audio_model"}


@contextlib.contextmanager
def _quiet():
    """Load weights without a progress bar."""
    logging = library("transformers").utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def tunable(module, core, n_last, lora_rank):
    """Return `module` with all, the last blocks, or low-rank updates to be trained.

    Parameters
    ----------
    module : nn.Module
    core : PreTrainedModel
        The transformer inside of it.
    n_last : int or None
        Blocks to train, or to give updates; None for all.
    lora_rank : int or None
        Rank of the updates.
    """
    trained = [module] if n_last is None else _blocks(core)[-n_last or None :]
    if lora_rank is not None:
        peft = library("peft")
        names = _linear_layers(core, trained if n_last else [core])
        core.add_adapter(peft.LoraConfig(r=lora_rank, target_modules=names))
        return module
    return PartlyFrozen(module, trained if n_last != 0 else [])


def _linear_layers(core, parts) -> list[str]:
    """Return the names of the linear layers of some parts of a model."""
    inside = {id(layer) for part in parts for layer in part.modules()}
    return [
        name
        for name, layer in core.named_modules()
        if id(layer) in inside and isinstance(layer, nn.Linear)
    ]


def _blocks(core):
    """Return the blocks of a transformer or a convolutional net, first to last."""
    depth = getattr(getattr(core, "config", None), "num_hidden_layers", None)
    lists: list[Any] = [m for m in core.modules() if isinstance(m, nn.ModuleList)]
    found = [blocks for blocks in lists if len(blocks) == depth]
    for name in ("_blocks", "blocks", "stages"):  # not of transformers
        if not found and hasattr(core, name):
            found = [getattr(core, name)]
    if not found and hasattr(core, "layer4"):  # a residual net
        found = [[getattr(core, f"layer{i}") for i in range(1, 5)]]
    if not found:
        raise ValueError(
            f"{type(core).__name__} has no list of blocks, so that 'freeze' can only "
            "be True or False."
        )
    return list(found[-1])


class FrozenHead(nn.Module):
    """What is trained over frozen features."""

    def __init__(self, n_features, hidden_features, out_features, dropout):
        super().__init__()
        self.out_features = out_features
        self.mlp = MLP(n_features, out_features, hidden_features, dropout)

    def forward(self, features):
        return torch.relu(self.mlp(features))


class FineTuned(nn.Module):
    """A pretrained module under the head that frozen features have as well."""

    def __init__(self, pretrained, n_features, hidden_features, out_features, dropout):
        super().__init__()
        self.out_features = out_features
        self.pretrained = pretrained
        self.norm = nn.LayerNorm(n_features)
        self.head = FrozenHead(n_features, hidden_features, out_features, dropout)

    def forward(self, **inputs):
        return self.head(self.norm(self.pretrained(**inputs)))


class SentenceModule(nn.Module):
    """A sentence-transformers model on token ids, ``(n, t), (n,) -> (n, d)``."""

    ahead = False  # texts are sorted by length first

    def __init__(self, path):
        super().__init__()
        package = library("sentence_transformers")
        name, local = source_of(path)
        with _quiet():
            self.model = package.SentenceTransformer(
                name, device="cpu", local_files_only=local
            )
        self.n_features = self.model.get_embedding_dimension()

    @property
    def core(self):
        return self.model[0].auto_model

    @property
    def tokenizer(self):
        return self.model.tokenizer

    @property
    def max_tokens(self):
        return self.model.max_seq_length

    def forward(self, tokens, lengths):
        ids, mask = _ids_and_mask(tokens, lengths, self.tokenizer)
        return self.model({"input_ids": ids, "attention_mask": mask})[
            "sentence_embedding"
        ]


class PackagedSentences(SentenceModule):
    """The sentence model of an installed package, by its short name."""

    def __init__(self, name):
        super().__init__(files_of(name))


class HuggingFaceModule(nn.Module):
    """A transformers model and its pooling, to ``(n, n_features)``.

    The processor of text is its tokenizer, that of sound its feature extractor;
    images need none but the mean and deviation that come with the model.
    """

    def __init__(self, path, modality, pooling):
        super().__init__()
        transformers = library("transformers")
        name, local = source_of(path)
        options = {"local_files_only": local}
        with _quiet():
            model = transformers.AutoModel.from_pretrained(name, **options)
        model = getattr(model, PARTS[modality], model)
        if getattr(model.config, "is_encoder_decoder", False):
            model = model.get_encoder()
        if hasattr(model.config, "apply_spec_augment"):
            model.config.apply_spec_augment = False  # it draws from numpy's generator
        for key, weight in model.named_parameters():  # of parts not used here
            if key.startswith(("pooler.", "masked_spec_embed")):
                weight.requires_grad_(False)
        self.core, self.modality, self.pooling = model, modality, pooling
        self.ahead = modality == "image"
        self.n_features = model.config.hidden_size
        self.processor = None
        if modality == "text":
            self.processor = transformers.AutoTokenizer.from_pretrained(name, **options)
        elif modality == "audio":
            kind = transformers.AutoFeatureExtractor
            self.processor = kind.from_pretrained(name, **options)
        else:
            self._take_normalisation(transformers, name, options)

    def _take_normalisation(self, transformers, name, options):
        mixin = transformers.image_processing_utils.ImageProcessingMixin
        try:
            settings = mixin.get_image_processor_dict(name, **options)[0]
        except OSError:  # saved without a processor
            settings = {}
        config = self.core.config
        n_channels = getattr(config, "num_channels", 3)
        for key in ("image_mean", "image_std"):
            values = settings.get(key) or [0.5] * n_channels
            buffer = torch.tensor(values).reshape(1, -1, 1, 1)
            self.register_buffer(key, buffer, persistent=False)
        size = getattr(config, "image_size", None) or settings.get("size", 224)
        if isinstance(size, dict):
            side = size.get("shortest_edge")
            size = size.get("height", side), size.get("width", side)
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.n_channels = n_channels

    @property
    def tokenizer(self):
        return self.processor

    @property
    def max_tokens(self):
        longest = getattr(self.core.config, "max_position_embeddings", None) or 512
        return min(self.tokenizer.model_max_length, longest)

    @property
    def shortest(self):
        """Samples below which the convolutions over a waveform have no output."""
        kernels = getattr(self.core.config, "conv_kernel", [1])
        strides = getattr(self.core.config, "conv_stride", [1])
        needed = 1
        for kernel, stride in zip(kernels[::-1], strides[::-1], strict=True):
            needed = (needed - 1) * stride + kernel
        return needed

    def forward(
        self, tokens=None, pixels=None, samples=None, features=None, lengths=None
    ):
        if self.modality == "text":
            ids, mask = _ids_and_mask(tokens, lengths, self.tokenizer)
            states = self.core(input_ids=ids, attention_mask=mask).last_hidden_state
            return self._pooled(states, mask)
        if self.modality == "image":
            pixels = pixels.to(self.image_mean.dtype) / 255
            pixels = (pixels - self.image_mean) / self.image_std
            return self._pooled(self.core(pixel_values=pixels).last_hidden_state)
        if features is not None:
            return self._pooled(self.core(features).last_hidden_state)
        # padding would change what models without an attention mask make of a row
        out = samples.new_zeros((len(samples), self.n_features))
        for length in lengths.unique().tolist():
            rows = (lengths == length).nonzero()[:, 0]
            part = samples[rows, :length]
            short = self.shortest - part.shape[1]
            if short > 0:
                part = nn.functional.pad(part, (0, short))
            pooled = self._pooled(self.core(part).last_hidden_state)
            out = out.index_copy(0, rows, pooled.to(out.dtype))
        return out

    def _pooled(self, states, mask=None):
        if states.ndim == 4:  # (n, channel, row, column), of a convolutional model
            return states.mean(dim=(2, 3))
        if self.pooling == "cls":
            return states[:, 0]
        if mask is None:
            return states.mean(dim=1)
        real = mask[:, :, None].to(states.dtype)
        return (states * real).sum(1) / real.sum(1)


def _ids_and_mask(tokens, lengths, tokenizer):
    """Return ids with the model's own padding, and the attention mask."""
    # an absent row attends to one padding token, lest it divide by zero
    mask = step_mask(lengths.clamp(min=1), tokens.shape[1])
    real = step_mask(lengths, tokens.shape[1])
    return tokens.masked_fill(~real, tokenizer.pad_token_id or 0), mask.long()
