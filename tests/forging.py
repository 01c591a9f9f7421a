"""What tests of forged files share: a forger's tools, and a guard."""

import hashlib
import io
import json
import re
import resource
import signal
import sys
import warnings
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmultimodal import load
from skmultimodal.datasets import make_multimodal_classification
from skmultimodal.persistence import _file as persistence

SECONDS, MEGABYTES = 5, 300


class TooLongError(BaseException):
    """Passes the ``except Exception`` of `load`."""


EVENTS = {"watched": None}
HARMFUL = ("os.", "subprocess.", "socket.", "shutil.", "pickle.", "ctypes.", "ftplib.")


def audit(event, args):
    if EVENTS["watched"] is None or event in ("os.listdir", "os.scandir"):
        return
    writes = event == "open" and (args[2] & 3 or set(str(args[1])) & set("wax+"))
    if event.startswith(HARMFUL) or writes:
        EVENTS["watched"].append((event, args))


sys.addaudithook(audit)


@contextmanager
def guarded():
    """Fail where a block takes long, takes memory, or touches the system."""

    def stop(*args):
        raise TooLongError

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    old = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    EVENTS["watched"] = []
    try:
        yield
    finally:
        found, EVENTS["watched"] = EVENTS["watched"], None
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)
        sys.dont_write_bytecode = kept
    assert not found
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < MEGABYTES * 1024


def sealed(members):
    """Return a file of members with a digest that fits, as a forger would."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # of two members of one name
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data)
        archive.comment = persistence.MARK + b"0" * 64
    return signed(buffer.getvalue()[:-64])


def signed(content):
    return content + hashlib.sha256(content).hexdigest().encode()


def manifest(**changes):
    name = "skmultimodal.estimators._classifier.FusionClassifier"
    return {
        "format": persistence.FORMAT,
        "class": name,
        "versions": persistence._versions(),
    } | changes


def forged(nodes, others=(), **changes):
    members = {"manifest.json": manifest(**changes), "estimator.json": nodes}
    return sealed([*((n, json.dumps(m)) for n, m in members.items()), *others])


ROOT = ["object", ["skmultimodal.estimators._classifier", "FusionClassifier"], []]


def npy(values):
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def refused(path, content, match=None, **kwargs):
    """Load a file of `content`; `match` is searched in the error after its path."""
    path.write_bytes(content)
    match = f"{re.escape(str(path))} .*{match or ''}"
    with guarded(), pytest.raises(ValueError, match=f"(?s){match}"):
        load(path, **kwargs)


def saved(clf, folder):
    X, y = make_multimodal_classification(n_samples=40, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few rows
        clf.fit(X, y).save(folder / "model")
    with zipfile.ZipFile(folder / "model") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


DECISION = [
    ("m0", make_pipeline(StandardScaler(), LogisticRegression())),
    ("m1", HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=3)),
    ("m2", RandomForestClassifier(2, max_depth=2)),
]
