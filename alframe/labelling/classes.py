"""The classes of a session: names, keys, and what becomes of them while people label."""

from __future__ import annotations

import dataclasses
import unicodedata

from alframe.errors import UsageError, unknown_name

LONGEST = 200
# Digits, then letters; z, u, g, n and a are the page's own: undo, unsure, grid, new class, adjudicate.
KEYS = "123456789bcdefhijklmopqrstvwxy"

DIGITS = tuple("0123456789")


@dataclasses.dataclass(frozen=True)
class ClassInfo:
    """A class.

    Args:
        name: what people call it.
        key: what they press; "" where there are more classes than keys.
    """

    name: str
    key: str


def checked_name(name: object) -> str:
    """The name of a class in Unicode's composed form, without spaces around it.

    Raises:
        UsageError: it is empty, too long or has characters that can't be shown.
    """
    if not isinstance(name, str):
        raise UsageError(f"a class is called by a text, got {name!r}")
    stripped = unicodedata.normalize("NFC", name).strip()
    if not stripped:
        raise UsageError("a class needs a name")
    if len(stripped) > LONGEST:
        raise UsageError(f"a class has a name of at most {LONGEST} characters, got {len(stripped)}")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in stripped):
        raise UsageError(f"the name of a class has no control characters, got {stripped!r}")
    return stripped


class Classes:
    """The classes, each by a number of its own that outlasts its name.

    Args:
        names: those to begin with, in order.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names: dict[int, str] = {}
        self._keys: dict[int, str] = {}
        self._next = 0
        are_digits = all(name in DIGITS for name in names)  # who labels a 7 presses 7
        for name in names:
            self.add(name, name if are_digits else None)

    def add(self, name: str, key: str | None) -> None:
        """A new class, the last in order. Without a key it gets the first that is free."""
        self._names[self._next] = name
        if key:
            self.set_key(self._next, key)
        else:
            self._keys[self._next] = next((key for key in KEYS if key not in self._keys.values()), "")
        self._next += 1

    def rename(self, number: int, name: str) -> None:
        """Calls a class by another name."""
        self._names[number] = name

    def set_key(self, number: int, key: str) -> None:
        """Gives a class a key; a class that had it goes without."""
        self._keys = {other: "" if old == key else old for other, old in self._keys.items()}
        self._keys[number] = key

    def remove(self, number: int) -> None:
        """Takes a class out."""
        del self._names[number], self._keys[number]

    def find(self, name: str | None) -> int | None:
        """Number of the class that has this name now."""
        return next((number for number, known in self._names.items() if known == name), None)

    def number(self, name: str | None) -> int:
        """As `find`.

        Raises:
            UsageError: there is no such class.
        """
        number = self.find(name)
        if number is None:
            raise unknown_name("class", str(name), self._names.values())
        return number

    def name(self, number: int) -> str:
        """What a class is called now."""
        return self._names[number]

    def indices(self) -> dict[int, int]:
        """Of each class's number its place in the order, 0 and so on."""
        return {number: index for index, number in enumerate(self._names)}

    def infos(self) -> list[ClassInfo]:
        """All of them, in order."""
        return [ClassInfo(name, self._keys[number]) for number, name in self._names.items()]
