"""Each strategy with whatever a user has: it works, or says in one line what it lacks."""

import pytest

from what_one_has import answers, what

ALONE = {
    *("balanced", "cdal", "direct", "entropy", "falcun", "galaxy", "least-confidence", "margin"),
    *("powerentropy", "powermargin", "random", "randomweighted", "stochastic"),
}
OF_FEATURES = {
    *("activeft", "centroids", "coregcn", "coreset", "dal", "freesel", "lcmd", "maxdet", "maxherding"),
    *("probcover", "random", "selectal", "stochastic", "tcm", "typiclust", "uncertaingcn"),
}
OF_DROPOUT = {"bald", "batchbald", "epig", "powerbald"}
OF_SEVERAL = {"qbc", "variationratio"}
OF_A_HEAD = {"alfamix", "base", "dropquery", "refine"}  # which they ask about features that they make up
OF_A_NETWORK = {"deepfool"}
OF_TREES = {"leaves"}  # that say into which leaves a sample falls
SOME = ("probs", "features, forest", "texts, linear pipeline")


@pytest.mark.parametrize("kinds", [SOME, pytest.param((), marks=pytest.mark.slow)])
def test_a_strategy_works_or_says_in_one_line_what_it_lacks(kinds):
    found = answers(kinds)
    able = set(found) - OF_A_NETWORK - OF_TREES
    wanted = {
        "probs": ALONE,
        "probs of members": ALONE | OF_DROPOUT | OF_SEVERAL,
        "logits": ALONE,
        "features": OF_FEATURES,
        "features, probs": able - OF_DROPOUT - OF_SEVERAL - OF_A_HEAD,
        "features, (W, b)": able - OF_SEVERAL,
        "features, linear model": able - OF_SEVERAL,
        "features, forest": able - OF_A_HEAD | OF_TREES,
        "features, boosted trees": able - OF_DROPOUT - OF_SEVERAL - OF_A_HEAD,
        "texts, linear pipeline": able - OF_SEVERAL,
    }
    assert wanted.keys() == what().keys()
    for kind in kinds or wanted:
        assert {strategy for strategy in found if found[strategy][kind] == "ok"} == wanted[kind], kind
    lines = [(strategy, line) for strategy in found for line in found[strategy].values() if line != "ok"]
    assert all(line.startswith(f"{strategy} ") for strategy, line in lines)
    assert all(len(line) < 300 and "\n" not in line for _, line in lines)
