"""Pretrained models as ONNX files: run by onnxruntime, without torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from skmultimodal.encoders.pretrained._installed import EXTRA, files_of
from skmultimodal.encoders.pretrained._loading import library

__all__ = ["OnnxModel", "SpeechModel"]

WINDOW, STEP = 76, 8  # frames of the speech embedding, 10 ms each
MARGIN = 20  # frames of silence before and after a sound
FULL_SCALE = 32767  # the mel graph was made for 16-bit samples
FLOATS = {"tensor(float)": np.float32, "tensor(double)": np.float64}


def session(path):
    """Return a session on the processor, with as many threads as torch would take."""
    runtime = library("onnxruntime", EXTRA)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", 0) or 0)
    options.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    return runtime.InferenceSession(str(path), options, providers=providers)


class OnnxModel:
    """A file with one input: images, texts as str, or a waveform.

    Images arrive as ``(n, 3, row, column)``, or with the channels last where the graph
    says so, as RGB on the scale 0 to 1 (0 to 255 for a graph that takes uint8); texts
    as ``(n,)`` strings; sounds as ``(1, n_samples)``, one at a time.
    """

    def __init__(self, path, modality, size=None):
        if not Path(path).is_file():
            raise ValueError(f"There is no file {os.fspath(path)!r}.")
        self.session, self.modality = session(path), modality
        inputs = self.session.get_inputs()
        if len(inputs) != 1:
            names = [each.name for each in inputs]
            raise ValueError(
                f"{os.fspath(path)!r} has {len(inputs)} inputs, {names}. A graph with "
                "one input is read: put the preparation of the others into it."
            )
        (self.input,) = inputs
        self._check_type(path)
        if modality == "image":
            self._take_size(size, path)
        self.n_features = self._width()

    def _check_type(self, path):
        kind, text = self.input.type, self.modality == "text"
        known = ["tensor(string)"] if text else [*FLOATS]
        known += ["tensor(uint8)"] if self.modality == "image" else []
        if kind not in known:
            raise ValueError(
                f"The input {self.input.name!r} of {os.fspath(path)!r} is {kind}. For "
                f"{self.modality} it must be one of {known}."
            )

    def _take_size(self, size, path):
        shape = list(self.input.shape)
        if len(shape) != 4:
            raise ValueError(
                f"The input of {os.fspath(path)!r} has the shape {shape}. Images need "
                "four axes: rows of X, channel, row and column."
            )
        self.last = shape[3] in (1, 3) and shape[1] not in (1, 3)
        channels, *sides = (shape[3], *shape[1:3]) if self.last else shape[1:]
        self.n_channels = channels if isinstance(channels, int) else 3
        if size is None and not all(isinstance(side, int) for side in sides):
            raise ValueError(
                f"{os.fspath(path)!r} takes images of any size. Say which: size=224."
            )
        self.size = (size, size) if size else tuple(sides)

    def _width(self):
        """Return the number of features, that of an example."""
        example: dict[str, Any]
        if self.modality == "text":
            example = {"text": np.array([""], dtype=object)}
        elif self.modality == "audio":
            example = {"samples": [np.zeros(16000, dtype=np.float32)]}
        else:
            example = {"pixels": np.zeros((1, self.n_channels, *self.size), np.uint8)}
        return self.run(example).shape[1]

    def run(self, inputs) -> np.ndarray:
        """Return features (n_samples, n_features) of prepared rows."""
        if "samples" in inputs:
            return np.concatenate([self._run(row[None]) for row in inputs["samples"]])
        if "text" in inputs:
            return self._run(inputs["text"])
        pixels = inputs["pixels"]
        if self.input.type != "tensor(uint8)":
            pixels = pixels.astype(FLOATS[self.input.type]) / 255
        return self._run(pixels.transpose(0, 2, 3, 1) if self.last else pixels)

    def _run(self, values):
        if self.input.type in FLOATS:
            values = values.astype(FLOATS[self.input.type], copy=False)
        out = self.session.run(None, {self.input.name: values})[0]
        out = np.asarray(out, dtype=np.float32)
        if out.ndim == 4:  # (n, channel, row, column)
            return out.mean(axis=(2, 3))
        return out.mean(axis=1) if out.ndim == 3 else out.reshape(len(values), -1)


class SpeechModel:
    """Google's speech embedding and its mel spectrogram, of the package openwakeword.

    A sound gets a margin of silence, and what the model says of windows of 0.76 s,
    every 0.08 s, is averaged.
    """

    n_features = 96
    sampling_rate = 16000

    def __init__(self, name):
        folder = files_of(name)
        self.mel = session(folder / "melspectrogram.onnx")
        self.embedding = session(folder / "embedding_model.onnx")

    def run(self, inputs) -> np.ndarray:
        """Return features (n_samples, 96) of waveforms."""
        return np.stack([self._one(row) for row in inputs["samples"]])

    def _one(self, waveform):
        frames = self._frames(waveform)
        starts = range(0, len(frames) - WINDOW + 1, STEP)
        windows = np.stack([frames[i : i + WINDOW] for i in starts])[..., None]
        out = self.embedding.run(None, {"input_1": windows})[0]
        return out.reshape(len(windows), -1).mean(axis=0)

    def _frames(self, waveform):
        """Return mel frames (n_frames, 32) with silence around them."""
        shortest = 512  # samples of the first frame
        samples = np.zeros(max(len(waveform), shortest), dtype=np.float32)
        samples[: len(waveform)] = waveform * FULL_SCALE
        mel = self.mel.run(None, {"input": samples[None]})[0].reshape(-1, 32)
        mel = mel / 10 + 2  # as the embedding was trained
        spare = max(WINDOW - len(mel), 0) + 2 * MARGIN
        around = (spare // 2, spare - spare // 2)
        return np.pad(mel, (around, (0, 0)), constant_values=mel.min())
