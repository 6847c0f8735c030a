import json


def test_the_trials_of_a_run_are_a_table_and_json(alframe, quick):
    command = ["run", "--strategy", "random", *quick, "--rounds", "1"]
    alframe(*command)
    alframe(*command, "--seeds", "3", "--write-tasks")
    outcome = alframe("status", "runs")
    assert outcome.code == 0
    assert outcome.out.count("done") == 2
    assert "random seed 3" in outcome.out
    rows = json.loads(alframe("status", "runs", "--json").out)
    assert [(row["state"], row["rounds"], row["of"]) for row in rows] == [
        ("queued", 0, 2),
        ("done", 2, 2),
        ("done", 2, 2),
    ]


def test_no_folder(alframe):
    outcome = alframe("status", "nowhere")
    assert outcome.code == 2
    assert "there is no folder nowhere" in outcome.err
