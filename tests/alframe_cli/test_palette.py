from alframe_cli.palette import COLOURS, DARK_COLOURS, DASHES, MARKERS, looks


def test_every_strategy_has_its_own_look():
    given = looks(str(k) for k in range(420))
    assert len(set(given.values())) == 420


def test_a_dozen_differ_in_black_and_white():
    given = looks("abcdefghijkl").values()
    assert len({look.marker for look in given}) == 12


def test_the_order_and_repeats_do_not_matter():
    assert looks(["b", "a", "b"]) == looks(["a", "b"])


def test_the_tables_fit_each_other():
    given = looks(str(k) for k in range(420)).values()
    assert max(look.colour for look in given) == len(COLOURS) - 1 == len(DARK_COLOURS) - 1
    assert max(look.marker for look in given) == len(MARKERS) - 1
    assert max(look.dash for look in given) == len(DASHES) - 1
    assert max(map(len, (COLOURS, MARKERS, DASHES))) == len(set(MARKERS))


def luminance(colour):
    red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2


def test_colours_stand_out_from_their_ground():
    assert all(1.05 / (luminance(colour) + 0.05) > 2 for colour in COLOURS)
    assert all((luminance(colour) + 0.05) / 0.06 > 4.5 for colour in DARK_COLOURS)
