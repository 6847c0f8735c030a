from alframe.data.remarks import LINES, Remarks


def test_columns_of_which_the_same_is_said_share_a_line():
    remarks = Remarks("-o data.", ["before"])
    for name in "abcdefg":
        remarks.note(name, "guessed", "drop={column} leaves it out")
        remarks.detail(name, "numbers")
    remarks.note("x", "left out", "")
    remarks.note("{column}", "seen", "drop={column} leaves it out")
    assert remarks.notes() == (
        "before",
        "columns 'a', 'b', 'c', 'd', 'e' and 2 more: guessed; -o data.drop=COLUMN,... leaves it out",
        "column 'x': left out",
        "column '{column}': seen; -o data.drop={column} leaves it out",
    )
    assert remarks.details() == ("columns 'a', 'b', 'c', 'd', 'e' and 2 more: numbers",)


def test_details_are_not_endless():
    remarks = Remarks("")
    for number in range(LINES + 7):
        remarks.detail("x", f"{number} categories")
    assert len(remarks.details()) == LINES + 1
    assert remarks.details()[-1] == "and 7 lines more"
