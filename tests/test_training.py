"""The training loop: batches, callbacks, interrupts, seeds, prediction by batch."""

import signal

import numpy as np
import pandas as pd
import pytest
import torch
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    GradientNormClipping,
    LRScheduler,
)

from skmultimodal import (
    FeatureFusion,
    FusionClassifier,
    ImageEncoder,
    SequenceEncoder,
    TextEncoder,
    Training,
)
from skmultimodal.data._containers import Ragged
from skmultimodal.fusion.joint._model import validation_split
from skmultimodal.training._net import seeded, threads
from skmultimodal.training._tensors import BatchIterator, TensorRows, Tensors
from tests.parameters import nested


def classifier(**kwargs):
    """A picture and a text in small networks; the text is ragged."""
    encoders = [
        ("image", ImageEncoder((4,), 8, dropout=0.2)),
        ("text", TextEncoder(cell="gru", embedding_features=8, out_features=8)),
    ]
    params = {"max_epochs": 3, "batch_size": 32, "random_state": 0}
    return FusionClassifier(
        encoders, **nested(params | {"fusion": "parallel"} | kwargs)
    )


@pytest.fixture
def ragged():
    """Tensors of 1000 rows: a number that is the row, and 1 to 60 steps of it."""
    lengths = np.random.default_rng(0).integers(1, 60, 1000)
    rows = np.arange(1000, dtype=np.float32)
    steps = Ragged(np.repeat(rows, lengths), np.concatenate([[0], np.cumsum(lengths)]))
    return Tensors({"m": {"row": rows, "steps": steps}}, target=np.arange(1000))


def rows_of(iterator):
    return [batch[0]["inputs"]["m"]["row"] for batch in iterator]


@pytest.mark.parametrize("shuffle", [True, False])
def test_every_row_is_in_one_batch(ragged, shuffle):
    batches = rows_of(BatchIterator(ragged, 32, shuffle=shuffle))
    assert len(batches) == len(BatchIterator(ragged, 32)) == 32
    assert sorted(torch.cat(batches).tolist()) == list(range(1000))


def test_batches_differ_between_epochs(ragged):
    with seeded(0):
        iterator = BatchIterator(ragged, 32, shuffle=True)
        first, second = (
            {frozenset(batch.tolist()) for batch in rows_of(iterator)} for _ in range(2)
        )
    assert len(first & second) < 3


def test_a_batch_is_padded_with_zeros_to_its_own_longest_row(ragged):
    rows = torch.tensor([5, 3, 8])
    x, target = ragged.batch(rows)
    block = x["inputs"]["m"]
    assert block["steps"].shape == (3, int(block["lengths"].max()))
    for row, steps, length in zip(rows, block["steps"], block["lengths"], strict=True):
        assert (steps[:length] == row).all()
        assert (steps[length:] == 0).all()
    assert target.tolist() == [5, 3, 8]


def test_rows_without_steps_and_steps_of_vectors():
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    data = Tensors({"m": {"steps": Ragged(values, [0, 1, 1, 3])}})
    block = data.batch(torch.tensor([0, 1, 2]))[0]["inputs"]["m"]
    expected = [[[0, 1], [0, 0]], [[0, 0], [0, 0]], [[2, 3], [4, 5]]]
    assert block["steps"].tolist() == expected
    assert block["lengths"].tolist() == [1, 0, 2]
    empty = data.batch(torch.tensor([1]))[0]["inputs"]["m"]
    assert empty["steps"].tolist() == [[[0, 0]]]
    np.testing.assert_array_equal(values, np.arange(6).reshape(3, 2))


def test_buckets_save_padding(ragged):
    def steps(batches):
        return sum(b[0]["inputs"]["m"]["steps"].numel() for b in batches)

    plain = [ragged.batch(rows) for rows in torch.randperm(1000).split(32)]
    real = int(ragged.lengths.sum())
    bucketed = steps(BatchIterator(ragged, 32, shuffle=True))
    assert bucketed - real < 0.2 * (steps(plain) - real)


def test_rows_of_tensors_are_their_own_dataset(ragged):
    part = TensorRows(ragged, np.array([7, 1, 4]))
    assert sorted(torch.cat(rows_of(BatchIterator(part, 2))).tolist()) == [1, 4, 7]
    assert part.lengths.tolist() == ragged.lengths[[7, 1, 4]].tolist()


@pytest.mark.parametrize("order", ["C", "channels last"])
def test_arrays_of_whole_rows_are_not_copied(order):
    pixels = np.arange(5 * 3 * 4 * 2, dtype=np.uint8).reshape(5, 3, 4, 2)
    if order != "C":
        pixels = pixels.transpose(0, 3, 1, 2)
    pixels.flags.writeable = False
    held = Tensors({"m": {"pixels": pixels}})
    assert held.inputs["m"]["pixels"].data_ptr() == pixels.ctypes.data
    batch = held.batch(torch.tensor([4, 0]))[0]["inputs"]["m"]["pixels"]
    assert batch.dtype is torch.uint8
    np.testing.assert_array_equal(batch.numpy(), pixels[[4, 0]])


@pytest.mark.parametrize("step", [-1, 2])
def test_other_strides_are_understood(step):
    rows = np.arange(12.0).reshape(4, 3)
    for values in (rows[::step], rows[:, ::step], np.asfortranarray(rows)):
        held = Tensors({"m": {"x": values}}, dtype=torch.float64)
        np.testing.assert_array_equal(held.inputs["m"]["x"].numpy(), values)


# -- prediction -----------------------------------------------------------------------


def test_media_by_batch_and_row_by_row(emoji_small):
    X, y = emoji_small
    clf = classifier(fusion="feature").fit(X, y)
    whole = clf.predict_proba(X[:40])
    single = np.vstack([clf.predict_proba(X.iloc[[i]]) for i in range(40)])
    np.testing.assert_allclose(whole, single, rtol=1e-5)


def test_numbers_by_batch_and_row_by_row():
    X = np.random.default_rng(0).standard_normal((60, 5))
    clf = FusionClassifier(random_state=0, training=Training(max_epochs=3)).fit(
        X, X[:, 0] > 0
    )
    whole = clf.predict_proba(X)
    single = np.vstack([clf.predict_proba(X[[i]]) for i in range(60)])
    assert whole.dtype == np.float64
    np.testing.assert_allclose(whole, single, rtol=1e-7)


def test_the_order_of_ragged_rows_is_kept():
    rng = np.random.default_rng(0)
    series = [rng.standard_normal((n, 2)) for n in rng.integers(1, 30, 80)]
    X = pd.DataFrame({"series": series})
    y = np.array([len(row) > 15 for row in series])
    clf = FusionClassifier(
        [("series", SequenceEncoder(out_features=8))], training=Training(max_epochs=2)
    )
    clf.fit(X, y)
    shuffled = rng.permutation(80)
    np.testing.assert_allclose(
        clf.predict_proba(X)[shuffled],
        clf.predict_proba(X.iloc[shuffled]),
        rtol=1e-5,
    )


# -- callbacks ------------------------------------------------------------------------


class Batches(Callback):
    """Takes note of the batches and changes nothing."""

    def on_train_begin(self, net, **kwargs):
        self.sizes_ = []

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        self.sizes_.append((training, len(batch[1])))


def states(clf):
    return {k: v.numpy() for k, v in clf.net_.module_.state_dict().items()}


def assert_same_net(one, other):
    one, other = states(one), states(other)
    assert one.keys() == other.keys()
    for key, value in one.items():
        np.testing.assert_array_equal(value, other[key], err_msg=key)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_batch_callbacks_get_batches_and_change_nothing(emoji_small, early_stopping):
    X, y = emoji_small
    params = {"early_stopping": early_stopping, "validation_fraction": 0.2}
    lean = classifier(**params).fit(X, y)
    hooked = classifier(**params, callbacks=[("batches", Batches())]).fit(X, y)
    sizes = dict(hooked.net_.callbacks_)["batches"].sizes_
    n_train = 160 if early_stopping else 200
    assert sum(n for training, n in sizes if training) == 3 * n_train
    assert sum(n for training, n in sizes if not training) == 3 * (200 - n_train)
    assert_same_net(lean, hooked)
    assert not lean.net_.history[-1]["batches"]  # nobody asks for them
    for key in ["train_loss"] + ["valid_loss"] * early_stopping:
        np.testing.assert_array_equal(lean.history_[key], hooked.history_[key])


def test_epoch_scoring(emoji_small):
    X, y = emoji_small
    scoring = EpochScoring("accuracy", lower_is_better=False, name="valid_acc")
    clf = classifier(callbacks=[scoring], early_stopping=True, validation_fraction=0.5)
    clf.fit(X, y)
    held_out = validation_rows(clf, X, y)
    best = clf.history_["valid_loss"].idxmin()
    assert clf.score(X.iloc[held_out], y.iloc[held_out]) == pytest.approx(
        clf.history_["valid_acc"][best]
    )


def test_epoch_scoring_of_training_rows_is_of_the_scores_they_were_trained_by(
    emoji_small,
):
    X, y = emoji_small
    scoring = EpochScoring("neg_log_loss", on_train=True, name="train_score")
    clf = classifier(callbacks=[scoring], aux_weight=0.0).fit(X, y)
    losses = -clf.history_["train_score"]
    np.testing.assert_allclose(losses, clf.history_["train_loss"], rtol=1e-4)


def validation_rows(clf, X, y):
    """Return the rows that a fit of `clf` holds out for early stopping."""
    problem = clf._problem(X, y, None, None)[1]
    return validation_split(problem)[1]


def test_learning_rate_schedule_of_the_user(emoji_small):
    schedule = LRScheduler("StepLR", step_size=1, gamma=0.1, event_name="lr")
    clf = classifier(callbacks=[schedule], lr=0.01).fit(*emoji_small)
    np.testing.assert_allclose(clf.history_["lr"], [0.01, 0.001, 0.0001])


def test_checkpoint_and_clipping(emoji_small, tmp_path):
    callbacks = [Checkpoint(dirname=tmp_path), GradientNormClipping(1.0)]
    clf = classifier(callbacks=callbacks, early_stopping=True).fit(*emoji_small)
    saved = torch.load(tmp_path / "params.pt", weights_only=True)
    for key, value in states(clf).items():  # both keep the best epoch
        np.testing.assert_array_equal(value, saved[key].numpy())
    assert np.isfinite(clf.history_["train_loss"]).all()


def test_callbacks_given_are_not_changed(emoji_small):
    given = Batches()
    classifier(callbacks=[given]).fit(*emoji_small)
    assert vars(given) == {}


# -- the end of training --------------------------------------------------------------


class At(Callback):
    """Does something at the end of one epoch."""

    def __init__(self, epoch, act):
        self.epoch, self.act = epoch, act

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            self.act(net)


class InBatch(Callback):
    """Sends Ctrl-C in a batch of the given epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_begin(self, net, training=False, **kwargs):
        if training and len(net.history) == self.epoch:
            interrupt(net)


def interrupt(net):
    signal.raise_signal(signal.SIGINT)


@pytest.fixture
def sigint():
    """The handler that Python installs, whatever the test runner did."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("callback", [At(2, interrupt), InBatch(3)])
def test_ctrl_c_propagates_and_leaves_a_usable_estimator(emoji_small, sigint, callback):
    X, y = emoji_small
    params = {"max_epochs": 6, "lr_schedule": "constant", "early_stopping": True}
    clf = classifier(callbacks=[callback], **params)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y)
    assert clf.predict_proba(X).shape == (200, len(clf.classes_))
    finished = classifier(**params | {"max_epochs": 2}).fit(X, y)
    losses = clf.history_["valid_loss"].dropna()
    assert losses.tolist() == finished.history_["valid_loss"].tolist()
    assert_same_net(clf, finished)  # the best weights of both epochs


def test_ctrl_c_in_the_first_epoch_leaves_the_estimator_unfitted(emoji_small, sigint):
    clf = classifier(callbacks=[InBatch(1)])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*emoji_small)
    assert not hasattr(clf, "fusion_")


def test_early_stopping_of_skorch_ends_training(emoji_small):
    stop = EarlyStopping("train_loss", patience=2, threshold=10.0)
    clf = classifier(callbacks=[stop], max_epochs=20).fit(*emoji_small)
    assert clf.n_iter_ < 20
    assert clf.predict(emoji_small[0]).shape == (200,)


def test_early_stopping_restores_the_best_weights(emoji_small):
    X, y = emoji_small

    def spoil(net):
        with torch.no_grad():
            for parameter in net.module_.parameters():
                parameter.add_(torch.randn_like(parameter))

    spoiled = classifier(
        callbacks=[At(3, spoil)],
        max_epochs=4,
        lr_schedule="constant",
        early_stopping=True,
    ).fit(X, y)
    losses = spoiled.history_["valid_loss"]
    assert losses[3] > losses[:3].min()
    best = int(losses.idxmin()) + 1
    short = classifier(
        max_epochs=best, lr_schedule="constant", early_stopping=True
    ).fit(X, y)
    assert_same_net(spoiled, short)


# -- global state and seeds -----------------------------------------------------------


def test_threads_are_a_context():
    before = torch.get_num_threads()
    with threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with pytest.raises(ZeroDivisionError), threads(before + 1):
        raise ZeroDivisionError
    assert torch.get_num_threads() == before
    with threads(None):
        assert torch.get_num_threads() == before


@pytest.mark.parametrize("fusion", ["parallel", "decision", FeatureFusion()])
def test_global_state_is_left_alone(emoji_small, fusion):
    X, y = emoji_small
    rngs = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    classifier(fusion=fusion, max_epochs=1).fit(X, y).predict(X)
    assert torch.equal(rngs[0], torch.get_rng_state())
    np.testing.assert_array_equal(rngs[1], np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
def test_training_is_the_same_where_the_caller_wants_no_gradients(emoji_small, mode):
    X, y = emoji_small
    plain = classifier(max_epochs=1).fit(X, y).partial_fit(X, y)
    with mode():
        before = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
        inside = classifier(max_epochs=1).fit(X, y).partial_fit(X, y)
        assert before == (torch.is_inference_mode_enabled(), torch.is_grad_enabled())
    np.testing.assert_array_equal(inside.predict_proba(X), plain.predict_proba(X))


def test_threads_of_a_fit(emoji_small):
    seen, before = [], torch.get_num_threads()
    look = At(1, lambda net: seen.append(torch.get_num_threads()))
    with threads(before + 1):
        classifier(callbacks=[look], max_epochs=1, n_threads=1).fit(*emoji_small)
        assert torch.get_num_threads() == before + 1
    assert seen == [1]


def test_seeds(emoji_small):
    X, y = emoji_small
    one, same, other = (
        classifier(random_state=seed).fit(X, y).predict_proba(X) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-4
