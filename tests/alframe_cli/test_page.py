import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest


class Reader(HTMLParser):
    """Gathers tags, the texts inside each kind of tag, and what would be loaded from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.loaded, self.open, self.texts = [], [], [], {}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.open.append(tag)
        self.loaded += [value for key, value in attributes if key in ("src", "href")]

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


@pytest.fixture
def page(alframe, tmp_path):
    """Runs ``alframe compare runs --html page.html ARGS``; gives the page."""

    def run(*arguments):
        outcome = alframe("compare", "runs", "--html", "page.html", *arguments)
        assert outcome.code == 0, outcome.err
        assert outcome.err.splitlines()[-1] == "page: page.html"
        return (tmp_path / "page.html").read_text()

    return run


def data_of(text):
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1]
    )


def test_calibration_is_on_it_where_it_is_recorded(page, write_run):
    bins = [[7, 4, 0.5, 0.25], [14, 16, 1.0, 1.0]]
    write_run("d", "s", "random", 1, [0.5, 0.6])
    assert "Reliability" not in page()
    write_run("d", "s", "<b>", 1, [0.5, 0.6], ece=0.125, brier=0.25, reliability=bins)
    text = page()
    assert "Calibration on d, s at 2,000 labels: lower is better" in text
    assert '<polyline class="curve" points="100.0,0.0"/>' in text
    assert '<circle class="hollow" cx="50.0" cy="75.0" r="2.2"/>' in text
    assert 'aria-label="&lt;b&gt;: calibration error 0.125, Brier score 0.250"' in text
    assert "<b>" not in text.partition("<script")[0].partition("Configuration")[0]


def test_everything_is_on_it(page, runs):
    text = page()
    for expected in (
        "digits, s1",
        "a_b beats random by 0.075 (95 % 0.075 to 0.075, p &lt; 0.001, 3 seeds: few)",
        "a_b against random, of 2 settings: beats in 2",
        "Penalty matrix of digits, s2",
        "Sum of the matrices of 1 setting",
        "margin has 2 of 3 seeds",
        "mean ranks need two strategies",
        "Configuration: none is recorded",
    ):
        assert expected in text


def test_the_curves_are_in_it(page, runs):
    first, second = data_of(page())
    assert [strategy["name"] for strategy in first] == ["a_b", "margin", "random"]
    assert [strategy["name"] for strategy in second] == ["a_b", "random"]
    point = second[1]["points"][1]
    assert (point["labelled"], point["seeds"]) == (2000, 3)
    assert (point["mean"], point["std"]) == pytest.approx((0.63, 0.0360555))
    assert first[2]["colour"] == second[1]["colour"]  # random looks the same in both
    assert first[2]["marker"] == second[1]["marker"]


def test_ranks_and_who_is_alike(page, runs):
    text = page("--strategies", "random,a_b")
    assert "critical difference of mean ranks (Nemenyi, 5 %): 1.39" in text
    assert "mean ranks can&#39;t tell apart: a_b, random" in text


def test_nothing_is_loaded_from_elsewhere(page, runs):
    reader = Reader(page())
    assert all(link.startswith(("#", "data:")) for link in reader.loaded)
    assert "link" in reader.tags
    text = page()
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_the_policy_knows_the_script(page, runs):
    text = page()
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[-1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text


def test_names_and_values_of_the_runs_do_no_harm(page, write_run):
    evil = '<img src=x onerror="alert(1)">'
    rounds = write_run("<b>d", "s&<i>", evil, 1, [0.5, 0.6])
    (rounds.parent / "config.toml").write_text("[run]\nout = '</script><script>alert(2)</script>'\n")
    write_run("<b>d", "s&<i>", "-->", 1, [0.5, 0.6])
    plain = Reader(page("--strategies", "-->")).tags
    reader = Reader(page())
    assert not {"img", "i"} & set(reader.tags)
    assert reader.tags.count("script") == plain.count("script") == 2
    assert "</script><script>alert(2)</script>" in reader.texts["td"]
    assert [strategy["name"] for strategy in data_of(page())[0]] == ["-->", evil]


def test_configuration_and_environment(page, write_run):
    for seed in (1, 2):
        folder = write_run("d", "s", "random", seed, [0.5, 0.6]).parent
        (folder / "config.toml").write_text("[train]\nepochs = 77\n")
        (folder / "environment.json").write_text(json.dumps({"packages": {"torch": f"2.{seed}"}}))
    (write_run("d", "s", "margin", 1, [0.5, 0.6]).parent / "config.toml").write_text("[train")
    text = page()
    cells = Reader(text).texts
    assert "train.epochs" in cells["th"]
    assert "77" in cells["td"]
    assert "2.1 | 2.2" in cells["td"]
    assert "margin/seed-1/config.toml can&#39;t be read: it is damaged or cut off" in text


def test_long_names_may_go_on_in_the_next_line(page, write_run):
    write_run("d", "s", "badge+select=core<set>", 1, [0.5, 0.6])
    assert '<th scope="row">badge+<wbr>select=<wbr>core&lt;set&gt;</th>' in page()


def test_nothing_in_common_over_settings_is_said(page, write_run):
    write_run("d", "s1", "a", 1, [0.5, 0.6])
    write_run("d", "s2", "b", 1, [0.5, 0.6])
    text = page()
    assert "Nothing can be said of all settings; the notes say why." in text
    assert "<ul>\n</ul>" not in text


def test_one_strategy_with_one_seed(page, write_run):
    write_run("d", "s", "random", 1, [0.5])
    text = page()
    assert "Accuracy on the test part, one seed." in text
    assert "Penalty matrix" not in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "by a paired t-test over seeds at 5 %."),
        (["--holm"], "at 5 %, corrected by Holm&#39;s procedure."),
        (
            ["--ddof", "0", "--critical", "2.776"],
            "with |t| above 2.776, its deviation over all S seeds (ddof 0).",
        ),
    ],
)
def test_the_criterion_in_words(page, runs, arguments, words):
    assert words in page(*arguments)


def test_the_same_runs_give_the_same_page(page, runs):
    assert page() == page()


def test_a_file_that_can_not_be_written(alframe, runs, tmp_path):
    (tmp_path / "folder").mkdir()
    outcome = alframe("compare", "runs", "--html", "folder")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        "error: the page can't be written to folder: Is a directory; name another file with --html\n"
    )
    (tmp_path / "file").touch()
    outcome = alframe("compare", "runs", "--html", "file/page.html")
    assert outcome.code == 2
    assert "the page can't be written to file/page.html" in outcome.err


def test_a_file_of_the_runs_is_no_page(alframe, runs, tmp_path):
    rounds = next((tmp_path / "runs").rglob("rounds.jsonl")).relative_to(tmp_path)
    before = (tmp_path / rounds).read_bytes()
    outcome = alframe("compare", "runs", "--html", str(rounds))
    assert outcome.code == 2
    assert f"--html {rounds} would overwrite a file of runs; name another file" in outcome.err
    assert (tmp_path / rounds).read_bytes() == before
    for _ in range(2):
        assert alframe("compare", "runs", "--html", "runs/page.html").code == 0
