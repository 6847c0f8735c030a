import pickle
import threading

import pytest

from alframe import DamagedFileError, PluginError, TrialError, UsageError
from alframe.experiments.executors.worker import portable
from alframe.learning.blame import BlamedError


class OwnError(UsageError):
    def __init__(self, a, b):
        super().__init__()
        self.lock = threading.Lock()  # which can't be sent

    def __str__(self):
        return "two\nlines"


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (OwnError(1, 2), UsageError, "two lines"),
        (BlamedError("plugin 'x' raised"), PluginError, "plugin 'x' raised"),
        (DamagedFileError("f.npz: cut off"), DamagedFileError, "f.npz: cut off"),
        (TrialError("loss became NaN"), TrialError, "loss became NaN"),
    ],
)
def test_an_error_that_is_sent_keeps_kind_text_and_trace(error, kind, text):
    error.__cause__ = ZeroDivisionError("why")
    sent = pickle.loads(pickle.dumps(portable(error)))
    assert type(sent) is kind
    assert str(sent) == text
    assert "ZeroDivisionError: why" in sent.__notes__[0]
