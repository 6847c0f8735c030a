import re

import pytest

from alframe_cli.comparison_tables import Sheet, as_latex, as_markdown


def rows(text, *heads):
    return [line.split() for line in text.splitlines() if line.split() and line.split()[0] in heads]


def test_accuracy_and_brackets_where_there_are_fewer_seeds(alframe, runs):
    out = alframe("compare", "runs/digits/s1").out
    assert "Accuracy on digits, s1, mean ± standard deviation over 3 seeds; in brackets where fewer" in out
    [row] = rows(out, "2,000")
    assert " ".join(row) == "2,000 0.730 ± 0.036 0.600 ± 0.000 (2) 0.630 ± 0.036"


def test_one_seed(alframe, write_run):
    write_run("d", "s", "random", 1, [0.5, 0.6, 0.7])
    write_run("d", "s", "margin", 1, [0.5, 0.6])
    out = alframe("compare", "runs").out
    assert "Accuracy on d, s, one seed" in out
    assert rows(out, "1,000", "3,000") == [["1,000", "0.500", "0.500"], ["3,000", "-", "0.700"]]
    assert "margin and random: too few seeds (1 in common, 3 needed)" in out
    assert ["penalty", "-", "-"] in rows(out, "penalty")


def test_an_unfinished_trial_is_not_in_the_area_but_its_queries_cost(alframe, write_run):
    write_run("d", "s", "random", 1, [0.5, 0.6])
    write_run("d", "s", "a", 1, [0.5, 0.6, 0.7])
    write_run("d", "s", "a", 2, [0.5])
    write_run("d", "s", "a", 3, [0.5, 0.6])
    outcome = alframe("compare", "runs")
    assert "note: a, seed 2, lacks sizes that others have (it ends at 1,000)" in outcome.err
    assert " ".join(rows(outcome.out, "a")[0]) == "a 0.5500 ± 0.0000 0.5500 to 0.5500 1.88 ± 0.53 3 0"


def test_area_cost_and_savings_best_first(alframe, runs):
    out = alframe("compare", "runs/digits/s2").out
    table = rows(out, "a_b", "random")[:2]
    assert " ".join(table[0]).startswith("a_b 0.7050 ± 0.0361 0.6750 to 0.7450 2.25 ± 0.00 3 1,000")
    assert " ".join(table[1]).endswith("2.25 ± 0.00 3 -")


def test_matrix(alframe, runs):
    out = alframe("compare", "runs/digits/s2").out
    assert rows(out, "a_b")[2] == ["a_b", "-", "1.00"]
    assert rows(out, "penalty") == [["penalty", "0.00", "1.00"]]


def test_one_strategy_has_no_matrix(alframe, write_run):
    for seed in (1, 2):
        write_run("d", "s", "badge", seed, [0.5, 0.6])
    out = alframe("compare", "runs").out
    assert "badge 0.5500" in " ".join(rows(out, "badge")[0])
    assert "penalty" not in out.lower()  # "0.00" would read as "never beaten"


def test_several_settings(alframe, runs):
    out = alframe("compare", "runs", "--strategies", "random,a_b").out
    assert "Sum of the matrices of 2 settings" in out
    assert rows(out, "penalty")[-1] == ["penalty", "0.00", "2.00"]
    assert "Mean ranks by area over 2 settings" in out
    assert rows(out, "a_b")[-2] == ["a_b", "1.00"]
    assert out.splitlines()[-2:] == ["a_b against random, of 2 settings: beats in 2", ""]
    assert "critical difference of mean ranks (Nemenyi, 5 %): 1.39" in out


def test_six_settings_have_pairs(alframe, write_run):
    for k in range(6):
        for seed in (1, 2):
            for name, lead in (("random", 0), ("a", 0.01 * (k + 1)), ("b", 0.02 * (k + 2))):
                write_run("d", f"s{k}", name, seed, [0.5, 0.6 + lead])
    out = alframe("compare", "runs").out
    assert "over 6 settings; Friedman's test: p = 0.00248" in out
    assert "a and random: p = 0.0938 (Wilcoxon, Holm)" in out


def test_markdown(alframe, runs):
    out = alframe("compare", "runs/digits/s2", "--format", "markdown").out
    assert "| labels | a_b | random |\n| --- | ---: | ---: |\n| 1,000 | 0.530 ± 0.036 |" in out
    assert "| penalty | 0.00 | 1.00 |" in out
    assert "| a_b | 0.7050 ± 0.0361 | 0.6750 to 0.7450 | 2.25 ± 0.00 | 3 | 1,000 |" in out
    assert "\n- a_b beats random by 0.075 (95 % 0.075 to 0.075, p < 0.001, 3 seeds: few)\n" in out
    out = alframe("compare", "runs", "--format", "markdown", "--strategies", "a_b,random").out
    assert "| a_b | 1.00 |" in out
    assert out.endswith("\n- a_b against random, of 2 settings: beats in 2\n\n")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("<img src=x>", r"\<img src=x>"),
        ("p < 0.001", "p < 0.001"),
        ("*a*, `b`, [c]", r"\*a\*, \`b\`, \[c]"),
        ("a_b+select=c", "a_b+select=c"),
    ],
)
def test_markdown_escapes(text, escaped):
    table = as_markdown(Sheet(text, ("", text), [("x", "1")]))
    assert table == f"**{escaped}**\n\n|  | {escaped} |\n| --- | ---: |\n| x | 1 |\n"


def test_latex(alframe, runs):
    out = alframe("compare", "runs", "--format", "latex").out
    assert r"\usepackage{booktabs}" in out
    assert r"labels & a\_b & margin & random \\" in out
    assert r"0.530 $\pm$ 0.036" in out
    assert out.count(r"\toprule") == out.count(r"\bottomrule") == out.count(r"\end{table}") == 7
    assert "% a_b beats random by 0.075" in out
    printed = [line for line in out.splitlines() if not line.startswith("%")]
    assert "a_b" not in "".join(printed)
    columns = 0
    for line in printed:  # each row has the cells that its table has columns
        if line.startswith(r"\begin{tabular}"):
            columns = len(line.split("{")[-1].rstrip("}"))
        if line.endswith(r"\\"):
            assert len(re.findall(r"(?<!\\)&", line)) == columns - 1
        assert not re.search(r"(?<!\\)[%#_]", line)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b", r"a\_b"),
        ("50 % & {x} #1 $", r"50 \% \& \{x\} \#1 \$"),
        ("<a>|b", r"\textless{}a\textgreater{}\textbar{}b"),
        ("a~b^c\\d", r"a\textasciitilde{}b\textasciicircum{}c\textbackslash{}d"),
    ],
)
def test_latex_escapes(text, escaped):
    assert f"{escaped} & 1 \\\\" in as_latex(Sheet("t", ("", "n"), [(text, "1")]))


def test_many_strategies_are_set_side_by_side(alframe, write_run):
    names = [f"strategy-{k:02}" for k in range(20)]
    for name in names:
        for seed in (1, 2):
            write_run("d", "s", name, seed, [0.5, 0.6])
    out = alframe("compare", "runs").out
    assert len(rows(out, "1,000")) == 3
    assert len(rows(out, "penalty")) == 2  # its columns are narrower
    assert "…" not in out
    assert max(len(line) for line in out.splitlines() if "beats the column" not in line) <= 160
