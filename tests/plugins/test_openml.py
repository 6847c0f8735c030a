import hashlib
import http.server
import os
import shutil
import threading

import pytest
import torch

import alframe
from alframe import UsageError

LETTER = "org/openml/www/datasets/6"


@pytest.fixture
def cache(shared_data, tmp_path):
    """A copy of the client's cache with the data set 6."""
    shutil.copytree(shared_data / "openml", tmp_path / "openml", copy_function=shutil.copyfile)
    for folder, _, _ in os.walk(tmp_path):
        os.chmod(folder, 0o755)
    return tmp_path


@pytest.mark.parametrize("location", ["6", "letter"])
def test_by_number_and_by_name_without_a_network(cache, location, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *args: pytest.fail("the network was asked"))
    data = alframe.load_dataset(f"openml:{location}", data_dir=cache)
    assert data.name == "letter"
    assert data.inputs.shape == (18_000, 16)
    assert data.test_inputs.shape == (2_000, 16)
    assert data.num_classes == 26
    torch.testing.assert_close(data.inputs.mean(0), torch.zeros(16), atol=1e-5, rtol=0)
    torch.testing.assert_close(data.inputs.std(0, correction=0), torch.ones(16), atol=1e-4, rtol=0)


def test_a_read_only_cache_stays_as_it_is(shared_data, monkeypatch):
    before = sorted((shared_data / "openml" / LETTER).iterdir())
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert alframe.load_dataset("openml:6", data_dir=shared_data).num_classes == 26
    assert sorted((shared_data / "openml" / LETTER).iterdir()) == before


def test_another_target(cache):
    data = alframe.load_dataset("openml:6", data_dir=cache, target="x-box")
    assert data.num_classes == 16
    assert data.inputs.shape[1] == 15 + 26
    with pytest.raises(UsageError, match="no column 'nothing'; -o data.target= names one of x-box"):
        alframe.load_dataset("openml:6", data_dir=cache, target="nothing")


@pytest.mark.parametrize("location", ["7", "poker"])
def test_what_is_not_in_the_cache_is_one_line(tmp_path, location):
    with pytest.raises(
        UsageError, match=f"'{location}' is not in .*openml.*--data-dir.*--download fetches it"
    ):
        alframe.load_dataset(f"openml:{location}", data_dir=tmp_path)


def test_a_damaged_file_is_one_line(cache):
    path = next((cache / "openml" / LETTER).glob("dataset.arff"))
    path.write_text(path.read_text()[:2000])
    with pytest.raises(UsageError, match="dataset.arff is damaged: its checksum is .*--download") as caught:
        alframe.load_dataset("openml:6", data_dir=cache)
    assert "\n" not in str(caught.value)


ARFF = """@RELATION fruit
@ATTRIBUTE weight REAL
@ATTRIBUTE colour {red,green,blue}
@ATTRIBUTE kind {apple,pear}
@DATA
"""
ROWS = [
    (
        f"{100 + row / 4}" if row % 7 else "?",
        ("red", "green", "blue", "?")[row % 4],
        ("apple", "pear")[row % 2],
    )
    for row in range(40)
]
ARFF += "".join(",".join(row) + "\n" for row in ROWS)


def xml(tag, content, space=' xmlns:oml="http://openml.org/openml"'):
    """An element; a dictionary's keys are elements inside it, repeated for each item of a list."""
    if isinstance(content, dict):
        pairs = [
            (key, one)
            for key, many in content.items()
            for one in (many if isinstance(many, list) else [many])
        ]
        content = "".join(xml(key, one, "") for key, one in pairs)
    return f"<oml:{tag}{space}>{content}</oml:{tag}>"


def answers(root, checksum):
    """OpenML's answers about a data set 77, fruit, by path."""
    fruit = {"name": "fruit", "version": 1, "format": "ARFF", "status": "active"}
    flags = {"is_target": "false", "is_ignore": "false", "is_row_identifier": "false"}
    columns = [
        {"index": 0, "name": "weight", "data_type": "numeric"},
        {"index": 1, "name": "colour", "data_type": "nominal", "nominal_value": ["red", "green", "blue"]},
        {"index": 2, "name": "kind", "data_type": "nominal", "nominal_value": ["apple", "pear"]},
    ]
    columns = [column | flags | {"number_of_missing_values": 0} for column in columns]
    more = {"description": "d", "licence": "Public", "url": f"{root}/fruit.arff", "file_id": 77}
    more |= {"default_target_attribute": "kind", "visibility": "public", "md5_checksum": checksum}
    return {
        "data/77": xml("data_set_description", {"id": 77, **fruit, **more}),
        "data/features/77": xml("data_features", {"feature": columns}),
        "data/qualities/77": xml(
            "data_qualities", {"quality": [{"name": "NumberOfInstances", "value": 40.0}]}
        ),
        "data/list": xml("data", {"dataset": [{"did": 77, **fruit}]}),
        "fruit.arff": ARFF,
    }


class Server(http.server.BaseHTTPRequestHandler):
    """Answers as OpenML does, which knows one data set."""

    checksum = hashlib.md5(ARFF.encode()).hexdigest()

    def do_GET(self):
        path = self.path.removeprefix("/api/v1/xml").strip("/")
        if path.startswith("data/list") and "/fruit" in path:
            path = "data/list"
        known = answers(f"http://127.0.0.1:{self.server.server_port}", self.checksum)
        unknown = xml("error", {"code": 111, "message": "Unknown dataset"})
        self.send_response(200 if path in known else 412)
        self.end_headers()
        self.wfile.write(known.get(path, unknown).encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    import openml

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(openml.config, "server", f"http://127.0.0.1:{server.server_port}/api/v1/xml")
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("location", ["77", "fruit"])
def test_a_download_and_then_the_cache(server, tmp_path, location, monkeypatch):
    data = alframe.load_dataset(f"openml:{location}", data_dir=tmp_path, download=True)
    assert data.name == "fruit"
    assert data.num_classes == 2
    assert data.inputs.shape == (36, 4)  # a number and three colours
    assert len(data.test_inputs) == 4
    assert data.inputs.isfinite().all()
    assert data.inputs[:, 0].mean().abs() < 1e-5
    assert set(data.inputs[:, 1:].sum(dim=1).tolist()) == {1.0}
    monkeypatch.setattr("socket.socket.connect", lambda *args: pytest.fail("the network was asked"))
    again = alframe.load_dataset(f"openml:{location}", data_dir=tmp_path)
    assert torch.equal(again.inputs, data.inputs)


def test_a_download_whose_checksum_is_wrong_is_one_line(server, tmp_path, monkeypatch):
    monkeypatch.setattr(Server, "checksum", "0" * 32)
    with pytest.raises(UsageError, match="data set '77' can't be had: .*[cC]hecksum") as caught:
        alframe.load_dataset("openml:77", data_dir=tmp_path, download=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("location", ["999", "stones"])
def test_what_the_server_does_not_know_is_one_line(server, tmp_path, location):
    with pytest.raises(UsageError, match=f"data set '{location}' can't be had: ") as caught:
        alframe.load_dataset(f"openml:{location}", data_dir=tmp_path, download=True)
    assert "\n" not in str(caught.value)
    if location == "999":
        assert "Unknown dataset" in str(caught.value)


def test_no_network_is_one_line(tmp_path, monkeypatch):
    import openml

    monkeypatch.setattr(openml.config, "server", "http://127.0.0.1:9/api/v1/xml")
    with pytest.raises(UsageError, match="data set '6' can't be had: ") as caught:
        alframe.load_dataset("openml:6", data_dir=tmp_path, download=True)
    assert "\n" not in str(caught.value)
