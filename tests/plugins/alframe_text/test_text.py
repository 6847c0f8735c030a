"""What the plugin offers, through the engine."""

import importlib.util

import alframe
from alframe.experiments.sweep import resolve_presets
from alframe.registry.registry import installed
from alframe_text import network_of_texts
from alframe_text._presets import PRESETS


def test_auto_is_the_light_network_that_is_installed(monkeypatch):
    assert network_of_texts("gone.csv") == (
        "text-static" if importlib.util.find_spec("wordllama") else "text-hashed"
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert network_of_texts("gone.csv") == "text-hashed"
    assert installed().offers.network_for("auto", "texts:gone.csv") == "text-hashed"


def test_a_run_of_a_file_of_texts_takes_the_light_network(topics, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    run = {"strategy": ["margin"], "seeds": [1], "rounds": 1, "initial_size": 20, "query_size": 20}
    config = {
        "run": run | {"out": str(tmp_path), "device": "cpu"},
        "data": {"name": f"texts:{topics}"},
        "stages": {"train": "linear-probe"},
    }
    ((trial, summary),) = alframe.run(config).done
    assert trial.config["model"]["name"] == "text-hashed"
    assert summary.records[-1]["labelled"] == 40
    assert summary.records[-1]["accuracy"] > 0.3


def test_presets_say_whose_they_are_and_that_they_were_not_run():
    for name, preset in PRESETS.items():
        (settings,) = resolve_presets(installed(), [name], {})
        assert settings.model.name == "transformers"
        assert settings.source.name.startswith("huggingface:")
        assert "arXiv 2107.05687" in preset.reference
        assert "Not run by us" in preset.reference
