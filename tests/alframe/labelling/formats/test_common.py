import pytest

from alframe.errors import UsageError
from alframe.labelling.formats.common import Collector, read_whole


def test_what_is_left_out_is_named_and_counted(other, tmp_path):
    found = Collector(other, tmp_path / "in.csv")
    for number in range(7):
        found.add(f"no{number}.png", "cat")
    assert found.finish().notes == [
        "in.csv: of no sample here: no0.png, no1.png, no2.png, no3.png, no4.png, ... (7 in all)"
    ]


def test_a_person_who_has_said_it_is_not_told_again(labelled, tmp_path):
    found = Collector(labelled, tmp_path / "in.csv")
    found.add("a/00.png", "cat", by="ada")
    found.add("a/00.png", "cat")
    assert found.finish().events == []
    found.add("a/00.png", "cat", by="eve", seconds=2.5, at="nonsense")
    (event,) = found.finish().events
    assert (event["by"], event["seconds"], event["at"], event["sample"]) == ("eve", 2.5, None, 0)


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_files_that_can_not_be_read(tmp_path, content):
    if content:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(UsageError):
        read_whole(tmp_path / "x")
