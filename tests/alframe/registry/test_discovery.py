from importlib import metadata

import pytest

from alframe.registry import discovery


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the path that distributions can be added to."""
    monkeypatch.syspath_prepend(tmp_path)

    def add(name, entries, head="Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"):
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        if head is not None:
            (folder / "METADATA").write_text(head.format(name=name))
        (folder / "entry_points.txt").write_text(entries)

    return add


def test_entry_points_are_those_of_the_standard_library(site):
    site("mine", "[alframe_test]\none = os\ntwo = sys:path\n")
    found, damaged = discovery.entry_points("alframe_test")
    assert [(e.name, e.value) for e in found] == [("one", "os"), ("two", "sys:path")]
    assert [discovery.source(entry) for entry in found] == [("mine", "1.0")] * 2
    assert damaged == []


def test_a_damaged_distribution_hides_no_other(site):
    site("mine", "[alframe_test]\none = os\n")
    site("damaged", "[alframe_test]\nnonsense\n")
    with pytest.raises(Exception, match="."):
        list(metadata.entry_points(group="alframe_test"))
    found, damaged = discovery.entry_points("alframe_test")
    assert [entry.name for entry in found] == ["one"]
    ((name, problem),) = damaged
    assert name == "damaged"
    assert problem.startswith("its entry_points.txt can't be read: ")
    assert {e.name for e in discovery.entry_points("alframe")[0]} >= {"alfamix", "margin"}


@pytest.mark.parametrize("head", [None, "", "Metadata-Version: 2.1\n"])
def test_without_metadata_the_folder_gives_the_name(site, head):
    site("bare", "[alframe_test]\none = os\n", head)
    (entry,), _ = discovery.entry_points("alframe_test")
    assert discovery.source(entry) == ("bare-1.0", "")


def test_an_entry_point_of_no_distribution():
    assert discovery.source(metadata.EntryPoint("one", "os", "alframe_test")) == ("local", "")


def test_metadata_is_read_once_for_all_entry_points_of_a_distribution(site, monkeypatch):
    site("mine", "[alframe_test]\n" + "".join(f"p{i} = os\n" for i in range(20)))
    asked = []
    read = metadata.PathDistribution.read_text
    monkeypatch.setattr(
        metadata.PathDistribution, "read_text", lambda self, name: asked.append(name) or read(self, name)
    )
    found, _ = discovery.entry_points("alframe_test")
    assert {discovery.source(entry) for entry in found} == {("mine", "1.0")}
    assert len(found) == 20
    assert 0 < asked.count("METADATA") < 20
