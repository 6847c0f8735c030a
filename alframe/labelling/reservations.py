"""Who has which sample before them, so that no two people label the same one unawares."""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 600.0


class Reservations:
    """Samples held for people, each for ten minutes from when it was last shown.

    Args:
        clock: seconds that never go back.
        seconds: how long a sample is held.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, seconds: float = SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        self._ends: dict[int, dict[str, float]] = {}  # of each position and person
        self._of_person: dict[str, dict[int, None]] = {}  # in the order in which they were shown

    def hold(self, position: int, person: str, *, first: bool = False) -> None:
        """Holds a sample for somebody, or for longer; ``first``: before all others that they have."""
        self._ends.setdefault(position, {})[person] = self._clock() + self._seconds
        mine = self._of_person.setdefault(person, {})
        if first:
            self._of_person[person] = {position: None} | mine
        else:
            mine.setdefault(position)

    def release(self, position: int, person: str) -> None:
        """Lets go of it."""
        self._of_person.get(person, {}).pop(position, None)
        people = self._ends.get(position, {})
        people.pop(person, None)
        if not people:
            self._ends.pop(position, None)

    def of(self, person: str) -> list[int]:
        """The samples that somebody has, the first shown first."""
        return [p for p in list(self._of_person.get(person, ())) if person in self.holders(p)]

    def holders(self, position: int) -> set[str]:
        """Who has the sample now."""
        people = self._ends.get(position)
        if not people:
            return set()
        now = self._clock()
        for person in [person for person, end in people.items() if end <= now]:
            self.release(position, person)
        return set(people)
