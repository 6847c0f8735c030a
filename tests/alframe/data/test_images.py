import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from alframe import AlframeWarning, ImageDataOptions, ImageReader, UsageError, decode_images


def png(array, mode="RGB", kind="PNG"):
    content = io.BytesIO()
    Image.fromarray(array).convert(mode).save(content, kind)
    return content.getvalue()


OPTIONS = {"size_option": "-o data.size=", "skip_option": "-o data.bad_images=skip"}


def noise(height=6, width=9, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def decode(sources, **options):
    names = [f"image {row}" for row in range(len(sources))]
    return decode_images("toy", sources, names, list(range(len(sources))), **{"size": None} | options)


def test_files_and_their_content_give_the_pixels(tmp_path):
    arrays = [noise(seed=seed) for seed in range(5)]
    sources = [png(array) for array in arrays]
    (tmp_path / "a.png").write_bytes(sources[3])
    sources[3] = tmp_path / "a.png"
    images, labels = decode(sources)
    assert images.dtype == torch.uint8
    np.testing.assert_array_equal(images.permute(0, 2, 3, 1), np.stack(arrays))
    assert labels.tolist() == [0, 1, 2, 3, 4]


def test_the_shorter_side_is_scaled_and_the_middle_cut_out():
    array = np.zeros((20, 40, 3), np.uint8)
    array[:, :10], array[:, 10:30], array[:, 30:] = 10, 200, 90
    images, _ = decode([png(array)], size=10)
    assert images.shape == (1, 3, 10, 10)
    assert (images[:, :, :, 2:8] == 200).all()
    assert images.min() > 150  # the rim is smoothed


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "LA"])
def test_every_mode_becomes_three_channels(mode):
    white = np.full((4, 4, 3), 255, np.uint8)
    images, _ = decode([png(white, mode)])
    assert images.shape == (1, 3, 4, 4)
    assert (images == 255).all()


@pytest.mark.parametrize(("value", "byte"), [(0, 0), (0x8000, 127), (0x8080, 128), (0xFFFF, 255)])
def test_grey_of_16_bits_keeps_its_shades(value, byte):
    content = io.BytesIO()
    Image.fromarray(np.full((4, 4), value, np.uint16)).save(content, "PNG")
    images, _ = decode([content.getvalue()])
    assert images.unique().tolist() == [byte]


def test_cmyk():
    images, _ = decode([png(np.full((8, 8, 3), 255, np.uint8), "CMYK", "JPEG")])
    assert images.min() > 250


@pytest.mark.parametrize(
    ("options", "hint"), [({}, ""), (OPTIONS, "; -o data.size= scales and cuts them to one")]
)
def test_different_sizes_need_a_size(options, hint):
    sources = [b"no image", png(noise()), png(noise(7, 9))]
    with pytest.raises(UsageError) as caught:
        decode(sources, **options)
    assert str(caught.value) == f"toy: the images have different sizes, as 6 x 9 and 7 x 9{hint}"
    images, _ = decode(sources[1:], size=4)
    assert images.shape == (2, 3, 4, 4)


@pytest.mark.parametrize(("options", "hint"), [({}, ""), (OPTIONS, "; a smaller -o data.size= needs less")])
def test_what_does_not_fit_into_memory_is_one_line(options, hint):
    with pytest.raises(UsageError) as caught:
        decode([b""] * 3, size=10_000_000, **options)
    assert str(caught.value) == (
        "toy: 3 images of 10000000 x 10000000 need 900,000 GB of memory, which there is not" + hint
    )


class TestBad:
    SOURCES = (b"no image", png(noise(seed=1)), png(noise())[:60], png(noise(seed=2)))

    @pytest.mark.parametrize(
        ("options", "hint"), [({}, ""), (OPTIONS, ", or leave them out by -o data.bad_images=skip")]
    )
    def test_is_an_error_that_names_and_counts(self, options, hint):
        with pytest.raises(UsageError) as caught:
            decode(self.SOURCES, **options)
        found = "toy: 2 of 4 images can't be decoded: image 0, image 2"
        assert str(caught.value) == f"{found}. Remove them{hint}"
        assert caught.value.exit_code == 1

    def test_or_is_left_out_with_a_warning(self):
        with pytest.warns(AlframeWarning, match="2 of 4 images .*; they are left out"):
            images, labels = decode(self.SOURCES, bad_images="skip")
        assert labels.tolist() == [1, 3]
        np.testing.assert_array_equal(images.permute(0, 2, 3, 1), [noise(seed=1), noise(seed=2)])

    def test_a_missing_file_is_one(self, tmp_path):
        with pytest.raises(UsageError, match="1 of 1 images can't be decoded: image 0") as caught:
            decode([tmp_path / "nothing.png"], size=4)
        assert caught.value.exit_code == 2

    def test_many_are_counted_and_some_named(self):
        with pytest.raises(UsageError, match="9 of 9 images can't be decoded: image 0, .*image 4, ...."):
            decode([b""] * 9)

    def test_none_left(self):
        with (
            pytest.warns(AlframeWarning, match="1 of 1"),
            pytest.raises(UsageError, match="there are no images"),
        ):
            decode([b""], bad_images="skip")
        with pytest.raises(UsageError, match="there are no images"):
            decode([])


class TestReader:
    """Parts of one data set, read by the same rules."""

    @pytest.fixture
    def read(self):
        def read(*parts, **options):
            reader = ImageReader(ImageDataOptions(**options))
            images = [
                reader.read("toy", part, [f"image {row}" for row in range(len(part))], [0] * len(part))[0]
                for part in parts
            ]
            return *images, reader.notes

        return read

    @staticmethod
    def grey(value, dtype=np.uint16, kind="PNG"):
        content = io.BytesIO()
        Image.fromarray(np.full((4, 4), value, dtype)).save(content, kind)
        return content.getvalue()

    def test_plain_images_need_no_note(self, read):
        assert read([png(noise()), png(noise(), "RGBA")])[1] == ()

    def test_all_grey_images_have_one_range(self, read):
        train, test, notes = read(
            [self.grey(4080), png(noise(4, 4)), self.grey(2040)], [self.grey(1020), self.grey(5000)]
        )
        assert train[[0, 2]].amax((1, 2, 3)).tolist() == [254, 127]
        assert test.amax((1, 2, 3)).tolist() == [63, 255]
        assert notes == (
            "4 of 5 images are grey of more than 8 bits; 0..4095 are black and white, by the values of the "
            "first part; -o data.grey_range=0,4095 would name them",
            "1 of 5 images have grey values beyond black or white, which are cut off",
        )

    def test_whole_numbers_and_fractions_have_one_each(self, read):
        part = [self.grey(65535), self.grey(0.5, np.float32, "TIFF"), self.grey(1, np.float32, "TIFF")]
        images, notes = read(part)
        assert images.amax((1, 2, 3)).tolist() == [255, 128, 255]
        assert [note[:6] for note in notes] == ["1 of 3", "2 of 3"]

    def test_a_range_by_its_name(self, read):
        images, notes = read([self.grey(100), self.grey(300)], grey_range=(100, 200))
        assert images.amax((1, 2, 3)).tolist() == [0, 255]
        assert notes == ("1 of 2 images have grey values beyond black or white, which are cut off",)

    @pytest.mark.parametrize("grey", [(1,), (1, 2, 3), (2, 1), (0, 0), (0, float("nan"))])
    def test_a_range_that_is_none(self, read, grey):
        with pytest.raises(
            UsageError, match="data.grey_range: expected the values of black and white, as 0,4"
        ):
            read(grey_range=grey)

    def test_a_bad_image_among_grey_ones(self, read):
        with pytest.warns(AlframeWarning, match="1 of 3"):
            images, notes = read([self.grey(9), b"no image", self.grey(600)], bad_images="skip", size=2)
        assert images.amax((1, 2, 3)).tolist() == [2, 149]
        assert notes[0].startswith("2 of 2 images are grey of more than 8 bits; 0..1023")

    def test_different_sizes_of_grey(self, read):
        small = io.BytesIO()
        Image.fromarray(np.full((3, 4), 999, np.uint16)).save(small, "PNG")
        with pytest.raises(UsageError, match="different sizes, as 4 x 4 and 3 x 4; -o data.size="):
            read([self.grey(999), small.getvalue()])

    @pytest.mark.parametrize(("exif", "shape", "count"), [(True, (9, 6), 1), (False, (6, 9), 0)])
    def test_turned_or_as_stored(self, read, exif, shape, count):
        mark = Image.Exif()
        mark[0x0112] = 6
        content = io.BytesIO()
        Image.fromarray(noise()).save(content, "PNG", exif=mark)
        images, notes = read([content.getvalue()], exif=exif)
        assert images.shape[2:] == shape
        assert (
            notes
            == (
                "1 of 1 images are turned as their EXIF mark says; -o data.exif=false leaves them as stored",
            )[:count]
        )

    @pytest.mark.parametrize(
        ("background", "byte", "note"),
        [
            ("white", 255, "1 of 1 images have transparent parts, which are white; -o data.background=black"),
            ("black", 0, "1 of 1 images have transparent parts, which are black; -o data.background=white"),
            ("ignore", 77, None),
        ],
    )
    def test_what_is_seen_through_transparent_parts(self, read, background, byte, note):
        content = io.BytesIO()
        Image.new("RGBA", (4, 4), (77, 77, 77, 0)).save(content, "PNG")
        images, notes = read([content.getvalue()], background=background)
        assert images.unique().tolist() == [byte]
        assert [text.removesuffix(", or ignore") for text in notes] == ([note] if note else [])

    def test_several_in_one_file(self, read):
        content = io.BytesIO()
        frames = [Image.fromarray(noise(seed=seed)) for seed in (0, 1)]
        frames[0].save(content, "PNG", save_all=True, append_images=frames[1:])
        assert read([content.getvalue()])[1] == (
            "1 of 1 images are the first of several in their file; the others are left out",
        )

    def test_colours_of_16_bits(self, read, tmp_path):
        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        row = b"\0" + struct.pack(">6H", 4095, 256, 0, 65535, 511, 32768)  # Pillow writes no such file
        content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", 2, 1, 16, 2, 0, 0, 0))
        content += chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
        images, notes = read([content])
        assert images[0].permute(1, 2, 0).tolist() == [[[15, 1, 0], [255, 1, 128]]]
        assert notes == ("1 of 1 images have 16 bits a colour, of which the upper 8 are read",)
