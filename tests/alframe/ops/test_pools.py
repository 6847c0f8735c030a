import textwrap

import threadpoolctl
import torch

from alframe.ops import few_threads


def threads():
    return {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}


def test_libraries_take_as_many_threads_as_torch():
    import sklearn.ensemble  # noqa: F401

    kept, before = torch.get_num_threads(), threads()
    torch.set_num_threads(1)
    try:
        with few_threads():
            assert threads() == {1}
    finally:
        torch.set_num_threads(kept)
    assert threads() == before


def test_nothing_is_imported_for_it(forks):
    code = """
        import sys
        from alframe.ops import few_threads
        with few_threads():
            sys.exit("sklearn" in sys.modules)
    """
    assert forks.run(textwrap.dedent(code)).returncode == 0
