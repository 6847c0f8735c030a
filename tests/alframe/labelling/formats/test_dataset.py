import numpy as np
import pytest
import torch
from PIL import Image

import alframe
from alframe.errors import UsageError
from alframe.labelling.formats import dataset as formats
from alframe.labelling.formats.dataset import dataset, labelled


def label_all(session):
    for sample in session.samples:
        label = "cat" if sample.position % 2 else "dog"
        session.post({"event": "label", "sample": sample.position, "label": label}, "ada")


def test_every_sample_at_its_position(start, photos):
    (photos / "a" / "02.png").write_bytes(b"broken")
    session = start()
    (photos / "a" / "04.png").unlink()
    session = start.again(session)
    session.post({"event": "label", "sample": 0, "label": "dog"}, "ada")
    session.post({"event": "label", "sample": 1, "label": "dog"}, "ada")
    found = dataset(session, size=8)
    assert found.inputs.shape == (40, 3, 8, 8)
    assert found.inputs[:, 0, 0, 0].tolist() == [0, 0, 0, *range(6, 40, 2), *range(1, 40, 2)]
    assert found.targets[:2].tolist() == [1, -1]
    assert (found.targets == -1).sum() == 39
    assert found.num_classes == 2
    assert "missing or can't be decoded: a/02.png, a/04.png" in found.notes[0]
    assert found.transform(found.inputs[:1]).dtype == torch.float32


def test_without_classes_and_labels_there_is_a_data_set_all_the_same(start):
    found = dataset(start(classes=()))
    assert found.num_classes == 2
    assert found.inputs.shape == (40, 3, 8, 8)  # as large as they are
    assert set(found.targets.tolist()) == {-1}


def test_images_are_turned(start, photos):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (8, 8))
    image.paste((255, 255, 255), (0, 0, 4, 8))
    image.save(photos / "0.jpg", exif=exif, quality=100)
    found = dataset(start(), size=8)
    assert found.inputs[0, 0, 0].float().mean() > 200  # the left side is now the upper one


def test_the_audit_is_the_test_part(start):
    session = start(audit=4)
    label_all(session)
    found = labelled(session, size=8)
    assert (len(found.inputs), len(found.test_inputs)) == (36, 4)
    assert found.test_targets.tolist() == [0 if position % 2 else 1 for position in session.audit]


def test_fewer_than_two_classes(start):
    session = start()
    session.post({"event": "label", "sample": 0, "label": "cat"}, "ada")
    with pytest.raises(UsageError, match="labels of at least 2 classes are needed"):
        labelled(session)


def test_arrays_for_npz(start, tmp_path):
    session = start(audit=4)
    label_all(session)
    notes = formats.write(session, tmp_path / "out.npz")
    assert notes[-1] == "out.npz: the classes are 0 cat, 1 dog"
    found = alframe.load_dataset(f"npz:{tmp_path / 'out.npz'}")
    same = labelled(session)
    assert torch.equal(found.inputs, same.inputs)
    assert found.targets.tolist() == same.targets.tolist()
    assert found.test_targets.tolist() == same.test_targets.tolist()
    with np.load(tmp_path / "out.npz") as arrays:
        assert set(arrays) == {"x_train", "y_train", "x_test", "y_test"}


def test_texts(start, texts):
    session = start(texts, kind="texts")
    label_all(session)
    found = dataset(session)
    assert found.inputs.shape[0] == 12
    assert found.inputs.dtype == torch.float32
    assert found.targets.tolist() == [1, 0] * 6
    assert "hashed words" in found.notes[0]
    assert torch.equal(found.inputs, dataset(session).inputs)
    assert len(labelled(session)) == 12


def test_a_learner_learns_from_a_session(start):
    session = start()
    for position in (0, 1, 2, 3):
        session.post({"event": "label", "sample": position, "label": "cat" if position % 2 else "dog"}, "ada")
    recipe = alframe.Recipe(epochs=1)
    learner = alframe.ActiveLearner(dataset(session, size=8), "mlp", "random", recipe=recipe, device="cpu")
    learner.fit()
    assert len(learner.ask(3)) == 3


@pytest.mark.parametrize(
    ("count", "side", "most", "expected"),
    [(40, 300, 64, 64), (40, 300, 96, 96), (40, 20, 96, 20), (100_000, 300, 64, 32), (10**9, 300, 96, 12)],
)
def test_images_are_as_large_as_is_good_and_there_is_room(photos, count, side, most, expected):
    Image.new("RGB", (side, side // 2)).save(photos / "large.png")
    assert formats._size([photos / "large.png"], count, most) == expected


def test_files_that_are_no_images_do_not_count(photos):
    (photos / "none.png").write_bytes(b"no image")
    assert formats._size([photos / "none.png"], 1, 64) == 64
    assert formats._size([photos / "none.png", photos / "a" / "02.png"], 2, 64) == 8
