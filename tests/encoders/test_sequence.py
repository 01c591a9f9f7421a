"""Series: standardisation, gaps, errors."""

import numpy as np
import pandas as pd
import pytest
import torch

from skmultimodal import SequenceEncoder


def standardised(encoder, series):
    """Return the steps that the cell reads, all rows one after the other."""
    steps = encoder.transform(series)["steps"].values
    return encoder.build().standardised(torch.from_numpy(steps)).numpy()


def test_channels_are_standardised_over_all_steps():
    series = [np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[8.0, 5.0]])]
    encoder = SequenceEncoder().fit(series)
    assert encoder.mean_ == pytest.approx([4.0, 5.0])
    assert encoder.scale_ == pytest.approx([np.sqrt(26 / 3), 1.0])
    steps = encoder.transform(series)["steps"]
    assert steps.lengths.tolist() == [2, 1]
    assert steps.values.dtype == np.float32
    expected = np.array([[-3, 0], [-1, 0], [4, 0]]) / np.sqrt(26 / 3)
    np.testing.assert_allclose(standardised(encoder, series), expected, rtol=1e-6)


def test_moments_over_many_parts(monkeypatch):
    monkeypatch.setattr("skmultimodal.encoders._sequence.PART", 7)
    block = np.random.default_rng(0).normal([3, -1], [2, 5], (9, 4, 2))
    block[2, 1, 0] = np.nan
    encoder = SequenceEncoder().fit(block)
    np.testing.assert_allclose(encoder.mean_, np.nanmean(block, axis=(0, 1)))
    np.testing.assert_allclose(encoder.scale_, np.nanstd(block, axis=(0, 1)))
    assert encoder.gaps_.tolist() == [0]


def test_small_changes_far_from_zero_survive_float32():
    times = 1.7e9 + np.arange(20.0).reshape(2, 10, 1)
    steps = standardised(SequenceEncoder().fit(times), times)
    np.testing.assert_allclose(np.diff(steps[:, 0]), 1 / np.arange(20).std(), rtol=1e-5)


def test_a_block_of_float32_is_not_copied(tmp_path):
    block = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", "f4", (6, 5, 2))
    block[:] = np.random.default_rng(0).standard_normal(block.shape)
    encoder = SequenceEncoder().fit(block)
    steps = encoder.transform(block)["steps"]
    assert np.shares_memory(steps.values, block)
    ragged = encoder.transform([row.astype(float) for row in block])["steps"]
    np.testing.assert_array_equal(steps.values, ragged.values)
    np.testing.assert_array_equal(steps.offsets, ragged.offsets)
    block[4, 2, 1] = np.inf
    with pytest.raises(ValueError, match=r"row 4: .*channel 1 is infinite"):
        encoder.transform(block)


def test_gap_becomes_the_mean_and_is_marked():
    series = [np.array([[1.0, 0.0], [np.nan, 1.0], [3.0, 2.0]])]
    steps = standardised(SequenceEncoder().fit(series), series)
    assert steps.shape == (3, 3)  # one more channel, for the gaps of the first
    np.testing.assert_allclose(steps[:, 0], [-1, 0, 1])
    np.testing.assert_allclose(steps[:, 2], [0, 1, 0])


def test_gap_in_a_channel_that_had_none_is_the_mean():
    encoder = SequenceEncoder().fit([np.array([[1.0], [3.0]])])
    steps = standardised(encoder, [np.array([[np.nan], [3.0]])])
    np.testing.assert_allclose(steps, [[0], [1]])


@pytest.mark.filterwarnings("error")
def test_channel_of_gaps_only_is_harmless():
    series = [np.array([[1.0, np.nan], [3.0, np.nan]])]
    steps = standardised(SequenceEncoder().fit(series), series)
    np.testing.assert_allclose(steps, [[-1, 0, 1], [1, 0, 1]])


def test_plain_vectors_and_blocks_are_series():
    assert SequenceEncoder().fit([[1, 2, 3], [4, 5]]).n_channels_ == 1
    block = np.arange(24).reshape(2, 4, 3)
    encoder = SequenceEncoder().fit(block)
    assert encoder.transform(block)["steps"].lengths.tolist() == [4, 4]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((4, 2)), r"row 'q': expected a series of 3 channels.*\(4, 2\)"),
        (np.full((4, 3), np.inf), "row 'q': .*infinite"),
        (np.zeros((2, 2, 2)), r"row 'q': .*\(time, channel\).*\(2, 2, 2\)"),
        ("abc", "row 'q'"),
    ],
)
def test_bad_series_names_its_row(bad, message):
    cells = pd.Series([np.zeros((5, 3)), bad], index=["p", "q"])
    with pytest.raises(ValueError, match=message):
        SequenceEncoder().fit(cells)


def test_unknown_cell_is_an_error():
    with pytest.raises(ValueError, match="'cell' parameter of SequenceEncoder"):
        SequenceEncoder("rnn").fit([np.zeros((2, 1))])
