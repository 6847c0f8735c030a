import json

from alframe.experiments.plan import plan
from alframe.experiments.sweep import resolve_sweep
from alframe_cli.planned import print_left_out, print_plan


def settings_of(registry, out, **run):
    return resolve_sweep(registry, {"run": {"strategy": ["random"], "seeds": [1], "out": str(out)} | run})


def test_one_setting_needs_no_column(registry, tmp_path, capsys):
    print_plan(plan(settings_of(registry, tmp_path)), as_json=False)
    out = capsys.readouterr().out
    assert "setting" not in out.splitlines()[1].split()
    assert "new" in out


def test_settings_have_a_column(registry, tmp_path, capsys):
    planned = plan(settings_of(registry, tmp_path, query_size=[10, 20]))
    print_plan(planned, as_json=False)
    head, _, *rows = capsys.readouterr().out.strip().splitlines()
    assert head.split() == ["setting", "strategy", "seed", "state", "folder"]
    assert [row.split()[:4] for row in rows] == [[f"query_size={n}", "random", "1", "new"] for n in (10, 20)]
    print_plan(planned, as_json=True)
    assert [row["setting"] for row in json.loads(capsys.readouterr().out)] == [
        "query_size=10",
        "query_size=20",
    ]


def test_who_is_left_out_where(registry, tmp_path, capsys):
    settings = settings_of(registry, tmp_path, query_size=[10, 20])
    print_left_out({("bald", "no dropout"): settings, ("x", "y"): settings[:1]}, settings, registry)
    assert capsys.readouterr().err.splitlines()[:2] == [
        "note: bald is left out: no dropout",
        "note: query_size=10: x is left out: y",
    ]
