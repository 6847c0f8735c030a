import json

import pytest

from alframe.experiments.run import prepare
from alframe.experiments.trials import Listener
from alframe.registry.registry import installed

SECONDS = ("seconds", "memory", "_mb")  # what no two runs have the same of


@pytest.fixture
def alframe_rounds():
    """Runs margin on a data set and gives what its rounds say but for times."""
    from alframe.experiments.settings import resolve

    def run(dataset, out, train):
        sections = {
            "run": {"strategy": ["badge"], "seeds": [1], "initial_size": 6, "query_size": 5, "rounds": 2},
            "data": {"name": dataset, "size": 8},
            "model": {"name": "mlp"},
            "train": {"epochs": 2},
        }
        sections["run"] |= {"out": str(out), "device": "cpu"}
        if train:
            sections["stages"] = {"train": train}
        prepared = prepare([resolve(installed(), sections)], installed())
        result = prepared.run(Listener())
        assert not result.failed
        (file,) = out.rglob("rounds.jsonl")
        rounds = [json.loads(line) for line in file.read_text().splitlines()]
        return [
            {key: value for key, value in done.items() if not any(word in key for word in SECONDS)}
            for done in rounds
        ]

    return run
