from alframe.labelling.reservations import Reservations


def test_a_sample_is_held_for_ten_minutes_from_when_it_was_shown_last(clock):
    held = Reservations(clock)
    held.hold(3, "ada")
    clock.now = 599
    assert held.holders(3) == {"ada"}
    held.hold(3, "ada")
    clock.now = 1198
    assert held.of("ada") == [3]
    clock.now = 1199
    assert held.holders(3) == set()
    assert held.of("ada") == []


def test_the_first_shown_comes_first_and_an_undone_one_before_it(clock):
    held = Reservations(clock)
    for position in (5, 2, 9):
        held.hold(position, "ada")
    held.hold(2, "ada")
    assert held.of("ada") == [5, 2, 9]
    held.hold(7, "ada", first=True)
    held.release(2, "ada")
    assert held.of("ada") == [7, 5, 9]
    assert held.of("bob") == []


def test_two_people_may_hold_one(clock):
    held = Reservations(clock)
    held.hold(1, "ada")
    clock.now = 300
    held.hold(1, "bob")
    clock.now = 700
    assert held.holders(1) == {"bob"}
    held.release(1, "ada")
    assert held.holders(1) == {"bob"}
