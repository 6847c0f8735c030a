"""Plugins in files that raise, print, leave, change the process or return wrong things."""

from __future__ import annotations

from fuzzing.case import BROKEN, Case, Draw
from fuzzing.material import ON, SMALL, copy

HEAD = """\
from alframe import PluginInfo, hookimpl, option, CheckedOptions, DatasetInfo, ModelInfo, PresetInfo
import dataclasses, os, signal, sys, threading, warnings
import numpy as np
import torch
"""
INFO = """
@hookimpl
def alframe_info():
    {info}
    return PluginInfo(summary="odd")
"""
HOOKS = {
    "alframe_score": ("pool", "torch.rand(len(pool))"),
    "alframe_embed": ("pool, labelled", "__import__('alframe').Embeddings(pool.features, labelled.features)"),
    "alframe_select": ("pool, labelled, scores, n, ctx", "torch.arange(n)"),
    "alframe_train": (
        "model, labelled, validation, recipe, ctx",
        "__import__('alframe').train_supervised(model, labelled, validation, recipe, ctx)",
    ),
    "alframe_datasets": ("", "{}"),
    "alframe_models": ("", "{}"),
    "alframe_presets": ("", "{}"),
    "alframe_run_started": ("run", "None"),
    "alframe_round_finished": ("run, record", "None"),
    "alframe_run_finished": ("run, summary", "None"),
}
ACTS = (
    "raise ValueError('odd')",
    "raise ValueError",
    "raise ValueError('a\\nb\\x1b[31m')",
    "raise ValueError('x' * 100_000)",
    "raise KeyError(('a', 1))",
    "raise type('Own', (Exception,), {'__init__': lambda self, a, b: None})(1, 2)",
    "raise type('Own', (Exception,), {'__str__': lambda self: 1 / 0})()",
    "raise type('Own', (Exception,), {'__repr__': lambda self: 1 / 0, '__str__': lambda self: None})()",
    "raise BaseException('base')",
    "raise ExceptionGroup('several', [ValueError(1), OSError(2)])",
    "raise MemoryError",
    "raise RecursionError",
    "raise StopIteration",
    "raise GeneratorExit",
    "raise UnicodeDecodeError('utf-8', b'\\xff', 0, 1, 'odd')",
    "raise OSError(28, 'No space left on device', '/x')",
    "raise BrokenPipeError",
    "raise __import__('alframe').UsageError('a\\nb')",
    "raise __import__('alframe').UsageError",
    "raise __import__('alframe').TrialError('odd')",
    "raise __import__('click').Abort()",
    "raise __import__('click').UsageError('odd')",
    "sys.exit(0)",
    "sys.exit(7)",
    "sys.exit('words')",
    "exit()",
    "os._exit(0)",
    "print('spoils', flush=True)",
    "print('spoils \\x1b[31m', file=sys.stderr)",
    "os.write(1, b'spoils')",
    "os.chdir('/')",
    "os.environ.clear()",
    "sys.setrecursionlimit(150)",
    "torch.set_default_dtype(torch.float64)",
    "torch.set_default_device('meta')",
    "torch.set_grad_enabled(False)",
    "torch.use_deterministic_algorithms(True)",
    "torch.manual_seed(0); np.random.seed(0); __import__('random').seed(0)",
    "np.seterr(all='raise')",
    "warnings.simplefilter('error')",
    "warnings.warn('odd')",
    "signal.signal(signal.SIGINT, signal.SIG_DFL)",
    "sys.stdout.close()",
    "sys.stdout = None",
    "sys.stderr = None",
    "os.close(1)",
    "sys.modules.pop('alframe', None)",
    "threading.Thread(target=lambda: 1 / 0).start()",
    "__import__('logging').basicConfig(level=0)",
    "(lambda f: f(f))(lambda f: f(f))",
    "bytearray(1 << 40)",
    "del sys.path[:]",
    "__import__('locale').setlocale(0, 'xx')",
    "__import__('builtins').print = None",
)
RESULTS = (
    *("None", "0", "'x'", "[]", "{}", "()", "object()", "True", "float('nan')", "torch.zeros(0)"),
    *("torch.zeros(3, 3)", "torch.full((1000,), float('nan'))", "torch.full((50,), float('nan'))"),
    *("torch.full((50,), float('inf'))", "torch.zeros(50, dtype=torch.complex64)"),
    *("torch.zeros(50, requires_grad=True)", "torch.zeros(50, device='meta')"),
    *("torch.zeros(5, dtype=torch.int64)", "torch.arange(5) - 1", "torch.arange(5) + 2**40"),
    *("torch.arange(5.0) + 0.5", "np.arange(5)", "[0, 1, 2, 3, 4]", "range(5)", "iter(())"),
    *("torch.zeros(5).to_sparse()", "lambda: 0", "Ellipsis", "{1: 2}", "{'x': None}"),
    "{'': DatasetInfo(summary='s', load=lambda r: None)}",
    "{'x': DatasetInfo(summary='s', load=lambda r: 1 / 0)}",
    "{'\\x1b[31m': DatasetInfo(summary='s', load=None)}",
    "{'x': ModelInfo(summary='s', build=lambda r: None)}",
    "{'digits': DatasetInfo(summary='s', load=lambda r: None)}",
    "{'x': PresetInfo(summary='s', sections={'run': 1})}",
    *("{'x': PresetInfo(summary='s', sections={'nope': {}})}", "(torch.zeros(5), torch.zeros(5))"),
)
INFOS = (
    *("pass",) * 8,
    *(
        "return None",
        "return 1",
        "raise ValueError('odd')",
        "return PluginInfo()",
        "return PluginInfo(summary='a\\nb\\x1b[31m')",
    ),
    *(
        "return PluginInfo(summary='x', options=int)",
        "return PluginInfo(summary='x', options=dict)",
        "return PluginInfo(summary=None)",
    ),
    *(
        "return PluginInfo(summary='x', api_version=99)",
        "return PluginInfo(summary='x', aliases=('margin',))",
        "return PluginInfo(summary='x', select='none')",
    ),
    *(
        "return PluginInfo(summary='x', aliases=(1, None))",
        "return PluginInfo(summary='x', trains='x')",
        "return PluginInfo(summary='x' * 100_000)",
    ),
)
FILES = (
    "odd.py",
    "odd.py",
    "odd.py",
    "alframe_strategy_odd.py",
    "margin.py",
    "1.py",
    "a b.py",
    "torch.py",
    "é.py",
    "\x1b[31m.py",
    "odd.txt",
)
USES = (
    ("run", "--dataset", "npz:data.npz", "--strategy", "odd", *SMALL, *ON),
    ("run", "--dataset", "npz:data.npz", "--strategy", "odd,margin", *SMALL, *ON, "--json"),
    (
        "run",
        "--dataset",
        "npz:data.npz",
        "--strategy",
        "margin",
        "--train",
        "odd",
        *SMALL,
        *ON,
        "--out",
        "runs/new",
    ),
    (
        "run",
        "--dataset",
        "npz:data.npz",
        "--strategy",
        "random",
        "--log",
        "odd",
        *SMALL,
        *ON,
        "--out",
        "runs/new",
    ),
    ("run", "--dataset", "x", "--strategy", "random", *SMALL, *ON),
    ("run", "--dataset", "npz:data.npz", "--model", "x", *SMALL, *ON),
    ("run", "--preset", "x", *SMALL, *ON),
    ("query", "--strategy", "odd", "-n", "3", "pool.npz"),
    ("list-strategies",),
    ("list-datasets",),
    ("show", "odd"),
    ("show", "odd", "--json"),
    ("compare", "runs"),
)


def plugins(draw: Draw) -> Case:
    """A command with ``--plugin FILE`` whose file does something odd, while it is imported or in a hook."""
    copy(draw.templates, draw.work, "data.npz", "pool.npz", "runs")
    acts = " ; ".join(draw.random.choice(ACTS) for _ in range(draw.random.choice([0, 1, 1, 1, 2])))
    text = HEAD
    if draw.chance(0.1):
        text += acts + "\n"
    text += INFO.format(info=draw.random.choice(INFOS))
    for name in draw.random.sample(sorted(HOOKS), draw.random.choice([1, 1, 2, 3])):
        arguments, right = HOOKS[name]
        if draw.chance(0.05):
            arguments = draw.random.choice(["", "nope", "pool, nope", "*args", "self, pool"])
        result = draw.random.choice(RESULTS) if draw.chance(0.5) else right
        ending = draw.random.choice(["return"] * 12 + ["yield"])
        text += f"\n@hookimpl\ndef {name}({arguments}):\n    {acts or 'pass'}\n    {ending} {result}\n"
    if draw.chance(0.05):
        text = draw.random.choice(
            ["", "x = (", "\x00", "import nope", "# -*- coding: nope -*-", "1 / 0", "\udcff", "(" * 500]
        )
    path = draw.work / draw.random.choice(FILES)
    path.write_bytes(text.encode(errors="surrogateescape"))
    # doctor starts Python anew, which takes seconds
    command = list(draw.random.choice(USES)) if draw.chance(0.985) else ["doctor"]
    command[1:1] = ["--plugin", path.name] if command[0] in ("run", "query", "compare", "show") else []
    variables = {} if "--plugin" in command else {"ALFRAME_PLUGINS": path.name}
    last = text[len(HEAD) + len(INFO) - 10 :].replace("\n", " / ")
    shown = f"alframe {' '.join(command)}  # {path.name!r}: {last[:300]!r}"
    # What the plugin itself does is its own affair; __pycache__ aside, alframe writes into runs alone.
    return Case(
        tuple(command),
        codes=BROKEN,
        environment=variables,
        shown=shown,
        silent=True,
        spawns=command[0] == "doctor",
    )
