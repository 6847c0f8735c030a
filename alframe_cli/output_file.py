"""Files that the user names for what is to be kept: written whole, or left as they were."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from alframe.errors import UsageError
from alframe.records.writing import replace

SYSTEM = ("/dev/", "/proc/")  # /dev/stdout leads to a file that others write to, too
NO_FILE_BESIDE = (errno.EACCES, errno.EPERM, errno.EBUSY, errno.EROFS)


def write_output(file: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Writes a file of the user's; one that is there is replaced, and stays as it is where that fails.

    A link is followed, as its name is the user's own. A device or a pipe is written to, and so is a file in a
    folder that takes no other.

    Args:
        file: its path; the folder is there.
        write: writes its content.

    Raises:
        OSError: it can't be written.
    """
    target = Path(os.path.realpath(file))
    if (target.exists() and not target.is_file()) or str(file.absolute()).startswith(SYSTEM):
        _write_in_place(file, write)
        return
    try:
        replace(target, write)
    except OSError as error:
        if not (error.errno in NO_FILE_BESIDE and target.is_file() and os.access(target, os.W_OK)):
            raise
        _write_in_place(target, write)


def _write_in_place(file: Path, write: Callable[[IO[bytes]], Any]) -> None:
    content = io.BytesIO()
    write(content)
    with file.open("wb") as opened:
        opened.write(content.getvalue())


def require_no_input(file: Path, flag: str, inputs: Iterable[Path]) -> None:
    """Raises `UsageError` where an output is one of the inputs, by whichever of its names."""
    for given in inputs:
        if file.exists() and given.exists() and file.samefile(given):
            raise UsageError(f"{flag} {file} would overwrite {given}, which is read; name another file")
