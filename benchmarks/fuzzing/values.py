"""Hostile values for options, and ways to damage bytes."""

from __future__ import annotations

import functools
import random
import zlib

NUMBERS = (
    *("inf", "-inf", "nan", "-nan", "Infinity", "-0", "-0.0", "0", "1", "-1", "2", "0.5", "1e308", "1e-308"),
    *("1e400", "-1e400", "5e-324", "1e39", "0.1", "1.0", "3.0", "2.5", "1_000", "1,000", "1.000,5", "0x10"),
    *("0b1", "0o7", "010", "1e3", "1E3", "١٢", "½", "1/2", "50%", "+1", "--1", "1-", "1e", ".5", "5.", "."),
    *(str(2**31), str(2**31 - 1), str(2**32), str(2**53 + 1), str(2**63), str(2**63 - 1), str(2**64)),
    *(
        str(2**70),
        str(-(2**63)),
        str(-(2**70)),
        "9" * 400,
        "9" * 5000,
        "-" + "9" * 5000,
        "0." + "0" * 400 + "1",
    ),
    *("1" + "0" * 310, "1e99999999999", "1e-99999999999", "0" * 6000),
)
TEXTS = (
    *(
        "",
        " ",
        "\t",
        "\n",
        "a\nb",
        "a\r\nb",
        "\x00",
        "a\x00b",
        "\x1b[31mred\x1b[0m",
        "\x1b]0;title\x07",
        "\x7f",
    ),
    *(
        "none",
        "None",
        "null",
        "true",
        "false",
        "True",
        "yes",
        "on",
        "default",
        "all",
        "auto",
        "random",
        "balanced",
        "own",
    ),
    *("é", "日本語", "\u202eevil", "\ufeff", "\ud800", "\udcff", "🙂" * 50, "e\u0301", "ﬁ", "İ", "\u2028"),
    *(
        "a" * 300,
        "a" * 70_000,
        "/" * 300,
        ".",
        "..",
        "../..",
        "~",
        "~root",
        "/",
        "//",
        "/dev/null",
        "/dev/zero",
    ),
    *(
        "/dev/stdin",
        "/proc/self/mem",
        "/proc/self/environ",
        "/etc/passwd",
        "/root/none",
        "CON",
        "a/b",
        "a\\b",
    ),
    *(
        "%s",
        "%(x)s",
        "{}",
        "{0}",
        "{x!r}",
        "$HOME",
        "$(touch x)",
        "`touch x`",
        "; touch x",
        "| touch x",
        "&& x",
    ),
    *(
        "<script>alert(1)</script>",
        "' or 1=1 --",
        '"',
        "'",
        "\\",
        "=1+1",
        "@x",
        "-",
        "--",
        "-h",
        "--help",
        "=",
        "==",
    ),
    *(
        "[]",
        "[1]",
        "[1, 2]",
        "{}",
        '{"a": 1}',
        "(1,)",
        ",",
        ",,",
        "1,2",
        "1,,2",
        "a,b",
        "a,a",
        "1,1",
        "1-3",
        "3-1",
    ),
    *(
        "1-1000000000",
        "0-0",
        "1-2-3",
        "-1-2",
        "cpu",
        "cuda",
        "cuda:99",
        "cuda:-1",
        "meta",
        "mps",
        "xla",
        "cpu:7",
    ),
    *(
        "cpu:-1",
        "CPU",
        "hip",
        "vulkan",
        "margin",
        "Margin",
        "margin ",
        "alfamix",
        "coreset",
        "mlp",
        "cnn",
        "lenet",
    ),
    *(
        "digits",
        "npz:",
        "csv:",
        "imagefolder:",
        "openml:",
        "huggingface:",
        ":",
        "a:b",
        "npz:/dev/zero",
        "timm:",
    ),
    *(
        "adam",
        "sgd",
        "constant",
        "cosine",
        "step",
        "float16",
        "bfloat16",
        "float32",
        "0..1",
        "2026-01-01",
        "*",
        "?",
    ),
    *(
        "__class__",
        "__import__('os')",
        "self",
        "name",
        "class",
        "lambda: 0",
        "import os",
        "a.b",
        "a.b.c",
        ".a",
        "a.",
    ),
)


def value(draw: random.Random) -> str:
    """A hostile value: mostly numbers and texts as they are, some joined, some damaged."""
    kind = draw.random()
    if kind < 0.45:
        return draw.choice(NUMBERS)
    if kind < 0.85:
        return draw.choice(TEXTS)
    if kind < 0.93:
        return ",".join(draw.choice(NUMBERS + TEXTS) for _ in range(draw.randint(2, 4)))
    return damaged_text(draw, draw.choice(NUMBERS + TEXTS)[:200])


def damaged_text(draw: random.Random, text: str) -> str:
    """A text with some characters more, fewer or others."""
    letters = list(text)
    for _ in range(draw.randint(1, 3)):
        at = draw.randint(0, len(letters))
        letters[at : at + draw.randint(0, 2)] = draw.choice(
            ["", "\x00", "\n", "=", ".", "e", "9" * 50, "\x1b", "é", "-"]
        )
    return "".join(letters)


def argument(text: str) -> str:
    """A text as an argument of a process can be: no NUL; bytes that are no UTF-8 as surrogates."""
    return text.replace("\x00", "\\0").replace("\ud800", "\udced\udca0\udc80")


def damaged(draw: random.Random, content: bytes) -> bytes:
    """Bytes with a flipped bit, a piece cut off, doubled, zeroed, moved or filled with noise."""
    if not content:
        return draw.randbytes(draw.randint(0, 20))
    at, length = draw.randrange(len(content)), min(len(content), 1 << draw.randint(0, 10))
    kind = draw.randrange(11)
    if kind in (0, 1, 2):  # flips, most of them near the front, where headers are
        changed = bytearray(content)
        for _ in range(1 << draw.randint(0, 4)):
            place = (
                draw.randrange(len(changed))
                if draw.random() < 0.5
                else draw.randrange(min(128, len(changed)))
            )
            changed[place] ^= 1 << draw.randrange(8)
        return bytes(changed)
    if kind in (3, 4):
        return content[:at]
    if kind == 5:
        return content[:at] + content[at + length :]
    if kind == 6:
        return content[:at] + content[at : at + length] * 2 + content[at + length :]
    if kind == 7:
        return content[:at] + bytes(min(length, len(content) - at)) + content[at + length :]
    if kind == 8:
        return content[:at] + draw.randbytes(length) + content[at + length :]
    if kind == 9:
        return draw.choice([b"", b"\x00" * 100, b"\xef\xbb\xbf" + content, draw.randbytes(500), b"{}", b"[]"])
    big = draw.choice([b"\xff\xff\xff\x7f", b"\xff" * 8, b"\x00\x00\x00\x80", b"\xff\xff"])
    return content[:at] + big + content[at + len(big) :]


@functools.cache
def bomb(size: int = 1 << 28) -> bytes:
    """A little that unpacks to a lot."""
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()


LATIN = "latin-1"


def json_value(draw: random.Random, depth: int = 0) -> object:
    """Any JSON value, right or wrong."""
    simple: list[object] = [
        None,
        True,
        0,
        -1,
        1.5,
        2**70,
        float("nan"),
        float("inf"),
        "",
        "x",
        "\x1b[31m",
        [],
        {},
    ]
    if depth < 2 and draw.random() < 0.3:
        return [json_value(draw, depth + 1) for _ in range(draw.randint(0, 3))]
    if depth < 2 and draw.random() < 0.2:
        return {draw.choice(["a", "torch", "", "round"]): json_value(draw, depth + 1)}
    return draw.choice(simple)
