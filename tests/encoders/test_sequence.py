"""Series: standardisation, gaps, errors."""

import numpy as np
import pandas as pd
import pytest

from skmultimodal import SequenceEncoder


def test_channels_are_standardised_over_all_steps():
    series = [np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[8.0, 5.0]])]
    encoder = SequenceEncoder().fit(series)
    assert encoder.mean_ == pytest.approx([4.0, 5.0])
    assert encoder.scale_ == pytest.approx([np.sqrt(26 / 3), 1.0])
    steps = encoder.transform(series)["steps"]
    assert steps.lengths.tolist() == [2, 1]
    assert steps.values.dtype == np.float32
    np.testing.assert_allclose(steps[1], [[4 / np.sqrt(26 / 3), 0]], rtol=1e-6)


def test_gap_becomes_the_mean_and_is_marked():
    series = [np.array([[1.0, 0.0], [np.nan, 1.0], [3.0, 2.0]])]
    encoder = SequenceEncoder().fit(series)
    steps = encoder.transform(series)["steps"].values
    assert steps.shape == (3, 3)  # one more channel, for the gaps of the first
    np.testing.assert_allclose(steps[:, 0], [-1, 0, 1])
    np.testing.assert_allclose(steps[:, 2], [0, 1, 0])


def test_gap_in_a_channel_that_had_none_is_the_mean():
    encoder = SequenceEncoder().fit([np.array([[1.0], [3.0]])])
    steps = encoder.transform([np.array([[np.nan], [3.0]])])["steps"].values
    np.testing.assert_allclose(steps, [[0], [1]])


@pytest.mark.filterwarnings("error")
def test_channel_of_gaps_only_is_harmless():
    series = [np.array([[1.0, np.nan], [3.0, np.nan]])]
    steps = SequenceEncoder().fit(series).transform(series)["steps"].values
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
        (np.full((4, 3), np.inf), "row 'q': .*infinity"),
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
