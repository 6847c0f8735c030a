import dataclasses
import inspect

import alframe
from alframe import DataOptions, TableOptions


def test_what_tables_are_asked_is_what_their_reader_takes():
    keywords = inspect.signature(alframe.dataset_from_frame).parameters
    own = {field.name for field in dataclasses.fields(TableOptions)} - {
        field.name for field in dataclasses.fields(DataOptions)
    }
    assert set(TableOptions().reading) == own - {"target"}
    assert all(keywords[name].default == value for name, value in TableOptions().reading.items())
