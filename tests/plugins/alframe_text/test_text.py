"""What the plugin offers, through the engine."""

import dataclasses
import importlib.util

import pytest

import alframe
from alframe.experiments.configuration import resolve
from alframe.registry.registry import installed
from alframe_text import network_of_texts


def test_auto_is_the_light_network_that_is_installed(monkeypatch):
    assert network_of_texts("gone.csv") == (
        "text-static" if importlib.util.find_spec("wordllama") else "text-hashed"
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert network_of_texts("gone.csv") == "text-hashed"
    assert installed().offers.network_for("auto", "texts:gone.csv") == "text-hashed"


def test_a_run_of_a_file_of_texts(topics, tmp_path):
    result = alframe.run(
        run={"strategy": "margin", "seeds": [1], "rounds": 1, "initial_size": 20, "query_size": 20},
        data={"name": f"texts:{topics}"},
        model={"name": "text-hashed", "columns": 256},
        stages={"train": "linear-probe"},
        out=tmp_path,
    )
    assert result
