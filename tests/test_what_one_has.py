"""Each strategy with whatever a user has: it works, or says in one line what it lacks."""

from what_one_has import answers

ALONE = {
    *("cdal", "entropy", "falcun", "least-confidence", "margin", "powerentropy", "powermargin"),
    *("random", "randomweighted", "stochastic"),
}
OF_SEVERAL = {"bald", "powerbald", "qbc", "variationratio"}
OF_A_HEAD = {"alfamix", "base", "dropquery"}  # which they ask about features that they make up
OF_A_NETWORK = {"deepfool"}


def test_a_strategy_works_or_says_in_one_line_what_it_lacks():
    found = answers()
    serving = {
        kind: {strategy for strategy in found if found[strategy][kind] == "ok"} for kind in found["margin"]
    }
    by_features = {"random", "stochastic"} | {
        strategy for strategy in found if found[strategy]["features"] == "ok"
    }
    assert {"coreset", "typiclust", "centroids"} <= by_features
    able = set(found) - OF_A_NETWORK
    assert serving == {
        "probs": ALONE,
        "probs of members": ALONE | OF_SEVERAL,
        "logits": ALONE,
        "features": by_features,
        "features, probs": able - OF_SEVERAL - OF_A_HEAD,
        "features, (W, b)": able - {"qbc", "variationratio"},
        "features, linear model": able - {"qbc", "variationratio"},
        "features, forest": able - OF_A_HEAD,
        "features, boosted trees": able - OF_SEVERAL - OF_A_HEAD,
        "texts, linear pipeline": able - {"qbc", "variationratio"},
    }
    lines = [line for strategy in found for line in found[strategy].values() if line != "ok"]
    assert all(len(line) < 300 and "\n" not in line for line in lines)
    refusals = [(strategy, line) for strategy in found for line in found[strategy].values() if line != "ok"]
    assert all(line.startswith(strategy) for strategy, line in refusals)
