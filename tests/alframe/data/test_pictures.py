"""One picture of each kind beside the pixels that a viewer shows."""

import os
import struct

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, ImageCms, PngImagePlugin

from alframe import UsageError, decode_images

RAMP = np.tile(np.arange(256, dtype=np.uint8), (16, 1))  # brightness from left to right
NOISE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
BIG_ENDIAN = Image.frombytes("I;16B", (256, 16), (RAMP.astype(">u2") * 257).tobytes())


@pytest.fixture
def decoded(tmp_path):
    """The pixels of a file, ``height x width x 3``."""

    def decoded(image, name="a.png", **save):
        path = tmp_path / name
        if isinstance(image, bytes):
            path.write_bytes(image)
        else:
            (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **save)
        return decode_images("toy", [path], [name], [0], size=None)[0][0].permute(1, 2, 0).numpy()

    return decoded


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (RAMP, "8.png"),
        (RAMP.astype(np.uint16) * 257, "16.png"),
        (RAMP.astype(np.uint16) * 257, "16.tif"),
        (BIG_ENDIAN, "16b.tif"),
        (np.ceil(RAMP * (16383 / 255)).astype(np.uint16), "14.png"),
        (np.ceil(RAMP * (4095 / 255)).astype(np.uint16), "12.png"),
        (np.ceil(RAMP * (1023 / 255)).astype(np.uint16), "10.png"),
        (RAMP.astype(np.uint16), "8in16.png"),
        (RAMP.astype(np.int32), "8in32.tif"),
        (RAMP.astype(np.int32) * 1000 - 100_000, "32.tif"),
        (RAMP.astype(np.int32) - 128, "signed.tif"),
        ((RAMP / 255).astype(np.float32), "0to1.tif"),
        (RAMP.astype(np.float32), "0to255.tif"),
        ((RAMP / 127.5 - 1).astype(np.float32), "satellite.tif"),
        (Image.fromarray(RAMP).convert("P"), "palette.png"),
        (Image.fromarray(np.dstack([RAMP] * 3)).convert("HSV").convert("RGB"), "colours.png"),
        (Image.fromarray(np.dstack([RAMP] * 3)).convert("CMYK"), "print.tif"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_ramp_of_any_depth(decoded, values, name):
    np.testing.assert_array_equal(decoded(values, name), np.dstack([RAMP] * 3))


def test_no_data_is_black_and_spoils_no_shade(decoded):
    values = (RAMP / 255).astype(np.float32)
    values[3], values[4] = np.nan, -np.inf
    expected = np.dstack([RAMP] * 3)
    expected[3:5] = 0
    np.testing.assert_array_equal(decoded(values, "a.tif"), expected)


def test_one_bit(decoded):
    np.testing.assert_array_equal(decoded(RAMP > 127), np.dstack([(RAMP > 127) * 255] * 3))


def test_lab(decoded):
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(Image.fromarray(np.dstack([RAMP] * 3)), srgb, lab, outputMode="LAB")
    np.testing.assert_allclose(decoded(image, "a.tif").astype(int), np.dstack([RAMP] * 3), atol=4)


def transparent(mode):
    """A picture whose right half is transparent, over colours that no viewer shows."""
    alpha = np.full((16, 16, 1), 255, np.uint8)
    alpha[:, 8:] = 0
    if mode == "RGBA":
        return Image.fromarray(np.concatenate([NOISE, alpha], 2)), np.where(alpha, NOISE, 255)
    if mode == "LA":
        both = np.concatenate([NOISE[..., :1], alpha], 2)
        return Image.fromarray(both, "LA"), np.where(alpha, NOISE[..., :1], 255)
    index = np.where(alpha[..., 0], NOISE[..., 0] % 2, 2).astype(np.uint8)
    palette = Image.fromarray(index, "P")
    palette.putpalette([10, 20, 30, 200, 100, 50, 66, 66, 66])
    colours = np.array([[10, 20, 30], [200, 100, 50], [255, 255, 255]])
    return palette, colours[index]


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    ("mode", "name", "save"),
    [
        ("RGBA", "a.png", {}),
        ("RGBA", "a.webp", {"lossless": True}),
        ("RGBA", "a.tif", {}),
        ("LA", "a.png", {}),
        ("P", "a.png", {"transparency": 2}),
        ("P", "a.gif", {"transparency": 2}),
    ],
)
def test_what_is_transparent_is_white(decoded, mode, name, save):
    image, expected = transparent(mode)
    np.testing.assert_array_equal(decoded(image, name, **save), np.broadcast_to(expected, (16, 16, 3)))


def test_a_colour_that_means_transparent(decoded):
    image = NOISE.copy()
    image[2:5] = 1, 2, 3
    expected = image.copy()
    expected[2:5] = 255
    np.testing.assert_array_equal(decoded(image, transparency=(1, 2, 3)), expected)


def test_half_transparent_is_half_white(decoded):
    black = np.zeros((4, 4, 4), np.uint8)
    black[..., 3] = 128
    assert np.unique(decoded(black)).tolist() == [127]


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
@pytest.mark.parametrize(
    ("mark", "shown"),
    [
        (1, lambda x: x),
        (2, lambda x: x[:, ::-1]),
        (3, lambda x: x[::-1, ::-1]),
        (4, lambda x: x[::-1]),
        (5, lambda x: x.swapaxes(0, 1)),
        (6, lambda x: np.rot90(x, -1)),
        (7, lambda x: np.rot90(x, 2).swapaxes(0, 1)),
        (8, lambda x: np.rot90(x)),
        (9, lambda x: x),  # no mark at all
    ],
)
def test_the_exif_mark_turns(decoded, mark, shown, name):
    stored = np.concatenate([NOISE, NOISE[:5] // 2])  # taller than wide
    exif = Image.Exif()
    exif[0x0112] = mark
    lossless = {"lossless": True} if name == "a.webp" else {}
    np.testing.assert_array_equal(decoded(stored, name, exif=exif, **lossless), shown(stored))


def test_a_grey_picture_of_16_bits_turns_too(decoded):
    exif = Image.Exif()
    exif[0x0112] = 6
    shown = decoded(RAMP.astype(np.uint16) * 257, exif=exif)
    np.testing.assert_array_equal(shown, np.rot90(np.dstack([RAMP] * 3), -1))


def test_a_damaged_mark_is_none(decoded):
    exif = b"Exif\x00\x00II*\x00\xff\xff\xff\xff"
    np.testing.assert_array_equal(decoded(NOISE, "a.png", exif=exif), NOISE)


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.tif"])
def test_of_several_the_first_is_read(decoded, name):
    first, second = (Image.fromarray(np.full((8, 8, 3), value, np.uint8)) for value in (40, 200))
    assert np.unique(decoded(first, name, save_all=True, append_images=[second])).tolist() == [40]


class TestNone:
    """What is no picture, or a damaged one, is that and no other error."""

    def refused(self, decoded, *given, **save):
        with pytest.raises(UsageError, match="1 of 1 images can't be decoded: "):
            decoded(*given, **save)

    @pytest.mark.parametrize(
        "error",
        [KeyError, AttributeError, struct.error, EOFError, NotImplementedError, MemoryError, TypeError],
    )
    def test_whatever_a_decoder_raises(self, decoded, monkeypatch, error):
        def load(self):
            raise error("odd")

        monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)
        self.refused(decoded, NOISE)

    @pytest.mark.parametrize(
        "kind", ["AVIF", "DDS", "WEBP", "TIFF", "GIF", "PNG", "JPEG", "ICO", "TGA", "JPEG2000"]
    )
    def test_no_prefix_of_any_format_raises_another(self, decoded, tmp_path, kind):
        Image.fromarray(NOISE).save(tmp_path / "whole", kind)
        content = (tmp_path / "whole").read_bytes()
        assert decoded(content).shape == (16, 16, 3)
        for length in range(0, len(content) - 1, max(1, len(content) // 20)):
            try:
                decoded(content[:length])
            except UsageError:
                continue

    def test_a_format_that_a_file_only_begins(self, decoded):
        header = struct.pack("<4s7I44x", b"DDS ", 124, 0x1007, 8, 8, 0, 0, 0)
        self.refused(decoded, header + struct.pack("<2I4s5I", 32, 4, b"ABCD", 0, 0, 0, 0, 0) + bytes(20))

    def test_no_other_program_is_run(self, decoded, tmp_path, monkeypatch):
        runs = []
        monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *given, **named: runs.append(given))
        Image.fromarray(NOISE).save(tmp_path / "whole", "EPS")
        self.refused(decoded, (tmp_path / "whole").read_bytes())
        assert runs == []

    def test_more_pixels_than_memory_should_hold(self, decoded, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        self.refused(decoded, NOISE)

    def test_a_warning_of_the_decoder_is_not_told(self, decoded, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
        assert decoded(NOISE).shape == (16, 16, 3)

    def test_a_pipe_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "a.png")
        with pytest.raises(UsageError, match="1 of 1 images can't be decoded"):
            decode_images("toy", [tmp_path / "a.png"], ["a.png"], [0], size=4)
