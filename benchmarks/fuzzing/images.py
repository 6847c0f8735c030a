"""Folders of images: formats under wrong names, damage, depths, sizes, links and hidden folders."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from fuzzing.case import DAMAGED, Case, Draw
from fuzzing.material import TRIAL, copy
from fuzzing.values import bomb, damaged

FORMATS = (
    *(
        "png",
        "jpeg",
        "gif",
        "bmp",
        "tiff",
        "webp",
        "ppm",
        "ico",
        "tga",
        "pcx",
        "sgi",
        "dds",
        "jpeg2000",
        "spider",
        "eps",
    ),
    *("avif", "im", "msp", "xbm", "icns", "pdf", "palm", "blp", "qoi", "mpo"),
)
MODES = (
    "1",
    "L",
    "P",
    "RGB",
    "RGBA",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
    "I",
    "F",
    "LA",
    "PA",
    "I;16",
    "La",
    "RGBa",
)
NAMES = (
    "x.png",
    "x.jpg",
    "x.jpeg",
    "x.gif",
    "x.bmp",
    "x.tif",
    "x.webp",
    "x.ppm",
    "X.PNG",
    "x",
    "x.txt",
    ".x.png",
    "._x.png",
    "\x1b[31m.png",
)
FOLDERS = (
    *(
        ".ipynb_checkpoints",
        "__MACOSX",
        ".git",
        "empty",
        "val",
        "valid",
        "Train",
        "TEST",
        "test ",
        "\x1b[31m",
        "a\nb",
        "é",
    ),
    *("\udcff", "train", "=1+1", "x" * 200),
)


def images(draw: Draw) -> Case:
    """A run on a folder of images in which some are odd."""
    copy(draw.templates, draw.work, "images")
    root = draw.work / "images"
    for _ in range(draw.random.choice([1, 1, 2, 4])):
        classes = sorted(path for path in root.glob("*/*") if path.is_dir() and not path.is_symlink())
        if not classes:
            break
        with contextlib.suppress(OSError):  # an earlier change left nothing to change
            draw.random.choice(CHANGES)(draw, draw.random.choice(classes))
    location = draw.random.choice(
        ["images"] * 8 + ["images/train", "images/train/cat", "none", "images/train/cat/0.png"]
    )
    options = draw.random.choice(
        [[]] * 4 + [["-odata.bad_images=skip"]] * 4 + [["-odata.bad_images=error"], ["-odata.size=1"]]
    )
    size = [] if any("size" in one for one in options) else ["-odata.size=9"]
    return Case((*TRIAL, "--dataset", f"imagefolder:{location}", *options, *size), codes=DAMAGED)


def _encoded(draw: Draw) -> bytes:
    """An image of some mode, size and format, as far as Pillow writes it."""
    from PIL import Image, PngImagePlugin

    mode = draw.random.choice(MODES)
    size = draw.random.choice([(9, 9), (1, 1), (1, 500), (500, 1), (16, 16), (3000, 2)])
    pixels = (
        np.random.default_rng(draw.random.randrange(99)).integers(0, 255, (size[1], size[0], 3)).astype("u1")
    )
    image = Image.fromarray(pixels)
    try:
        image = image.convert("L").convert(mode) if mode in ("I", "F", "I;16", "1") else image.convert(mode)
        if mode == "F" and draw.chance(0.5):
            image = image.point(lambda pixel: pixel * float("1e38") + 0.0)
    except (ValueError, TypeError, OSError):
        image = image.convert("RGB")
    extra: dict[str, object] = {}
    if draw.chance(0.2):
        exif = Image.Exif()
        exif[0x0112] = draw.random.choice([1, 3, 6, 8, 0, 9, 255, 65535])
        extra["exif"] = exif.tobytes() if draw.chance(0.7) else draw.random.randbytes(60)
    kind = draw.random.choice(FORMATS)
    if kind == "png" and draw.chance(0.3):
        text = PngImagePlugin.PngInfo()
        text.add_text("x", "y" * draw.random.choice([10, 2_000_000]), zip=True)
        extra["pnginfo"] = text
    for arguments in (extra, {}):
        file = io.BytesIO()
        try:
            image.save(file, format=kind, **arguments)
            return file.getvalue()
        except Exception:  # a format that has no such mode, or needs a program
            continue
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="png")
    return file.getvalue()


def _image(draw: Draw, folder: Path) -> None:
    content = _encoded(draw)
    if draw.chance(0.4):
        content = damaged(draw.random, content)
    name = draw.random.choice(NAMES)
    _put(folder / (name if draw.chance(0.5) else "0.png"), content)


def _put(path: Path, content: bytes) -> None:
    """Writes a file, unless an earlier change made something else of it: a FIFO would wait for a reader."""
    if not os.path.lexists(path) or (path.is_file() and not path.is_symlink()):
        path.write_bytes(content)


def _cut(draw: Draw, folder: Path) -> None:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    if files:
        path = draw.random.choice(files)
        path.write_bytes(damaged(draw.random, path.read_bytes()))


def _huge(draw: Draw, folder: Path) -> None:
    """A header that promises more pixels than there is memory, and a little that unpacks to a lot."""
    width, height = draw.random.choice(
        [(2**31 - 1, 2**31 - 1), (30_000, 30_000), (100_000, 100_000), (0, 5), (13_000, 13_000), (2**16, 1)]
    )
    data = draw.random.choice([zlib.compress(bytes(100)), bomb(1 << 26)])
    kind = draw.random.randrange(4)
    if kind < 2:
        depth = draw.random.choice([(8, 2), (16, 6), (1, 0), (8, 3), (7, 7)])
        chunks = [
            (b"IHDR", struct.pack(">IIBBBBB", width, height, *depth, 0, 0, 0)),
            (b"IDAT", data),
            (b"IEND", b""),
        ]
        content = b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
            for name, body in chunks
        )
    elif kind == 2:
        content = b"BM" + struct.pack(
            "<IIIIIIHHIIIIII",
            100,
            0,
            54,
            40,
            width & 0x7FFFFFFF,
            height & 0x7FFFFFFF,
            1,
            24,
            0,
            0,
            0,
            0,
            0,
            0,
        )
    else:
        content = b"P6\n%d %d\n255\n" % (width, height) + bytes(1000)
    _put(folder / draw.random.choice(["0.png", "huge.png"]), content)


def _link(draw: Draw, folder: Path) -> None:
    target = draw.random.choice(
        ["..", ".", "../../..", "/dev/zero", "none", "loop.png", "../dog", str(draw.box.outside)]
    )
    path = folder / draw.random.choice(["loop.png", "linked", "0.png"])
    if path.is_file() or path.is_symlink():
        path.unlink()
    path.symlink_to(target)


def _special(draw: Draw, folder: Path) -> None:
    path = folder / draw.random.choice(["0.png", "fifo.png"])
    if os.path.lexists(path):
        if path.is_dir() and not path.is_symlink():
            return
        path.unlink()
    if draw.chance(0.5):
        os.mkfifo(path)
    else:
        path.mkdir()


def _folder(draw: Draw, folder: Path) -> None:
    where = draw.random.choice([folder.parent, folder.parent.parent, folder])
    made = where / draw.random.choice(FOLDERS)
    if not os.path.lexists(made):
        made.mkdir()
        if draw.chance(0.6):
            _put(made / "0.png", _encoded(draw))


def _renamed(draw: Draw, folder: Path) -> None:
    path = draw.random.choice([folder, folder.parent])
    target = path.with_name(draw.random.choice(FOLDERS))
    if path.is_dir() and not os.path.lexists(target):
        path.rename(target)


def _emptied(draw: Draw, folder: Path) -> None:
    for path in sorted(folder.iterdir())[draw.random.choice([0, 1]) :]:
        if path.is_file() or path.is_symlink():
            path.unlink()


CHANGES = (_image, _image, _image, _image, _cut, _huge, _link, _special, _folder, _folder, _renamed, _emptied)
