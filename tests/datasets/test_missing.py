"""Simulated absence has the rate asked for and depends on what it says."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from skmultimodal import MultimodalData
from skmultimodal.data._cells import present_mask
from skmultimodal.datasets import drop_modalities

N = 2000


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "a": rng.normal(size=N),
            "b": rng.integers(0, 50, N),
            "image": list(rng.integers(0, 255, (N, 2, 2)).astype(np.uint8)),
            "text": ["x" * k for k in rng.integers(1, 400, N)],
        }
    )


def lost(X, name):
    return ~present_mask(X[name])


def assert_rate(absent, rate):
    """Five standard deviations of a binomial share."""
    tolerance = 5 * np.sqrt(rate * (1 - rate) / len(absent))
    assert abs(absent.mean() - rate) <= tolerance


@pytest.mark.parametrize("mechanism", ["mcar", "mar", "mnar"])
@pytest.mark.parametrize("rate", [0.05, 0.4, 0.9])
def test_rates(frame, mechanism, rate):
    out = drop_modalities(
        frame,
        {"b": rate, "image": rate, "text": rate},
        mechanism=mechanism,
        at_least_one=False,
        random_state=0,
    )
    assert not lost(out, "a").any()
    for name in ("b", "image", "text"):
        assert_rate(lost(out, name), rate)


def correlation(values, absent):
    return spearmanr(values, absent).statistic


def test_the_mechanisms_depend_on_what_they_say(frame):
    bright = frame["image"].map(np.mean)
    length = frame["text"].map(len)
    rates = {"image": 0.5, "text": 0.5}
    drop = {
        mechanism: drop_modalities(frame, rates, mechanism=mechanism, random_state=0)
        for mechanism in ("mcar", "mar", "mnar")
    }
    for name, own in (("image", bright), ("text", length)):
        found = {
            mechanism: (
                correlation(frame["a"], lost(X, name)),
                correlation(own, lost(X, name)),
            )
            for mechanism, X in drop.items()
        }
        assert max(np.abs(found["mcar"])) < 0.1
        assert found["mar"][0] > 0.5
        assert abs(found["mar"][1]) < 0.1
        assert abs(found["mnar"][0]) < 0.1
        assert found["mnar"][1] > 0.5


def test_the_probability_is_logistic_in_the_rank(frame):
    """Hand-computed: with rate one half the shift is zero, so odds are exp(2 z)."""
    X = frame[["a", "b"]]
    y = np.arange(N)
    many = np.mean(
        [
            lost(
                drop_modalities(
                    X, {"b": 0.5}, mechanism="mar", driver=y, random_state=seed
                ),
                "b",
            )
            for seed in range(200)
        ],
        axis=0,
    )
    z = ((y + 0.5) / N - 0.5) * np.sqrt(12)
    expected = 1 / (1 + np.exp(-2 * z))
    by_hundred = many.reshape(20, 100).mean(axis=1)
    np.testing.assert_allclose(
        by_hundred, expected.reshape(20, 100).mean(axis=1), atol=0.02
    )


def test_a_driver_by_name_keeps_its_cells(frame):
    out = drop_modalities(frame, 0.5, mechanism="mar", driver="b", random_state=0)
    assert not lost(out, "b").any()
    assert correlation(frame["b"], lost(out, "text")) > 0.5
    out = drop_modalities(frame, 0.5, mechanism="mar", random_state=0)
    assert not lost(out, "a").any()
    alone = {"columns": {"text": "text"}, "at_least_one": False, "random_state": 0}
    out = drop_modalities(frame, 0.5, mechanism="mar", driver="a", **alone)
    assert correlation(frame["a"], lost(out, "text")) > 0.5


def test_no_row_loses_everything_unless_asked(frame):
    out = drop_modalities(frame, 0.9, random_state=0)
    assert np.column_stack([present_mask(out[c]) for c in out]).any(axis=1).all()
    out = drop_modalities(frame, 1.0, at_least_one=False, random_state=0)
    assert not np.column_stack([present_mask(out[c]) for c in out]).any()
    np.testing.assert_array_equal(
        np.column_stack(
            [
                present_mask(v)
                for v in drop_modalities(frame, 1.0).to_dict("list").values()
            ]
        ).sum(axis=1),
        1,
    )


def test_a_table_is_lost_as_a_whole(frame):
    out = drop_modalities(
        frame, 0.4, columns={"table": ["a", "b"], "text": "text"}, random_state=0
    )
    np.testing.assert_array_equal(lost(out, "a"), lost(out, "b"))
    assert lost(out, "a").any()
    assert not lost(out, "image").any()


@pytest.mark.parametrize("wrap", [dict, MultimodalData])
def test_blocks(wrap):
    blocks = {
        "pixels": np.ones((N, 4, 4), dtype=np.uint8),
        "wave": np.ones((N, 9), dtype=np.float32),
        "count": np.arange(N),
        "word": np.array(["ab", "c"] * (N // 2)),
        "table": pd.DataFrame({"p": np.arange(N), "q": ["u", "v"] * (N // 2)}),
    }
    before = {name: value.copy() for name, value in blocks.items()}
    out = drop_modalities(wrap(blocks), 0.3, random_state=0)
    assert type(out) is wrap
    for name in blocks:
        assert_rate(lost(out, name), 0.3)
        pd.testing.assert_frame_equal(
            pd.DataFrame(before[name].reshape(N, -1))
            if isinstance(blocks[name], np.ndarray)
            else before[name],
            pd.DataFrame(blocks[name].reshape(N, -1))
            if isinstance(blocks[name], np.ndarray)
            else blocks[name],
        )
    kept = out["pixels"][~lost(out, "pixels")]
    assert kept[0].dtype == np.uint8
    assert out["wave"].dtype == np.float32


def test_x_stays_and_the_seed_repeats(frame):
    before = frame.copy()
    first, second = (drop_modalities(frame, 0.3, random_state=1) for _ in range(2))
    pd.testing.assert_frame_equal(frame, before)
    for name in frame:
        np.testing.assert_array_equal(lost(first, name), lost(second, name))
    first["a"] = 0.0
    pd.testing.assert_frame_equal(frame, before)


def test_what_is_absent_stays_absent(frame):
    holes = frame.assign(text=frame["text"].where(np.arange(N) % 2 == 0))
    out = drop_modalities(holes, {"text": 0.5}, mechanism="mnar", random_state=0)
    assert lost(out, "text")[1::2].all()
    assert_rate(lost(out, "text")[::2], 0.5)


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"rate": 1.5}, ValueError, r"'rate' of modality 'a' .*Got 1\.5"),
        ({"rate": {"txt": 0.5}}, ValueError, r"\['txt'\].*not among.*'text'"),
        ({"rate": 0.5, "mechanism": "no"}, ValueError, "'mechanism' .*'mnar'"),
        ({"rate": 0.5, "driver": "a"}, ValueError, "'driver' is for"),
        (
            {"rate": 0.5, "mechanism": "mar", "driver": [1, 2]},
            ValueError,
            "one value for each of the 2000 rows.*Got 2",
        ),
        (
            {"rate": 0.5, "columns": {"text": "txt"}},
            ValueError,
            "Did you mean 'text'",
        ),
    ],
)
def test_mistakes(frame, kwargs, error, match):
    with pytest.raises(error, match=match):
        drop_modalities(frame, **kwargs)


def test_an_array_has_no_names():
    with pytest.raises(TypeError, match=r"\{'name': X\}"):
        drop_modalities(np.zeros((3, 2)), 0.5)
