"""Pickles of arrays and plain containers, read without running what they name.

A pickle is a program. This reader knows only the operations that make numbers, texts, lists, tuples and
dictionaries. Where NumPy's functions are named it has stand-ins, which check each type and each length.
"""

from __future__ import annotations

import dataclasses
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alframe_vision._stand_ins import Array, DataType, as_bytes

PLAIN = """
    PROTO FRAME STOP MARK POP POP_MARK DUP MEMOIZE PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET
    NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT
    STRING BINSTRING SHORT_BINSTRING UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8
    SHORT_BINBYTES BINBYTES BINBYTES8
    EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST APPEND APPENDS EMPTY_DICT GLOBAL STACK_GLOBAL
"""
LONGEST_NAME = 100
_Reader: Any = pickle._Unpickler  # the one in Python: in C the memo is an array as long as the file says


@dataclasses.dataclass(frozen=True)
class _Named:
    """What a pickle names; it can be called, and nothing else."""

    make: Callable[..., Any]


class _Operations(dict[int, Any]):
    def __missing__(self, code: int) -> Any:
        raise pickle.UnpicklingError("it does more than hold arrays and plain containers")


class _ArrayReader(_Reader):
    dispatch = _Operations(
        {code[0]: _Reader.dispatch[code[0]] for code in (getattr(pickle, name) for name in PLAIN.split())}
    )

    def __init__(self, file: Any) -> None:
        super().__init__(file, encoding="latin1")
        # Each byte of the file may be decoded once and be in one array: few operations can't fill the memory.
        self._room = 2 * os.fstat(file.fileno()).st_size

    def find_class(self, module: str, name: str) -> _Named:
        known: dict[tuple[str, str], Callable[..., Any]] = {
            ("_codecs", "encode"): self._encode,
            ("collections", "OrderedDict"): dict,
            ("numpy", "dtype"): DataType,
            ("numpy", "ndarray"): _refuse_call,
        }
        for wing in ("core", "_core"):
            known[f"numpy.{wing}.multiarray", "_reconstruct"] = lambda *_: Array()
            known[f"numpy.{wing}.multiarray", "scalar"] = self._scalar
            known[f"numpy.{wing}.numeric", "_frombuffer"] = self._from_buffer
        if (module, name) not in known:
            called = (
                f"{module}.{name}"[:LONGEST_NAME].encode("unicode_escape").decode()
            )  # it may hold anything
            raise pickle.UnpicklingError(f"it names {called}; arrays and plain containers alone are read")
        return _Named(known[module, name])

    def _spend(self, content: Any) -> bytes:
        self._room -= len(content)
        if self._room < 0:
            raise pickle.UnpicklingError("it uses the same bytes again and again")
        return as_bytes(content)

    def _encode(self, text: str, encoding: str) -> bytes:
        if encoding != "latin1":
            raise pickle.UnpicklingError("it holds bytes in another code than Latin-1")
        return self._spend(text)

    def _scalar(self, kind: DataType, content: Any) -> Any:
        return Array(kind, (), self._spend(content)).made().item()

    def _from_buffer(self, content: Any, kind: DataType, shape: Any, order: str) -> Array:
        return Array(kind, shape, self._spend(content), fortran=order == "F")

    def _byte_array(self) -> None:
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))  # what is there, no more

    def _reduce(self) -> None:
        arguments = self.stack.pop()
        named = self.stack[-1]
        if not isinstance(named, _Named):
            raise pickle.UnpicklingError("it calls what is no function")
        self.stack[-1] = named.make(*arguments)

    def _build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Array):
            *_, shape, kind, fortran, content = state
            self.stack[-1].fill(kind, shape, self._spend(content), bool(fortran))
        elif isinstance(target, DataType):
            target.fill(state)
        else:
            raise pickle.UnpicklingError("it gives a state to what has none")

    def _set_items(self) -> None:
        items = self.pop_mark()
        self._put(self.stack[-1], items)

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._put(self.stack[-1], [key, value])

    def _dictionary(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._put(self.stack[-1], items)

    @staticmethod
    def _put(target: Any, items: list[Any]) -> None:
        for key, value in zip(items[::2], items[1::2], strict=True):
            # The hash of a tuple in a tuple in a tuple ... overruns the interpreter's stack.
            if not isinstance(target, dict) or not isinstance(key, str | bytes | int | float | None):
                raise pickle.UnpicklingError("it has a key that is neither text nor number")
            target[key] = value

    dispatch |= {
        code[0]: operation
        for code, operation in (
            (pickle.BYTEARRAY8, _byte_array),
            (pickle.REDUCE, _reduce),
            (pickle.BUILD, _build),
            (pickle.SETITEMS, _set_items),
            (pickle.SETITEM, _set_item),
            (pickle.DICT, _dictionary),
        )
    }


def _refuse_call(*_: Any) -> Any:
    raise pickle.UnpicklingError("it makes an array of memory that it does not hold")


def load_pickle(path: Path) -> dict[str, Any]:
    """Reads a pickled dictionary.

    Args:
        path: the file; Python 2's are read too, their strings as Latin-1.

    Raises:
        pickle.UnpicklingError: it holds anything but arrays of numbers and plain containers, is damaged, or
            is no dictionary.
        OSError: it can't be read.
    """
    try:
        with path.open("rb") as file:
            content = _ArrayReader(file).load()
        if not isinstance(content, dict):
            raise pickle.UnpicklingError(f"it holds a {type(content).__name__}; a dictionary is wanted")
        _make_arrays(content)
    except (OSError, pickle.UnpicklingError):
        raise
    except Exception as error:  # what comes of operations in a wrong order has no end
        raise pickle.UnpicklingError("it is damaged or cut off") from error
    return content


def _make_arrays(content: dict[str, Any]) -> None:
    """Puts arrays where the stand-ins are, in dictionaries and lists, each of which is seen once."""
    waiting: list[Any] = [content]
    seen = {id(content)}
    while waiting:
        container = waiting.pop()
        for key, value in list(container.items() if isinstance(container, dict) else enumerate(container)):
            if isinstance(value, Array):
                container[key] = value.made()
            elif isinstance(value, dict | list) and id(value) not in seen:
                seen.add(id(value))
                waiting.append(value)
