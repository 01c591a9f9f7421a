"""Cells of every kind, good and bad."""

import io
import pickle

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skmultimodal.data import _sounds
from skmultimodal.data._cells import (
    CellError,
    decode_audio,
    decode_cells,
    decode_image,
    is_missing,
    present_mask,
    resize_image,
    to_channels,
)

RGB = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def _png(image):
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (RGB, RGB),
        (RGB[:, :, 0], RGB[:, :, :1]),
        (RGB.astype(np.int64), RGB),
        (RGB > 4, (RGB > 4) * np.uint8(255)),
        (RGB.tolist(), RGB),
        (np.full((2, 2), 257 * 7, dtype=np.uint16), np.full((2, 2, 1), 7, np.float32)),
        (RGB / 255, (RGB / 255).astype(np.float32)),
        (Image.fromarray(RGB), RGB),
        (_png(Image.fromarray(RGB)), RGB),
        (bytearray(_png(Image.fromarray(RGB))), RGB),
        (Image.fromarray(RGB[:, :, 0] > 5), ((RGB > 5) * np.uint8(255))[:, :, :1]),
        (
            _png(Image.fromarray(np.full((2, 2), 514, dtype=np.uint16))),
            np.full((2, 2, 1), 2, np.float32),
        ),
    ],
    ids=[
        "uint8", "grey", "int64", "bool", "list", "uint16", "float", "pil", "bytes",
        "bytearray", "one bit", "16 bit file",
    ],
)  # fmt: skip
def test_decode_image(cell, expected):
    image = decode_image(cell)
    assert image.dtype == expected.dtype
    np.testing.assert_array_equal(image, expected)


def test_palette_and_alpha_modes_become_colours():
    palette = Image.fromarray(RGB).quantize(colors=16)
    np.testing.assert_array_equal(decode_image(palette).shape, (2, 3, 3))
    palette.info["transparency"] = 0
    assert decode_image(palette).shape == (2, 3, 4)
    grey_alpha = Image.fromarray(np.full((2, 2, 2), 9, dtype=np.uint8), mode="LA")
    np.testing.assert_array_equal(decode_image(grey_alpha), np.full((2, 2, 4), 9))
    assert decode_image(Image.fromarray(RGB).convert("CMYK")).shape == (2, 3, 3)


def test_exif_orientation_is_applied():
    picture = Image.fromarray(np.zeros((2, 5, 3), dtype=np.uint8))
    exif = picture.getexif()
    exif[0x0112] = 6  # turned by a quarter
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", exif=exif)
    assert decode_image(buffer.getvalue()).shape == (5, 2, 3)


def test_paths_are_relative_to_root(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    np.testing.assert_array_equal(decode_image("a.png", root=tmp_path), RGB)
    np.testing.assert_array_equal(decode_image(tmp_path / "a.png"), RGB)


@pytest.mark.parametrize(
    ("cell", "error", "match"),
    [
        (np.zeros((4, 4, 2)), ValueError, r"1, 3 or 4 channels, got \(4, 4, 2\)"),
        (np.zeros(4), ValueError, r"got \(4,\)"),
        (np.zeros((0, 4)), ValueError, r"got \(0, 4, 1\)"),
        (np.array([[0, 300]]), ValueError, r"0\.\.255, got 0\.\.300"),
        (np.array([[0.0, np.nan]]), ValueError, "finite pixels"),
        (np.array([["a"]]), TypeError, "numeric pixels"),
        (3, TypeError, "got int"),
        (b"no image", OSError, "cannot identify"),
        (_png(Image.fromarray(np.tile(RGB, (50, 50, 1))))[:-40], OSError, "."),
        ("absent.png", OSError, "absent.png"),
    ],
)
def test_bad_image(cell, error, match):
    with pytest.raises(error, match=match):
        decode_image(cell)


def test_resize_averages_and_keeps_dtype():
    image = np.zeros((4, 4, 3), dtype=np.uint8)
    image[:, ::2] = 200
    small = resize_image(image, (2, 1))
    assert small.shape == (2, 1, 3)
    assert small.dtype == np.uint8
    np.testing.assert_array_equal(small, 100)
    as_float = resize_image(image.astype(np.float32), (2, 1))
    np.testing.assert_allclose(as_float, 100)
    assert resize_image(image, (4, 4)) is image
    assert resize_image(image[:, :, :1], (8, 2)).shape == (8, 2, 1)


def test_to_channels():
    pixel = np.array([[[100, 50, 200]]], dtype=np.uint8)
    assert to_channels(pixel, 1).item() == round(29.9 + 29.35 + 22.8)
    half = np.array([[[100, 50, 200, 51]]], dtype=np.uint8)  # alpha 0.2 over white
    np.testing.assert_array_equal(to_channels(half, 3).ravel(), [224, 214, 244])
    unit = np.array([[[0.5, 0.5, 0.5, 0.5]]], dtype=np.float32)
    np.testing.assert_allclose(to_channels(unit, 1).ravel(), [0.75])
    np.testing.assert_array_equal(to_channels(pixel, 4).ravel(), [100, 50, 200, 255])
    np.testing.assert_array_equal(
        to_channels(np.full((1, 1, 1), 7, np.uint8), 3).ravel(), [7, 7, 7]
    )
    with pytest.raises(ValueError, match="Got 2 instead"):
        to_channels(pixel, 2)


def _wav(samples, rate=8000):
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


PCM = np.array([0, 16384, -32768], dtype=np.int16)


@pytest.mark.parametrize(
    "cell",
    [
        PCM,
        PCM / 32768,
        (PCM, 8000),
        PCM.astype(np.int32) * 65536,
        np.column_stack([PCM / 32768, PCM / 32768]),
        _wav(PCM),
        np.array([128, 192, 0], dtype=np.uint8),
    ],
    ids=["int16", "float", "pair", "int32", "stereo", "wav", "uint8"],
)
def test_decode_audio(cell):
    waveform, rate = decode_audio(cell, sampling_rate=8000)
    assert rate == 8000
    assert waveform.dtype == np.float32
    np.testing.assert_allclose(waveform, [0, 0.5, -1], atol=1e-4)


def test_audio_file_keeps_or_changes_its_rate(tmp_path):
    path = tmp_path / "tone.wav"
    path.write_bytes(_wav(np.zeros(1600), 16000))
    assert decode_audio("tone.wav", root=tmp_path)[1] == 16000
    waveform, rate = decode_audio(path, sampling_rate=8000)
    assert waveform.shape == (800,)
    assert rate == 8000


@pytest.mark.parametrize(
    ("cell", "error", "match"),
    [
        (np.zeros((2, 100)), ValueError, "transpose it"),
        (np.zeros((2, 2, 2)), ValueError, r"got \(2, 2, 2\)"),
        (np.zeros(0), ValueError, r"got \(0,\)"),
        (np.array([0.0, np.inf]), ValueError, "finite samples"),
        (np.zeros(3, dtype=np.int64), TypeError, "int64"),
        ((np.zeros(3), 0), ValueError, "positive whole sampling rate, got 0"),
        ((np.zeros(3), 0.5), ValueError, "positive whole sampling rate, got 0.5"),
        ((np.zeros(3), np.nan), ValueError, "positive whole sampling rate, got nan"),
        ((np.zeros(3), np.inf), ValueError, "positive whole sampling rate, got inf"),
        ((np.zeros(3), "8k"), TypeError, "rate in hertz, got '8k'"),
        ((np.zeros(3), 2**31 - 1), ValueError, "from 100 to 1,000,000 Hz .* got 2,147"),
        ((np.zeros(200), 1), ValueError, "from 100 to 1,000,000 Hz .* got 1;"),
        (_wav(np.zeros(200), 1), ValueError, "from 100 to 1,000,000 Hz .* got 1;"),
        ((8000, np.zeros(3)), ValueError, r"expected \(array, rate\), got \(rate"),
        (b"no sound", OSError, "not a readable sound"),
        ("absent.wav", OSError, r"absent\.wav"),
        (3, TypeError, "got int"),
    ],
)
def test_bad_audio(cell, error, match):
    with pytest.raises(error, match=match):
        decode_audio(cell, sampling_rate=8000)


def test_a_sound_has_a_greatest_length(monkeypatch):
    monkeypatch.setattr(_sounds, "MAX_SAMPLES", 4000)
    whole = (np.zeros(500), 1000)
    assert len(decode_audio(whole, 8000)[0]) == 4000
    assert len(decode_audio(_wav(np.zeros((2000, 2))), 8000)[0]) == 2000
    longer = {
        "4,008 from 1,000 to 8,000 Hz": (np.zeros(501), 1000),
        "4,001;": _wav(np.zeros(4001)),
        "4,002;": _wav(np.zeros((2001, 2))),
    }
    for match, cell in longer.items():
        with pytest.raises(ValueError, match=f"at most 4,000 samples, got {match}"):
            decode_audio(cell, 8000)
    assert len(decode_audio(np.zeros(5000), 8000)[0]) == 5000  # is in memory already


def test_bare_array_needs_a_rate():
    with pytest.raises(ValueError, match="sampling rate"):
        decode_audio(PCM)


@pytest.mark.parametrize("rate", [44100, 43997, 655360, 399989])
def test_resample_keeps_a_tone(rate):
    time = np.arange(rate // 10) / rate
    out = _sounds.resample(
        np.sin(2 * np.pi * 440 * time).astype(np.float32), rate, 8000
    )
    expected = np.sin(2 * np.pi * 440 * np.arange(800) / 8000)
    assert out.shape == (800,)
    np.testing.assert_allclose(out[50:-50], expected[50:-50], atol=0.01)


@pytest.mark.parametrize(
    ("cell", "missing"),
    [
        (None, True), (np.nan, True), (pd.NaT, True), (pd.NA, True),
        (np.float32("nan"), True), (np.datetime64("NaT"), True),
        (np.zeros(0), True), (np.full((2, 2), np.nan), True), ([], True),
        ((np.full(3, np.nan), 8000), True), ([np.nan, None], True),
        ("", False), (b"", False), (0.0, False), (0, False), (np.zeros(2), False),
        (np.array([np.nan, 1.0]), False), (np.array([np.nan, 1.0])[::-1], False),
        (Image.fromarray(RGB), False), ((np.zeros(3), 8000), False), ([1, 2], False),
    ],
)  # fmt: skip
def test_is_missing(cell, missing):
    assert is_missing(cell) is missing
    cells = np.empty(1, dtype=object)
    cells[0] = cell
    assert present_mask(cells).tolist() == [not missing]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (np.array([[np.nan, np.nan], [np.nan, 1], [1, np.nan]]), [False, True, True]),
        (np.zeros((2, 3, 3), dtype=np.uint8), [True, True]),
        (np.zeros((0, 3)), []),
        (np.array([1.0, np.nan]), [True, False]),
        (pd.Series(["", None, "a"], dtype="str"), [True, False, True]),
        (pd.Series([1, None], dtype="Int64"), [True, False]),
        (pd.Series([np.zeros(2), None]), [True, False]),
        (pd.DataFrame({"a": [1, None, None], "b": ["x", "y", None]}), [1, 1, 0]),
        (np.array([["a", None], [None, None]], dtype=object), [True, False]),
        (["a", None], [True, False]),
    ],
)
def test_present_mask(cells, expected):
    mask = present_mask(cells)
    assert mask.dtype == bool
    assert mask.tolist() == expected


def test_decode_cells_names_modality_row_file_and_reason(tmp_path):
    (tmp_path / "x.png").write_bytes(b"no image")
    cells = [RGB, str(tmp_path / "x.png")]
    with pytest.raises(CellError, match=r"Modality 'image', row 'b': .*x\.png"):
        decode_cells(cells, decode_image, modality="image", labels=["a", "b"])
    decoded = decode_cells(
        cells, decode_image, modality="image", labels=["a", "b"], on_error="missing"
    )
    np.testing.assert_array_equal(decoded[0], RGB)
    assert decoded[1] is None


def test_decode_cells_adds_the_file_where_the_reason_lacks_it():
    def refuse(cell):
        raise ValueError("expected more")

    with pytest.raises(CellError, match=r"row 3: expected more \(file 'y\.png'\)$"):
        decode_cells(["y.png"], refuse, modality="image", labels=[3])


def test_decode_cells_takes_row_labels_from_the_index():
    with pytest.raises(CellError, match=r"^row 'b': "):
        decode_cells(pd.Series(["1", "x"], index=["a", "b"]), int)
    with pytest.raises(CellError, match=r"^row 1: "):
        decode_cells(["1", "x"], int)


def test_decode_cells_lets_defects_through():
    with pytest.raises(ZeroDivisionError):
        decode_cells([0], lambda cell: 1 / cell, modality="count", labels=[0])


def test_cell_error_survives_pickling():
    error = pickle.loads(pickle.dumps(CellError("image", 3, "expected more")))
    assert str(error) == "Modality 'image', row 3: expected more"
