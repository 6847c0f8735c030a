"""What comes next for whom: picks of the model, audit samples, second opinions, and else a random order."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator, Sequence

from alframe.labelling.reservations import Reservations
from alframe.labelling.state import State

AUDIT, SECOND, NEXT = "audit", "second", "next"
# Of ten samples two are the audit's and three second opinions, while any wait; in random order.
TURNS = (AUDIT,) * 2 + (SECOND,) * 3 + (NEXT,) * 5


class Queue:
    """Hands out samples.

    Args:
        state: who has answered what.
        reservations: who has what before them.
        positions: those that can be shown.
        audit: those of them that are the audit's.
        most_audited: how many of these are to be labelled.
        is_shared: whether two people are to see a sample.
        seed: of the random order, and of how the parts are mixed.
    """

    def __init__(
        self,
        state: State,
        reservations: Reservations,
        positions: Iterable[int],
        audit: Sequence[int],
        most_audited: int,
        is_shared: Callable[[int], bool],
        seed: str,
    ) -> None:
        self._state = state
        self._reservations = reservations
        self._open = set(positions)
        self._audit = [position for position in audit if position in self._open]
        random.Random(f"{seed} audit order").shuffle(self._audit)
        self._in_audit = frozenset(audit)
        self._most_audited = most_audited
        self._is_shared = is_shared
        self._order = sorted(self._open - self._in_audit)
        random.Random(f"{seed} order").shuffle(self._order)
        self._start = 0  # before it all have been answered
        self._turns = _turns(seed)

    def next_for(
        self, person: str, picks: Sequence[int], count: int, audit_picks: Sequence[int] = ()
    ) -> list[int]:
        """Up to ``count`` samples for a person, and holds them.

        Those that the person has already come first, so that what is on the screen stays there. Between picks
        audit samples and second opinions are mixed in at random, so that nothing tells them apart.

        Args:
            person: who asks.
            picks: positions in the model's order; () for a random order.
            count: how many.
            audit_picks: audit samples in the order in which they are to come; () for the order of the draw.
        """
        found = [p for p in self._reservations.of(person) if self._is_for(p, person)][:count]
        while len(found) < count:
            drawn = self._draw(person, picks, audit_picks, set(found))
            if drawn is None:
                break
            found.append(drawn)
        for position in found:
            self._reservations.hold(position, person)
        return found

    def again(self) -> None:
        """Told when an answer was undone: what was done with may be open again."""
        self._start = 0

    def _draw(
        self, person: str, picks: Sequence[int], audit_picks: Sequence[int], taken: set[int]
    ) -> int | None:
        chosen = [p for p in picks if p not in self._in_audit] if picks else []
        audit = list(audit_picks) or self._audit
        if self._most_audited <= self._audited():
            audit = []
        parts: list[Iterable[int]] = [chosen, self._in_random_order(), self._state.half_seen, audit]
        turn = next(self._turns)
        if turn != NEXT:
            parts.insert(0, parts.pop(3 if turn == AUDIT else 2))
        for part in parts:
            for position in part:
                if position not in taken and self._is_for(position, person):
                    return position
        return None

    def _audited(self) -> int:
        return sum(map(self._state.is_labelled, self._in_audit))

    def _in_random_order(self) -> Iterable[int]:
        while self._start < len(self._order) and self._is_done(self._order[self._start]):
            self._start += 1
        return (self._order[row] for row in range(self._start, len(self._order)))

    def _is_done(self, position: int) -> bool:
        return len(self._state.answered_by(position)) >= self._wanted(position)

    def _is_for(self, position: int, person: str) -> bool:
        if position not in self._open:
            return False
        answered = self._state.answered_by(position)
        others = answered | self._reservations.holders(position) - {person}
        return person not in answered and len(others) < self._wanted(position)

    def _wanted(self, position: int) -> int:
        return 2 if self._is_shared(position) else 1


def _turns(seed: str) -> Iterator[str]:
    generator = random.Random(f"{seed} mix")
    while True:
        yield from generator.sample(TURNS, len(TURNS))


def shares(seed: int, overlap: float) -> Callable[[int], bool]:
    """Tells of each position whether two people are to see its sample; later samples change nothing of it.

    Args:
        seed: draws them.
        overlap: share of the samples.
    """
    known: dict[int, bool] = {}

    def is_shared(position: int) -> bool:
        if not overlap:
            return False
        if position not in known:
            digest = hashlib.sha256(f"{seed} overlap {position}".encode()).digest()
            known[position] = int.from_bytes(digest[:8]) < overlap * 2**64
        return known[position]

    return is_shared
