"""How deep the values in torch's files are nested: the hash of too deep a tuple ends the interpreter."""

from __future__ import annotations

import pickletools
import zipfile
from typing import IO, Any

DEEPEST = 1000  # a state dictionary has a handful of levels
PICKLES = 5  # in a file of torch before 1.6: mark, version, machine, values, names of the storages
GROWING = ("APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD")
MARK = -1


def is_too_deep(file: IO[bytes]) -> bool:
    """Whether what ``torch.save`` wrote holds values more than a thousand levels deep; nothing in it is run.

    What is no such file, or damaged, is not: torch says what is wrong with it.

    Args:
        file: opened at its beginning.

    Raises:
        OSError: it can't be read.
    """
    try:
        if not zipfile.is_zipfile(file):
            file.seek(0)
            return any(_is_deep(file) for _ in range(PICKLES))
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                if member.filename.endswith(".pkl"):
                    with archive.open(member) as pickled:
                        if _is_deep(pickled):
                            return True
    except OSError:
        raise
    except Exception:  # parsers of forged files raise anything
        pass
    return False


def _is_deep(file: IO[bytes]) -> bool:
    """Whether a pickle makes such a value; its operations are followed, and none is done."""
    stack: list[int] = []  # of each value how deep it is
    memo: dict[Any, int] = {}
    for operation, argument, _ in pickletools.genops(file):
        name, before = operation.name, operation.stack_before
        if name == "MARK":
            stack.append(MARK)
        elif name.endswith("PUT") or name == "MEMOIZE":
            memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name.endswith("GET"):
            stack.append(memo[argument])
        elif name == "DUP":
            stack.append(stack[-1])
        else:
            inner: list[int] = []
            if pickletools.markobject in before:
                while (depth := stack.pop()) != MARK:
                    inner.append(depth)
                before = before[: before.index(pickletools.markobject)]
            inner = [*inner, *(stack.pop() for _ in before)]  # what is grown comes last
            outer = inner.pop() if name in GROWING else 0
            depth = max(outer, 1 + max(inner, default=MARK))
            stack += [depth] * len(operation.stack_after)
            if depth > DEEPEST:
                return True
    return False
