def test_it_says_what_to_do_next(alframe, tmp_path):
    outcome = alframe("new-plugin", "gini")
    assert outcome.code == 0
    assert "alframe-strategy-gini: a query strategy that works" in outcome.out
    for command in ("pip install -e", "alframe run --strategy gini", "pytest alframe-strategy-gini"):
        assert command in outcome.out
    assert (tmp_path / "alframe-strategy-gini" / "pyproject.toml").is_file()


def test_a_folder_and_a_kind(alframe, tmp_path):
    assert alframe("new-plugin", "moons", "--kind", "dataset", "--out", "two words").code == 0
    assert (tmp_path / "two words" / "alframe-dataset-moons" / "alframe_dataset_moons.py").is_file()


def test_mistakes_are_one_line(alframe, tmp_path):
    alframe("new-plugin", "gini")
    for arguments in (["gini"], ["Gini"], ["margin"]):
        outcome = alframe("new-plugin", *arguments)
        assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
        assert outcome.err.startswith("error: ")
    assert alframe("new-plugin", "x", "--kind", "thing").code == 2
