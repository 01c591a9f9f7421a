"""Rows that count how often they are pickled, and what workers do with them."""

import os
import signal
from pathlib import Path

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from skmultimodal import (
    DecisionFusion,
    FusionClassifier,
    ImageEncoder,
    MultimodalData,
)
from tests.parameters import nested


class Counted(np.ndarray):
    """An array that writes the bytes of each of its pickles to a file."""

    log = None

    def __array_finalize__(self, parent):
        self.log = getattr(parent, "log", None)

    def __reduce_ex__(self, protocol):
        if self.log is not None:
            with open(self.log, "a") as file:
                file.write(f"{self.nbytes}\n")
        return np.array(self).__reduce_ex__(protocol)


def counted(array, log):
    array = np.array(array).view(Counted)
    array.log = str(log)
    return array


def n_bytes(log):
    """Return the bytes that were pickled."""
    path = Path(log)
    return sum(map(int, path.read_text().split())) if path.exists() else 0


def frame_and_block(X, log):
    """Return X as a frame and as contiguous blocks; both count their pictures."""
    images = np.stack(list(X["image"]))
    frame = X.assign(image=[counted(image, f"{log}.frame") for image in images])
    block = MultimodalData(
        {"image": counted(images, f"{log}.block"), "text": X["text"].to_numpy(object)}
    )
    return {"frame": frame, "block": block}, images.nbytes


def classifier(**params):
    """A network and a scikit-learn model, combined by decisions."""
    words = make_pipeline(TfidfVectorizer(), LogisticRegression())
    encoders = [("image", ImageEncoder((4,), 8)), ("text", words)]
    params = {"fusion": DecisionFusion(cv=3), "max_epochs": 2} | params
    return FusionClassifier(encoders, random_state=0, **nested(params))


class Threads(Callback):
    """Record the threads of torch during training."""

    def on_epoch_end(self, net, **kwargs):
        net.history.record("n_threads", torch.get_num_threads())


def threads_in_training(est, X, y):
    return est.history_["n_threads"].max()


def process(est, X, y):
    return os.getpid()


def missing_results(est, X, y):
    return est.cache_info().misses


class DieOnce:
    """A score that kills the process of its worker, the first time of all."""

    def __init__(self, flag, parent):
        self.flag, self.parent = flag, parent

    def __call__(self, est, X, y):
        try:
            os.close(os.open(self.flag, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return est.score(X, y)
        if os.getpid() != self.parent:
            os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("the search did not leave this process")
