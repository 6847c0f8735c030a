import pytest

from alframe.labelling.formats.matching import AMBIGUOUS, UNKNOWN, Matcher, path_of


@pytest.fixture
def find(start, photos):
    for name in ("x/same.png", "y/same.png", "x/y/same.png", "ü é.png"):
        target = photos / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((photos / "a" / "00.png").read_bytes())
    session = start()
    matcher = Matcher(session)

    def look(reference):
        position, problem = matcher.find(reference)
        return problem if position is None else session.samples[position].id

    return look


@pytest.mark.parametrize(
    ("reference", "wanted"),
    [
        ("a/00.png", "a/00.png"),
        ("00.png", "a/00.png"),
        ("/home/ada/photos/a/00.png", "a/00.png"),
        ("elsewhere/00.png", "a/00.png"),
        ("C:\\photos\\a\\00.png", "a/00.png"),
        ("/data/local-files/?d=photos/a/00.png", "a/00.png"),
        ("/data/local-files/?d=photos/%C3%BC%20%C3%A9.png", "ü é.png"),
        ("u\u0308 e\u0301.png", "ü é.png"),
        ("s3://bucket/photos/b/01.png?X-Amz=1", "b/01.png"),
        ("/data/upload/1/3f2a1b4c-00.png", "a/00.png"),
        ("same.png", AMBIGUOUS),
        ("z/same.png", AMBIGUOUS),
        ("photos/x/same.png", "x/same.png"),
        ("photos/x/y/same.png", "x/y/same.png"),
        ("y/same.png", "y/same.png"),
        ("99.png", UNKNOWN),
        ("", UNKNOWN),
        ("/", UNKNOWN),
    ],
)
def test_by_path_by_its_end_and_by_name(find, reference, wanted):
    assert find(reference) == wanted


def test_the_end_that_says_most_wins():
    assert path_of("https://host/data/a%20b/1.png?x=1") == ("https:", "host", "data", "a b", "1.png")


def test_texts_are_found_by_themselves(start, texts):
    session = start(texts, kind="texts")
    matcher = Matcher(session)
    assert matcher.find("review number 3 is good") == (3, "")
    assert matcher.find("3") == (3, "")
    assert matcher.find("review number") == (None, UNKNOWN)
