"""Files of a run, read without trust: whatever stands in their place is an error of one line and no hang."""

from __future__ import annotations

import io
import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any

MOST = 1 << 30  # bytes of a file of records; a round of 50,000 queried samples takes 350 KB


class Unusable(Exception):  # noqa: N818 - raised here, caught where files are read
    """A file that can't be used; the message says why."""


def read_bytes(path: Path, most: int = MOST) -> bytes:
    """The content of a file. What is none, as a pipe or a device, is not waited for.

    Args:
        path: the file, or a link to one.
        most: bytes; a larger file is not read.

    Raises:
        FileNotFoundError: there is none.
        Unusable: it can't be read, is too large, or is something else than a file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                raise Unusable("not a file, but a pipe or a device")
            if state.st_size > most:
                raise Unusable(f"larger than {most >> 20:,} MB, which no such file is")
            return file.read()
    except FileNotFoundError:
        raise
    except MemoryError as error:
        raise Unusable("there is no memory to read it") from error
    except OSError as error:
        raise Unusable(error.strerror or str(error)) from error


def read_text(path: Path, most: int = MOST) -> str:
    """The same as text, lines ending as on Unix.

    Raises:
        FileNotFoundError: there is none.
        Unusable: as `read_bytes`, or it is no text.
    """
    try:
        return io.TextIOWrapper(io.BytesIO(read_bytes(path, most)), encoding="utf-8").read()
    except ValueError as error:
        raise Unusable("damaged or cut off, not text") from error


def parse_json(text: str) -> Any:
    """The content of a JSON document.

    Raises:
        ValueError: it is none, or nested deeper than any that alframe writes.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def read_table(path: Path) -> dict[str, Any]:
    """The content of a JSON or TOML file that holds a table.

    Raises:
        FileNotFoundError: there is none.
        Unusable: it can't be read, or is damaged.
    """
    text = read_text(path)
    try:
        content = tomllib.loads(text) if path.suffix == ".toml" else parse_json(text)
    except (ValueError, RecursionError) as error:
        raise Unusable("it is damaged or cut off") from error
    if not isinstance(content, dict):
        raise Unusable("it is damaged or cut off")
    return content
