import hashlib
import http.server
import os
import pathlib
import pickle
import shutil
import threading

import pytest
import torch

import alframe
from alframe import DamagedFileError, UsageError

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
    with pytest.raises(UsageError, match=r"2 columns are named as targets, 'x-box', 'class' \(multi-label\)"):
        alframe.load_dataset("openml:6", data_dir=cache, target="x-box,class")


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


@pytest.fixture
def kept(tmp_path):
    """Puts a data set 78 into the client's cache: its ARFF or parquet, and what its description says."""

    def kept(content, name="dataset.arff", **more):
        folder = tmp_path / "openml/org/openml/www/datasets/78"
        folder.mkdir(parents=True, exist_ok=True)
        content = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(content)
        fields = {"id": 78, "name": "mine", "version": 1, "format": "ARFF", "url": "http://127.0.0.1:9/"}
        fields |= {"default_target_attribute": "kind"}
        fields |= {"md5_checksum": hashlib.md5(content).hexdigest(), **more}
        (folder / "description.xml").write_text(xml("data_set_description", fields))
        (folder / "features.xml").write_text(answers("", "")["data/features/77"])
        return folder

    return kept


def mine(tmp_path, **options):
    return alframe.load_dataset("openml:78", data_dir=tmp_path, test_fraction=0.25, **options)


class Trap:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.write_text, (self.path, "was here")


PICKLES = ["features.xml.pkl", "qualities.xml.pkl", "dataset.pkl.py3", "dataset.feather.attributes.pkl.py3"]


def test_no_pickle_of_a_cache_is_opened_and_none_is_written(kept, tmp_path, monkeypatch):
    folder = kept(ARFF)
    for name in [*PICKLES, "dataset_78.pkl.py3"]:
        (folder / name).write_bytes(pickle.dumps(Trap(tmp_path / name)))
    (folder / "dataset.feather").touch()
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert mine(tmp_path).num_classes == 2
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["openml"]


def test_no_pickle_is_opened_after_a_download(server, tmp_path):
    alframe.load_dataset("openml:77", data_dir=tmp_path, download=True)
    (folder,) = [path.parent for path in tmp_path.rglob("dataset.arff")]
    assert not list(folder.glob("*.pkl*"))
    (folder / "dataset.arff").unlink()
    for name in PICKLES:
        (folder / name).write_bytes(pickle.dumps(Trap(tmp_path / name)))
    data = alframe.load_dataset("openml:77", data_dir=tmp_path, download=True)
    assert data.num_classes == 2
    assert [path.name for path in tmp_path.iterdir()] == ["openml"]


LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><oml:data_set_description '
    'xmlns:oml="http://openml.org/openml"><oml:name>&b;</oml:name></oml:data_set_description>'
)
FILE = LAUGHS.replace('"ha"', 'SYSTEM "file:///etc/hostname"')


@pytest.mark.parametrize(
    "content",
    [
        LAUGHS,
        FILE,
        "",
        "<a",
        "<a/>",
        "<a><b>1</b></a>",
        "<a>" * 5000 + "</a>" * 5000,
        "<a><name><c/></name></a>",
        "\0",
    ],
)
def test_a_hostile_description_is_one_line(kept, tmp_path, content):
    folder = kept(ARFF)
    (folder / "description.xml").write_text(content)
    with pytest.raises(DamagedFileError, match="description.xml is no description of a data set: ") as caught:
        mine(tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="'letter' is not in"):  # nor does it hide others
        alframe.load_dataset("openml:letter", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ARFF.replace("apple\n", "plum\n", 1), "plum"),
        (ARFF.replace("REAL", "DATE"), "Bad @ATTRIBUTE type"),
        (ARFF + "1,red\n", "Bad @DATA instance"),
        (ARFF + "x,red,pear\n", "numerical value"),
        (ARFF.replace("green,", "red,"), "unique"),
        ("", "."),
        (b"\xff\xfe" * 100, "."),
    ],
)
def test_a_file_that_is_no_arff_is_one_line(kept, tmp_path, content, message):
    kept(content)
    with pytest.raises(DamagedFileError, match=f"dataset.arff can't be read as ARFF: .*{message}") as caught:
        mine(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_damaged_file_is_no_wrong_option(kept, tmp_path):
    folder = kept(ARFF)
    (folder / "dataset.arff").write_text(ARFF.replace("red", "tan"))
    with pytest.raises(DamagedFileError, match="dataset.arff is damaged: its checksum is"):
        mine(tmp_path)


def test_sparse_rows(kept, tmp_path):
    """What a row leaves out is 0, or the first category; the last row leaves out everything."""
    kinds = {"a": "REAL", "b": "{x,z}", "c": "INTEGER", "kind": "{p,q}"}
    header = (
        "@RELATION r\n" + "".join(f"@ATTRIBUTE {name} {kind}\n" for name, kind in kinds.items()) + "@DATA\n"
    )
    rows = ["{0 1700000000.5,3 q}", "{0 1700000001.5,1 z}", "{2 ?,3 q}", "{2 5}"] * 4 + ["{ }"]
    kept(header + "\n".join(rows) + "\n", format="Sparse_ARFF")
    data = mine(tmp_path)
    assert len(data) + len(data.test_inputs) == 17
    assert data.inputs.shape[1] == 1 + 1 + 2
    assert torch.cat([data.targets, data.test_targets]).sum() == 8
    assert torch.cat([data.inputs, data.test_inputs])[:, 2].sum() == 13  # x


def test_columns_that_the_description_leaves_out(kept, tmp_path):
    kept(ARFF, row_id_attribute="weight", ignore_attribute=["colour", "kindness"])
    with pytest.raises(UsageError, match="no column beside the target 'kind'"):
        mine(tmp_path)
    kept(ARFF, ignore_attribute="weight")
    assert mine(tmp_path).inputs.shape[1] == 3
    kept(ARFF, default_target_attribute="")
    with pytest.raises(
        UsageError, match="names no target; -o data.target= names one of weight, colour, kind"
    ):
        mine(tmp_path)


def test_options_of_tables(kept, tmp_path):
    kept(ARFF.replace("\n?,", "\n-7,"))
    data = mine(tmp_path, missing=["-7"], drop=["colour"])
    assert data.inputs.shape[1] == 1
    assert "column 'weight': numbers, 6 missing, filled with the mean" in data.details


def test_large_numbers_and_texts(kept, tmp_path):
    arff = "@RELATION r\n@ATTRIBUTE t NUMERIC\n@ATTRIBUTE s STRING\n@ATTRIBUTE kind {a,b}\n@DATA\n"
    kept(arff + "".join(f"{1_700_000_000 + i},'word {i % 3}',{'ab'[i % 2]}\n" for i in range(40)))
    data = mine(tmp_path)
    assert len(data.inputs[:, 0].unique()) == 30
    assert data.inputs.shape[1] == 4


def test_parquet(kept, tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"x": range(40), "kind": pd.Categorical(["a", "b"] * 20)})
    path = tmp_path / "made.pq"
    frame.to_parquet(path)
    kept(path.read_bytes(), "dataset_78.pq")
    assert mine(tmp_path).inputs.shape == (30, 1)
    kept(b"PAR1 no", "dataset_78.pq")
    with pytest.raises(DamagedFileError, match="dataset_78.pq can't be read as parquet: "):
        mine(tmp_path)
