"""Training that a crash does not lose: its state in a file, epoch by epoch."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import joblib
import torch

from skmultimodal._warnings import warn

__all__ = ["CheckpointFolder"]


class CheckpointFolder:
    """The folder of one fit, with a file for each network that it trains.

    Parameters
    ----------
    path : str or path-like
        Folder of all fits.
    every : int
        Epochs between two writings.
    fit : str
        Key of the data and parameters of this fit.
    """

    def __init__(self, path, every, fit):
        self.path, self.every = Path(path) / fit, every
        with self._told():
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass

    @contextlib.contextmanager
    def _told(self):
        try:
            yield
        except OSError as error:
            raise OSError(
                f"checkpoint: cannot write to {str(self.path)!r}: {error}. The last "
                "checkpoint is as it was. Free the disk or give another folder, and "
                "fit again to go on from there."
            ) from error

    def file(self, *content) -> Path:
        """Return the file of the network that is trained on `content`."""
        digest = hashlib.blake2b(digest_size=16)
        for part in content:
            digest.update(joblib.hash(part).encode())
        return self.path / f"{digest.hexdigest()}.pt"

    def read(self, file):
        """Return the state in a file; None if there is none that can be used."""
        if not file.exists():
            return None
        try:
            return torch.load(file, weights_only=True)
        except Exception as error:
            warn(f"A damaged checkpoint is not used, {str(file)!r}: {error!r}.")
            return None

    def write(self, file, state):
        """Write a state so that the file is whole at any time."""
        part = file.with_suffix(f".{os.getpid()}.part")
        with self._told():
            try:
                with open(part, "wb") as stream:
                    torch.save(state, stream)
                    stream.flush()
                    os.fsync(stream.fileno())
                os.replace(part, file)
            except RuntimeError as error:  # torch's word for a full disk
                raise OSError(str(error)) from error
            finally:
                part.unlink(missing_ok=True)

    def remove(self):
        """Remove what the fit no longer needs."""
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):  # of other fits
            self.path.parent.rmdir()
