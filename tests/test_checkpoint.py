"""A fit that was killed goes on from its checkpoint, to the same weights."""

import os
import subprocess
import sys

import numpy as np
import pytest
from skorch.callbacks import Callback, EarlyStopping

from skmultimodal import FusionClassifier, TabularEncoder
from skmultimodal.datasets import make_multimodal_classification
from tests.parameters import nested

X, Y = make_multimodal_classification(200, random_state=0)
ENCODERS = [(name, TabularEncoder((8,), 8, dropout=0.2)) for name in X]


class Crash(Callback):
    """Fail at the end of an epoch, if not told otherwise by the class."""

    epoch = None

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == type(self).epoch:
            raise RuntimeError("the power failed")


@pytest.fixture
def crash():
    yield Crash
    Crash.epoch = None


def classifier(folder, **params):
    params = {"fusion": "parallel", "max_epochs": 6, "random_state": 0} | params
    callbacks = [*params.pop("callbacks", []), ("crash", Crash())]
    return FusionClassifier(
        ENCODERS, **nested(params, checkpoint=folder, callbacks=callbacks)
    )


def weights_of(clf):
    return clf.net_.module_.state_dict()


def assert_same(one, other):
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert (value == other[key]).all(), key


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"early_stopping": True},
        {"optimizer": "sgd", "lr_schedule": "constant"},
        {"fusion": "gated"},
        {"callbacks": [("stop", EarlyStopping("train_loss", patience=3))]},
    ],
    ids=["one cycle", "early stopping", "sgd", "gated", "a callback of skorch"],
)
@pytest.mark.parametrize("every", [1, 2])
def test_a_crashed_fit_goes_on_to_the_same_weights(params, every, tmp_path, crash):
    whole = classifier(None, **params).fit(X, Y)
    clf = classifier((tmp_path / "kept", every), **params)
    crash.epoch = 4  # seen after the third epoch was written, before the fourth
    with pytest.raises(RuntimeError, match="the power failed"):
        clf.fit(X, Y)
    assert not hasattr(clf, "fusion_")
    (file,) = (tmp_path / "kept").glob("*/*.pt")
    crash.epoch = None
    Seen.epochs = ()
    callbacks = [*clf.training.callbacks, ("seen", Seen())]
    clf.set_params(training__callbacks=callbacks).fit(X, Y)
    assert Seen.epochs[0] == (4 if every == 1 else 3)
    assert_same(weights_of(clf), weights_of(whole))
    columns = [c for c in whole.history_ if c not in ("dur", "event_cp")]
    assert clf.history_[columns].equals(whole.history_[columns])
    assert not file.exists()
    assert not (tmp_path / "kept").exists()


class Seen(Callback):
    """Note the epochs, for all clones together."""

    epochs = ()

    def on_epoch_begin(self, net, **kwargs):
        Seen.epochs = (*Seen.epochs, net.history[-1, "epoch"])


def test_networks_trained_apart_are_not_trained_twice(tmp_path, crash):
    whole = classifier(None, fusion="decision", max_epochs=3).fit(X, Y)
    clf = classifier(tmp_path, fusion="decision", max_epochs=3)
    calls = []

    class Later(Callback):
        def on_train_begin(self, net, **kwargs):
            calls.append(1)
            if len(calls) == 5:
                raise RuntimeError("the power failed")

        def __deepcopy__(self, memo):
            return self

    clf.set_params(training__callbacks=[("later", Later())])
    with pytest.raises(RuntimeError, match="the power failed"):
        clf.fit(X, Y)
    n_files = len(list(tmp_path.glob("*/*.pt")))
    assert n_files == 4
    clf.set_params(training__callbacks=None).fit(X, Y)
    np.testing.assert_array_equal(clf.predict_proba(X), whole.predict_proba(X))


def test_other_data_or_parameters_begin_anew(tmp_path, crash):
    crash.epoch = 2
    for rows, params in ((200, {}), (190, {}), (200, {"lr": 0.01}), (200, {})):
        with pytest.raises(RuntimeError, match="the power failed"):
            classifier(tmp_path, **params).fit(X[:rows], Y[:rows])
    assert len(list(tmp_path.glob("*/*.pt"))) == 3


def test_a_damaged_checkpoint_is_not_used(tmp_path, crash):
    clf = classifier(tmp_path)
    crash.epoch = 4
    with pytest.raises(RuntimeError, match="the power failed"):
        clf.fit(X, Y)
    (file,) = tmp_path.glob("*/*.pt")
    file.write_bytes(file.read_bytes()[:1000])
    crash.epoch = None
    with pytest.warns(UserWarning, match="damaged checkpoint"):
        clf.fit(X, Y)
    assert_same(weights_of(clf), weights_of(classifier(None).fit(X, Y)))


@pytest.mark.parametrize("bad", ["", "f", 3, ("a", 0), ("a", 1, 2)])
def test_what_a_checkpoint_cannot_be(bad, tmp_path):
    if bad == "f":
        bad = tmp_path / "file"
        bad.touch()
    if bad == "":
        bad = 1.5
    with pytest.raises((ValueError, OSError), match="checkpoint"):
        classifier(bad).fit(X, Y)


def test_a_full_disk_is_one_clear_error_and_keeps_the_last_good_one(
    tmp_path, crash, monkeypatch
):
    import torch

    clf = classifier(tmp_path)
    crash.epoch = 3
    with pytest.raises(RuntimeError, match="the power failed"):
        clf.fit(X, Y)
    (file,) = tmp_path.glob("*/*.pt")
    before = file.read_bytes()
    crash.epoch = None
    save = torch.save

    def to_a_full_disk(state, stream):
        with open("/dev/full", "wb") as full:
            save(state, full)

    monkeypatch.setattr(torch, "save", to_a_full_disk)
    with pytest.raises(OSError, match=r"checkpoint: cannot write to .* No space left"):
        clf.fit(X, Y)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_file_is_on_the_disk_before_it_replaces_another(tmp_path, monkeypatch):
    """A rename may outlive a power cut that the bytes behind it do not."""
    fsync, replace = os.fsync, os.replace
    synced, replaced = [], []

    def note_fsync(fd):
        fsync(fd)
        synced.append((os.fstat(fd).st_ino, os.fstat(fd).st_size))

    def note_replace(part, file):
        if os.path.splitext(file)[1] in (".pt", ".skmm"):
            replaced.append(os.path.splitext(file)[1])
            state = os.stat(part)
            assert (state.st_ino, state.st_size) in synced, f"{file} is not whole"
        replace(part, file)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    clf = classifier(tmp_path / "kept", max_epochs=2).fit(X, Y)
    assert replaced == [".pt"] * 3  # before the first epoch and after each
    clf.save(tmp_path / "model.skmm")
    assert replaced[3:] == [".skmm"]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="needs another uid")
def test_a_folder_that_may_not_be_written(tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o755)
    code = f"""
import os, sys
sys.path.insert(0, {os.fspath(os.path.dirname(__file__))!r})
from test_checkpoint import X, Y, classifier
classifier({str(tmp_path / "open")!r}).fit(X, Y)  # imports what it needs
os.setuid(65534)
try:
    classifier({str(folder)!r}).fit(X, Y)
except OSError as error:
    print(error)
"""
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "checkpoint: cannot write to" in done.stdout
    assert "Permission denied" in done.stdout


@pytest.mark.slow
def test_killed_by_the_system(tmp_path):
    code = f"""
import os, signal, sys
sys.path.insert(0, {os.fspath(os.path.dirname(__file__))!r})
from test_checkpoint import X, Y, Callback, classifier
class Kill(Callback):
    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 4:
            os.kill(os.getpid(), signal.SIGKILL)
classifier({str(tmp_path)!r}, callbacks=[("kill", Kill())]).fit(X, Y)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.returncode == -9
    assert len(list(tmp_path.glob("*/*"))) == 1
    clf = classifier(tmp_path).fit(X, Y)
    assert_same(weights_of(clf), weights_of(classifier(None).fit(X, Y)))
