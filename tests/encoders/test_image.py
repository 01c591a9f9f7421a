"""Pictures: sizes, channels, statistics, augmentation, errors."""

import io

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from skmultimodal import ImageEncoder
from skmultimodal.encoders import _image


def picture(height, width, channels=3, dtype=np.uint8, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, size=(height, width, channels)).astype(dtype)


def test_statistics_are_those_of_the_training_pictures(emoji_small):
    images = np.stack(list(emoji_small[0].image[:50]))  # (n, height, width, channel)
    encoder = ImageEncoder().fit(emoji_small[0].image[:50])
    np.testing.assert_allclose(encoder.mean_, images.mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(encoder.std_, images.std(axis=(0, 1, 2)))


def test_pixels_stay_in_their_dtype_and_are_normalised_in_the_module():
    images = [picture(8, 8, seed=seed) for seed in range(4)]
    encoder = ImageEncoder().fit(images)
    pixels = encoder.transform(images)["pixels"]
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels[2], images[2].transpose(2, 0, 1))
    module = encoder.build().eval()
    seen = []
    module.stages.register_forward_pre_hook(lambda m, args: seen.append(args[0]))
    module(torch.from_numpy(pixels))
    values = seen[0].permute(1, 0, 2, 3).flatten(1)
    torch.testing.assert_close(values.mean(1), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        values.std(1, correction=0), torch.ones(3), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize(
    ("shapes", "size"),
    [
        ([(20, 30, 3), (20, 30, 3)], (20, 30)),
        ([(20, 30, 3), (30, 20, 3)], (64, 64)),
        ([(80, 80, 3), (80, 80, 3)], (64, 64)),
    ],
)
def test_auto_size_is_native_where_it_can_be(shapes, size):
    encoder = ImageEncoder().fit([picture(*shape) for shape in shapes])
    assert encoder.size_ == size


def test_auto_channels_are_one_only_if_all_are_grey():
    grey, colour = picture(9, 9, 1), picture(9, 9, 3)
    assert ImageEncoder().fit([grey, grey]).n_channels_ == 1
    assert ImageEncoder().fit([grey, colour]).n_channels_ == 3
    given = ImageEncoder(n_channels=1, size=(4, 6)).fit([grey, colour])
    assert given.transform([colour])["pixels"].shape == (1, 1, 4, 6)


def test_one_column_mixes_arrays_pil_bytes_and_paths(tmp_path):
    array = picture(12, 12)
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    cells = [array, Image.fromarray(array), buffer.getvalue(), "a.png"]
    pixels = ImageEncoder(root=tmp_path).fit(cells).transform(cells)["pixels"]
    for row in range(1, 4):
        np.testing.assert_array_equal(pixels[row], pixels[0])


def test_a_float_picture_makes_the_block_float():
    cells = [picture(8, 8), picture(8, 8, dtype=np.float32)]
    pixels = ImageEncoder().fit(cells).transform(cells)["pixels"]
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels[0], pixels[1])


def test_bad_cell_names_its_row():
    cells = pd.Series([picture(8, 8), picture(8, 8, 2)], index=["cat", "dog"])
    with pytest.raises(ValueError, match=r"row 'dog'.*channels"):
        ImageEncoder().fit(cells)
    encoder = ImageEncoder().fit(cells.iloc[:1])
    with pytest.raises(ValueError, match=r"row 'dog'.*channels"):
        encoder.transform(cells)


def test_statistics_of_many_pictures_use_a_spread_sample(monkeypatch):
    monkeypatch.setattr(_image, "PROBE", 3)
    images = [np.full((8, 8, 1), value, dtype=np.uint8) for value in range(5)]
    encoder = ImageEncoder().fit(images)
    assert encoder.mean_ == pytest.approx([2.0])  # of 0, 2 and 4
    assert encoder.std_ == pytest.approx([np.sqrt(8 / 3)])


def test_constant_pictures_are_harmless():
    images = [np.zeros((8, 8), dtype=np.uint8)] * 2
    encoder = ImageEncoder().fit(images)
    module = encoder.build().eval()
    out = module(torch.from_numpy(encoder.transform(images)["pixels"]))
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("side", [1, 3, 8, 28, 100])
@pytest.mark.parametrize("channels", [(4, 8), (4, 8, 8, 16)])
def test_any_size_and_depth_builds(side, channels):
    images = np.stack([picture(side, side), picture(side, side, seed=1)])
    encoder = ImageEncoder(channels, 5, size=side).fit(images)
    module = encoder.build().eval()
    pixels = torch.from_numpy(encoder.transform(images)["pixels"])
    assert module(pixels).shape == (2, 5)
    assert module.out.in_features <= channels[-1] * 16


def test_tokens_add_up_to_the_embedding():
    images = [picture(32, 32, seed=seed) for seed in range(3)]
    encoder = ImageEncoder().fit(images)
    module = encoder.build().double().eval()
    pixels = torch.from_numpy(encoder.transform(images)["pixels"])
    bias = module.out.bias.data.fill_(100.0)  # so that no unit is cut off at zero
    tokens, mask = module.tokens(pixels)
    assert tokens.shape == (3, 16, 64)
    assert mask.all()
    torch.testing.assert_close((tokens - bias).sum(1) + bias, module(pixels))


def test_augmentation_acts_in_training_only():
    images = [picture(16, 16, seed=seed) for seed in range(4)]
    for augment in ("light", "strong"):
        encoder = ImageEncoder(augment=augment, dropout=0).fit(images)
        pixels = torch.from_numpy(encoder.transform(images)["pixels"])
        module = encoder.build()
        assert not torch.equal(module.train()(pixels), module(pixels))
        assert torch.equal(module.eval()(pixels), module(pixels))


def test_light_augmentation_only_mirrors_and_shifts():
    image = torch.zeros(64, 1, 17, 17, dtype=torch.float64)
    image[:, :, 7:10, 5:8] = 1.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        changed = _image._augment(image, strong=False)
    torch.testing.assert_close(changed.sum((1, 2, 3)), image.sum((1, 2, 3)))
    columns = torch.arange(17, dtype=torch.float64)
    centres = (changed.sum((1, 2)) * columns).sum(1) / 9  # (n,)
    shift = torch.minimum((centres - 6).abs(), (centres - 10).abs())
    assert shift.max() <= 17 / 8
    assert ((centres - 6).abs() < (centres - 10).abs()).any()
    assert ((centres - 6).abs() > (centres - 10).abs()).any()


def test_unknown_augmentation_is_an_error():
    with pytest.raises(ValueError, match=r"'augment' parameter.*Got 'heavy'"):
        ImageEncoder(augment="heavy").fit([picture(8, 8)])


@pytest.mark.parametrize("shape", [(6, 8, 8), (6, 8, 8, 1), (6, 8, 8, 3)])
def test_a_block_of_bytes_of_the_right_size_is_not_copied(shape, tmp_path):
    block = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", "u1", shape)
    block[:] = np.random.default_rng(0).integers(0, 256, shape)
    encoder = ImageEncoder().fit(block)
    pixels = encoder.transform(block)["pixels"]
    assert np.shares_memory(pixels, block)
    np.testing.assert_array_equal(pixels, encoder.transform(list(block))["pixels"])
