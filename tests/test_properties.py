"""What holds for any input at all: options, seeds, layers of a configuration, frames, labels."""

import dataclasses
import math

import click
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alframe import ActiveLearner, Dataset, Recipe, UsageError, dataset_from_frame
from alframe.contract.options import build, describe, written
from alframe.contract.sections import RunOptions
from alframe.experiments.configuration import merge
from alframe_cli.params import SeedList

few = settings(max_examples=60, derandomize=True, deadline=None, database=None)
numbers = st.integers().map(str) | st.floats().map(repr)
values = (
    numbers | st.text(max_size=20) | st.sampled_from(["none", "true", "", "1,2", "0x10", "1_0", "9" * 5000])
)
sections = st.dictionaries(st.sampled_from("abc"), st.dictionaries(st.sampled_from("xy"), st.integers()))


@few
@given(st.sampled_from([field.name for field in describe(Recipe)]), values)
def test_an_option_is_of_its_type_and_range_or_refused(name, text):
    try:
        built = build(Recipe, {name: text}, "train")
    except UsageError:
        return
    value = getattr(built, name)
    assert not isinstance(value, float) or not math.isnan(value)
    assert build(Recipe, {name: written(value)}, "train") == built


@few
@given(st.dictionaries(st.sampled_from([f.name for f in dataclasses.fields(RunOptions)]), values, max_size=3))
def test_a_section_is_taken_whole_or_refused(given_values):
    try:
        built = build(RunOptions, given_values, "run")
    except UsageError:
        return
    assert {key: written(getattr(built, key)) for key in given_values}.keys() == given_values.keys()


@few
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), min_size=1, max_size=5))
def test_ranges_of_seeds_are_written_out(ranges):
    text = ",".join(f"{first}-{first + more}" for first, more in ranges)
    expected = [seed for first, more in ranges for seed in range(first, first + more + 1)]
    assert SeedList().convert(text, None, None) == expected


@few
@given(st.text(max_size=12))
def test_other_texts_are_no_seeds(text):
    try:
        seeds = SeedList().convert(text, None, None)
    except click.BadParameter:
        return
    assert all(isinstance(seed, int) and seed >= 0 for seed in seeds)


@few
@given(sections, sections, sections)
def test_the_last_layer_of_a_configuration_counts(first, second, third):
    merged = merge(first, second, third)
    assert merged == merge(merge(first, second), third)
    assert all(
        merged[section][key] == value for section, keys in third.items() for key, value in keys.items()
    )
    assert merged == merge(merged, merged)


cells = st.none() | st.integers(-9, 9) | st.floats(-1e6, 1e6) | st.sampled_from(["a", "b", "", "NA", "1,5"])


@settings(few, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(cells, cells), min_size=4, max_size=12), st.randoms(use_true_random=False))
def test_a_frame_becomes_finite_numbers_or_is_refused(rows, draw):
    frame = pd.DataFrame(rows, columns=["one", "two"]).assign(kind=[draw.choice("ab") for _ in rows])
    try:
        dataset = dataset_from_frame("t", frame, "kind").split_test(0.5, torch.Generator())
    except UsageError:
        return
    assert dataset.inputs.isfinite().all()
    assert dataset.test_inputs.isfinite().all()
    assert len(dataset.targets) + len(dataset.test_targets) == len(rows)


@pytest.fixture(scope="module")
def small():
    targets = torch.arange(12) % 3
    return Dataset(
        "small", torch.eye(3)[targets] + torch.arange(12.0)[:, None] / 99, targets, 3
    ).hide_labels()


label = st.integers(-2, 4) | st.floats() | st.none() | st.sampled_from(["1", "x", True, 2**70])


@few
@given(st.lists(label, min_size=1, max_size=4), st.sampled_from([list, tuple, np.array, pd.Series]))
def test_labels_are_taken_as_they_are_or_refused(small, labels, kind):
    learner = ActiveLearner(small, "mlp", "random", device="cpu")
    try:
        learner.tell(range(len(labels)), kind(labels))
    except UsageError:
        assert not len(learner.labelled)
        return
    assert learner.targets.tolist() == [int(one) for one in labels]
    assert all(float(one) in (0, 1, 2) for one in labels)
