import os
import pickle
import signal
import time

import numpy as np
import pytest
from PIL import Image

from alframe import ImageDataOptions, TrialError
from alframe.data import decoding
from alframe.data.decoding import Decoder, images_stay_in_files, streaming

RULES = ImageDataOptions(size=4)


@pytest.fixture
def files(tmp_path):
    made = []
    for number in range(50):
        made.append(tmp_path / f"{number}.png")
        Image.fromarray(np.full((4, 4, 3), number, np.uint8)).save(made[-1])
    made[13].write_bytes(b"no image")
    return made


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("ahead", [0, 40])
def test_pictures_come_in_the_order_of_the_files(files, workers, ahead):
    decoder = Decoder(workers)
    try:
        for _ in range(2):
            found = list(decoder.decoded(iter(files), RULES, {}, ahead))
            assert [None if one is None else one.pixels[0, 0, 0] for one in found] == [
                *range(13),
                None,
                *range(14, 50),
            ]
        assert list(decoder.decoded(iter([]), RULES, {})) == []
    finally:
        decoder.close()


def test_few_are_decoded_before_they_are_taken(files, monkeypatch):
    taken = []

    def sources():
        for number, file in enumerate(files * 20):
            taken.append(number)
            yield file

    monkeypatch.setattr(decoding.os, "sched_getaffinity", lambda pid: {0}, raising=False)
    found = Decoder().decoded(sources(), RULES, {})
    next(found)
    assert len(taken) <= 4 * decoding.TOGETHER
    found.close()


@pytest.mark.slow
def test_a_process_that_is_killed_is_told_and_another_one_starts(files):
    decoder = Decoder(1)
    try:
        assert len(list(decoder.decoded(iter(files), RULES, {}))) == 50
        (worker,) = decoder._processes._processes
        os.kill(worker, signal.SIGKILL)
        time.sleep(0.2)
        with pytest.raises(TrialError, match="a process that decodes images was killed"):
            list(decoder.decoded(iter(files), RULES, {}))
        assert len(list(decoder.decoded(iter(files), RULES, {}))) == 50
    finally:
        decoder.close()


def test_in_another_process_threads_decode():
    assert pickle.loads(pickle.dumps(Decoder(3)))._workers == 0


def test_images_stay_in_files_within_a_block(tmp_path):
    assert streaming().share == decoding.SHARE
    with images_stay_in_files(0, tmp_path, lambda done, total: None) as decoder:
        assert (streaming().share, streaming().folder, streaming().decoder) == (0, tmp_path, decoder)
    assert streaming().folder is None
