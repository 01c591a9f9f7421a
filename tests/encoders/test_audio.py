"""Sound: the log-mel spectrogram against numpy, stacking, any cell."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from skmultimodal import AudioEncoder
from skmultimodal.data._containers import Ragged
from skmultimodal.data._sounds import mel_filters
from skmultimodal.encoders._audio import FLOOR, NOISE, _augment, _stack, log_mel
from skmultimodal.training._net import seeded


def noise(n, seed=0):
    return np.random.default_rng(seed).normal(size=n).astype(np.float32) / 10


def test_log_mel_equals_numpy():
    waveform, window, hop = noise(1000), 200, 80
    filters = mel_filters(256, 40, 8000)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    hann = np.pad(hann, 28)  # centred in 256 samples
    expected = []
    for start in range(0, 1000 - 256 + 1, hop):
        spectrum = np.fft.rfft(waveform[start : start + 256] * hann)
        expected.append(np.log(np.maximum(np.abs(spectrum) ** 2 @ filters, FLOOR)))
    got = log_mel(waveform, filters, window, hop)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_mel_filters_are_triangles_even_in_mel():
    filters = mel_filters(2048, 20, 16000)
    assert filters.shape == (1025, 20)
    mel = 2595 * np.log10(1 + np.linspace(0, 8000, 1025) / 700)
    peaks = mel[filters.argmax(axis=0)]
    step = 2595 * np.log10(1 + 8000 / 700) / 21
    np.testing.assert_allclose(np.diff(peaks), step, atol=step / 8)
    inside = (mel > step) & (mel < mel[-1] - step)
    np.testing.assert_allclose(filters.sum(axis=1)[inside], 1, atol=1e-5)


def test_a_tone_lights_the_filter_of_its_frequency():
    time = np.arange(8000) / 8000
    tone = np.sin(2 * np.pi * 1000 * time)
    encoder = AudioEncoder(frames_per_step=1).fit([noise(8000)])
    energies = log_mel(tone, encoder.filters_, encoder.window_, encoder.hop_)
    frequencies = np.linspace(0, 4000, len(encoder.filters_))
    loudest = frequencies[encoder.filters_[:, energies.mean(0).argmax()].argmax()]
    assert abs(loudest - 1000) < 60


def test_bands_are_standardised_over_the_training_frames():
    waves = [noise(4000, seed) for seed in range(3)]
    encoder = AudioEncoder(frames_per_step=1).fit(waves)
    steps = encoder.transform(waves)["steps"].values
    np.testing.assert_allclose(steps.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(steps.std(axis=0), 1, atol=1e-4)


def test_frames_are_stacked_row_by_row():
    frames = Ragged(np.arange(12.0).reshape(6, 2), [0, 3, 3, 6])
    stacked = _stack(frames, 2)
    assert stacked.lengths.tolist() == [2, 0, 2]
    np.testing.assert_array_equal(stacked[0], [[0, 1, 2, 3], [4, 5, 0, 0]])
    np.testing.assert_array_equal(stacked[2], [[6, 7, 8, 9], [10, 11, 0, 0]])
    assert _stack(frames, 1).values is not frames.values
    np.testing.assert_array_equal(_stack(frames, 1).values, frames.values)


@pytest.mark.parametrize("n_samples", [1, 8, 255, 256, 8000, 80_000])
def test_any_duration_has_a_step(n_samples):
    encoder = AudioEncoder().fit([noise(4000)])
    steps = encoder.transform([noise(n_samples)])["steps"]
    assert steps.lengths[0] >= 1
    assert np.isfinite(steps.values).all()


def test_silence_is_finite():
    encoder = AudioEncoder().fit([np.zeros(4000)])
    assert np.isfinite(encoder.transform([np.zeros(4000)])["steps"].values).all()


def test_one_column_mixes_arrays_pairs_bytes_and_paths(tmp_path):
    wave = noise(4000)
    path = tmp_path / "a.wav"
    soundfile.write(path, wave, 8000, subtype="FLOAT")
    cells = [wave, (wave, 8000), np.stack([wave, wave], 1), path.read_bytes(), "a.wav"]
    encoder = AudioEncoder(root=tmp_path).fit(cells)
    steps = encoder.transform(cells)["steps"]
    for row in range(1, len(cells)):
        np.testing.assert_allclose(steps[row], steps[0], atol=1e-4)


def test_other_rates_are_resampled():
    time = np.arange(44100) / 44100
    tone = np.sin(2 * np.pi * 500 * time)
    encoder = AudioEncoder().fit([noise(8000)])
    steps = encoder.transform([(tone, 44100), tone[::5] * 0 + 0.1])["steps"]
    assert steps.lengths[0] == encoder.transform([noise(8000)])["steps"].lengths[0]


def test_bad_cell_names_its_row():
    cells = pd.Series([noise(400), "no.wav"], index=["p", "q"])
    with pytest.raises(ValueError, match=r"row 'q': .*no\.wav"):
        AudioEncoder().fit(cells)


def test_unknown_cell_is_an_error():
    with pytest.raises(ValueError, match="'cell' parameter of AudioEncoder"):
        AudioEncoder(cell="rnn").fit([noise(400)])


def test_light_augmentation_shifts_and_adds_noise():
    n, n_steps, lengths = 400, 40, torch.tensor([40, 20] * 200)
    ramp = torch.arange(1.0, n_steps + 1)[None, :, None].expand(n, -1, 6).clone()
    ramp[1::2, 20:] = 0
    with seeded(0):
        out = _augment(ramp, lengths, 3, strong=False)
    assert (out[1::2, 20:] == 0).all()  # the padding stays
    inside = out.abs() > 0.5
    moved = (
        (out - ramp)[:, 10].median(dim=1).values
    )  # a step is one higher than the last
    for rows, most in ((slice(0, None, 2), 4), (slice(1, None, 2), 2)):
        shifts = moved[rows].round().unique().tolist()
        assert shifts == list(range(-most, most + 1))
    rest = (out - out.round())[inside]
    assert abs(rest.std() - NOISE) < 0.02


def test_strong_augmentation_masks_one_block_of_bands_and_one_of_time():
    steps = torch.full((500, 30, 20), 5.0)  # two frames of 10 bands
    with seeded(0):
        out = _augment(steps, torch.full((500,), 30), 10, strong=True)
    zero = out == 0
    bands = zero.all(dim=1).unflatten(1, (2, 10))
    torch.testing.assert_close(bands[:, 0], bands[:, 1])
    counts = bands[:, 0].sum(dim=1)
    assert counts.max() <= 3  # a block of 2 places touches at most 3
    assert 0.5 < counts.float().mean() < 1.5
    times = zero.all(dim=2).sum(dim=1)
    assert times.max() <= 7 + 3  # masked and shifted in
    assert times.float().mean() > 2


@pytest.mark.parametrize("augment", ["light", "strong"])
def test_augmentation_is_off_at_prediction_and_under_the_seed(augment):
    encoder = AudioEncoder(augment=augment).fit([noise(4000)])
    with seeded(0):
        module = encoder.build()
    plain = AudioEncoder().fit([noise(4000)]).build()
    plain.load_state_dict(module.state_dict())
    steps = torch.from_numpy(encoder.transform([noise(4000)])["steps"].values)[None]
    lengths = torch.tensor([steps.shape[1]])
    torch.testing.assert_close(
        module.eval()(steps, lengths), plain.eval()(steps, lengths)
    )
    outputs = []
    for seed in (0, 0, 1):
        with seeded(seed):
            outputs.append(module.train()(steps, lengths))
    torch.testing.assert_close(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2])
    with pytest.raises(ValueError, match="'augment' parameter of AudioEncoder"):
        AudioEncoder(augment="all").fit([noise(400)])
