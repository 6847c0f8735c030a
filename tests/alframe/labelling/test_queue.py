from collections import Counter

import pytest

from alframe.labelling.queue import shares


def answer(session, person, count, picks=(), label="cat"):
    """Labels what comes next, one at a time; the positions in order."""
    seen = []
    for _ in range(count):
        found = session.next_for(person, picks, 1)
        if not found:
            break
        session.post({"event": "label", "sample": found[0], "label": label}, person)
        seen += found
    return seen


def test_picks_come_in_their_order(start):
    assert answer(start(), "ada", 4, [7, 3, 39, 0]) == [7, 3, 39, 0]


def test_without_picks_the_order_is_random_by_the_seed_and_everything_comes_once(start, tmp_path):
    orders = []
    for folder, seed in (("s1", 0), ("s2", 0), ("s3", 1)):
        orders.append(answer(start(folder=tmp_path / folder, seed=seed), "ada", 100))
    assert sorted(orders[0]) == list(range(40))
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0])


def test_when_the_picks_are_used_up_others_come(start):
    found = answer(start(), "ada", 100, [7, 3, 99, -1, 7])
    assert found[:2] == [7, 3]
    assert sorted(found) == list(range(40))


def test_what_is_on_the_screen_stays_when_the_model_changes_its_mind(start):
    session = start()
    assert session.next_for("ada", [1, 2, 3], 2) == [1, 2]
    assert session.next_for("ada", [9, 8, 7], 3) == [1, 2, 9]
    session.post({"event": "label", "sample": 1, "label": "cat"}, "ada")
    assert session.next_for("ada", [9, 8, 7], 3) == [2, 9, 8]


def test_two_people_never_see_one_sample_until_ten_minutes_are_over(start, clock):
    session = start(people=("ada", "bob"))
    assert session.next_for("ada", [1, 2, 3], 2) == [1, 2]
    assert session.next_for("bob", [1, 2, 3], 2)[0] == 3
    clock.now = 599
    assert 1 not in session.next_for("bob", [1, 2, 3], 3)
    clock.now = 601
    assert session.next_for("bob", [1, 2, 3], 10)[-2:] != [1, 2]
    assert {1, 2} <= set(session.next_for("bob", [1, 2, 3], 10))


def test_released_samples_are_free_at_once(start):
    session = start()
    assert session.next_for("ada", [1], 1) == [1]
    session.release(1, "ada")
    assert session.next_for("bob", [1], 1) == [1]


def test_after_undo_the_sample_comes_again(start):
    session = start()
    answer(session, "ada", 39)
    (last,) = answer(session, "ada", 1)
    assert session.next_for("ada", [], 1) == []
    session.undo("ada")
    assert session.next_for("ada", [], 5) == [last]


def test_audit_samples_are_mixed_in_and_never_picked(start):
    session = start(audit=4)
    assert len(session.audit) == 4
    others = [position for position in range(40) if position not in session.audit]
    found = answer(session, "ada", 40, [*session.audit, *others])
    assert sorted(found) == list(range(40))
    places = [found.index(position) for position in session.audit]
    assert max(places) < 36
    assert [position for position in found if position not in session.audit] == others


def test_an_active_audit_chooses_from_a_larger_pool_and_ends_with_its_number(start):
    session = start(audit=2, audit_by="active")
    assert len(session.audit) == 8
    picked = [session.audit[5], session.audit[2]]
    seen = []
    for _ in range(100):
        found = session.next_for("ada", [], 1, audit_picks=picked)
        if not found:
            break
        session.post({"event": "label", "sample": found[0], "label": "cat"}, "ada")
        seen += found
    assert [position for position in seen if position in session.audit] == picked
    assert len(seen) == 34


@pytest.mark.parametrize("overlap", [0.0, 0.25, 1.0])
def test_a_share_is_seen_by_two_and_nothing_by_three(start, overlap):
    session = start(people=("ada", "bob", "eve"), overlap=overlap)
    seen, going = Counter(), 1
    while going:
        going = sum(len(answer(session, person, 1)) for person in ("ada", "bob", "eve"))
        seen = Counter(p for event in session.events for p in [session.position_of(event.sample)])
    assert sorted(seen) == list(range(40))
    twice = {position for position, count in seen.items() if count == 2}
    assert twice == {position for position in range(40) if shares(0, overlap)(position)}
    assert max(seen.values()) <= 2
    assert (overlap == 0) == (not twice)


def test_nobody_gives_a_sample_a_second_opinion_on_their_own(start):
    session = start(people=("ada", "bob"), overlap=1.0)
    assert len(answer(session, "ada", 100)) == 40
    assert session.next_for("ada", [], 1) == []


def test_which_are_shared_depends_on_the_seed_alone():
    first = [shares(0, 0.2)(position) for position in range(5000)]
    assert 900 < sum(first) < 1100
    assert first == [shares(0, 0.2)(position) for position in range(5000)]
    assert first != [shares(1, 0.2)(position) for position in range(5000)]


def test_missing_samples_are_not_shown(start, photos):
    session = start()
    (photos / "a" / "00.png").unlink()
    session = start.again(session)
    assert 0 not in answer(session, "ada", 100, [0])
