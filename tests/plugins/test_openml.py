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


class Server(http.server.BaseHTTPRequestHandler):
    """Answers as OpenML does to an unknown number."""

    def do_GET(self):
        self.send_response(412)
        self.end_headers()
        self.wfile.write(
            b'<oml:error xmlns:oml="http://openml.org/openml"><oml:code>111</oml:code>'
            b"<oml:message>Unknown dataset</oml:message></oml:error>"
        )

    def log_message(self, *args):
        pass


def test_what_the_server_does_not_know_is_one_line(tmp_path, monkeypatch):
    import openml

    server = http.server.HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(openml.config, "server", f"http://127.0.0.1:{server.server_port}/api/v1/xml")
    try:
        with pytest.raises(UsageError, match="data set '999' can't be had: .*Unknown dataset"):
            alframe.load_dataset("openml:999", data_dir=tmp_path, download=True)
    finally:
        server.shutdown()
        server.server_close()


def test_no_network_is_one_line(tmp_path, monkeypatch):
    import openml

    monkeypatch.setattr(openml.config, "server", "http://127.0.0.1:9/api/v1/xml")
    with pytest.raises(UsageError, match="data set '6' can't be had: ") as caught:
        alframe.load_dataset("openml:6", data_dir=tmp_path, download=True)
    assert "\n" not in str(caught.value)
