"""The server of ``alframe label`` is killed over and over while somebody labels."""

import http.client
import json
import random
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("uvicorn", reason="the extra label is not installed")

from alframe.labelling.oracle import Client
from alframe.labelling.session import Session
from label_doubles import write_digits

pytestmark = pytest.mark.slow
KILLS = 50
SAMPLES = 400


class Hand:
    """Labels without a pause; what has no answer is sent again, as the page does.

    Attributes:
        acknowledged: the client ids whose answers came, with what was said.
        asked: how many times anything was sent.
    """

    def __init__(self, address):
        self.address = address
        self.acknowledged = {}
        self.asked = 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.work)
        self.random = random.Random("hand")

    def work(self):
        client = Client(self.address)
        number = 0
        while not self.stopped.is_set():
            undo = number % 7 == 6
            said = {"event": "undo"} if undo else {"event": "label", "sample": self.random.randrange(SAMPLES)}
            said |= {} if undo else {"label": self.random.choice("ab")}
            while not self.stopped.is_set():
                self.asked += 1
                try:
                    told = client.post(said | {"client": f"c{number}"})
                except (OSError, http.client.HTTPException):
                    time.sleep(0.01)
                    continue
                self.acknowledged[f"c{number}"] = (said, told["n"])
                break
            number += 1
        client.close()


def test_fifty_times_at_random_moments(tmp_path):
    source = tmp_path / "digits"
    write_digits(source, SAMPLES)
    command = [
        sys.executable,
        "-m",
        "alframe_cli",
        "label",
        str(source),
        "--classes",
        "a,b",
        "--model",
        "none",
    ]

    def start():
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        return process, process.stdout.readline().strip()

    moments = random.Random("moments")
    process, address = start()
    hand = Hand(address)
    hand.thread.start()
    try:
        for _ in range(KILLS):
            before = len(hand.acknowledged)
            end = time.monotonic() + 60
            while len(hand.acknowledged) == before and time.monotonic() < end:
                time.sleep(0.001)
            time.sleep(moments.random() ** 2 * 0.3)
            process.kill()
            process.communicate()
            process, again = start()
            assert again == address
        time.sleep(0.2)
    finally:
        hand.stopped.set()
        hand.thread.join()
        process.kill()
        process.communicate()

    whole = (source.with_name("digits.alframe") / "labels.jsonl").read_bytes()
    lines = [json.loads(line) for line in whole[: whole.rindex(b"\n") + 1].splitlines()]
    on_disk = {line["client"]: line for line in lines}
    assert len(on_disk) == len(lines)  # nothing twice
    assert [line["n"] for line in lines] == list(range(1, len(lines) + 1))
    for client, (said, n) in hand.acknowledged.items():
        line = on_disk[client]
        assert (line["n"], line["event"]) == (n, said["event"])
        if said["event"] == "label":
            assert (line["sample"], line["label"]) == (f"{said['sample']:04}.png", said["label"])
    assert len(lines) - len(hand.acknowledged) <= 1  # the last may be on the disk without its answer
    assert hand.asked > len(hand.acknowledged) > KILLS
    session = Session.read(source.with_name("digits.alframe"))
    assert len(session.events) == len(lines)
