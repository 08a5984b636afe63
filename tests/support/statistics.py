#!/usr/bin/env python3
"""Prints reference values for the statistics of the gate as JSON, computed with SciPy and NumPy: the content of
`statistics.json`. Needs scipy; the tests read the committed file.
"""

import itertools
import json

import numpy as np
from scipy import stats

RNG = np.random.default_rng(20261126)


def samples():
    """Pairs of samples: separate and overlapping, of equal and other sizes, with ties, one alone, all equal."""
    yield [1.0], [2.0]
    yield [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]
    yield [3.0, 1.0, 2.0], [2.5, 0.5, 1.5, 3.5]
    yield [5.0] * 4, [5.0] * 5
    yield [1.0, 2.0, 2.0, 3.0], [2.0, 3.0, 3.0, 4.0, 9.0]
    yield [1.0, 1.0, 1.0, 1.0, 2.0], [1.0, 1.0, 2.0, 2.0, 2.0]
    for sizes in [(5, 5), (4, 7), (8, 8), (10, 10), (10, 3)]:
        for shift in [0.0, 0.8, 3.0]:
            left, right = RNG.normal(10, 1, sizes[0]), RNG.normal(10 + shift, 1, sizes[1])
            yield np.round(left, 6).tolist(), np.round(right, 6).tolist()
    # Rounded, so that there are ties.
    for _ in range(4):
        yield np.round(RNG.exponential(3, 6)).tolist(), np.round(RNG.exponential(4, 6)).tolist()


def mann_whitney(left, right):
    ties = len(set(left + right)) < len(left) + len(right)
    statistic = stats.mannwhitneyu(right, left, method="asymptotic").statistic
    if ties:

        def of(x, y):
            return stats.mannwhitneyu(x, y, method="asymptotic").statistic

        test = stats.permutation_test(
            (right, left), of, permutation_type="independent", n_resamples=np.inf, alternative="two-sided"
        )
        exact = test.pvalue
    else:
        exact = stats.mannwhitneyu(right, left, method="exact").pvalue
    asymptotic = stats.mannwhitneyu(right, left, method="asymptotic", use_continuity=True).pvalue
    # All equal: there is nothing to compare, and SciPy says so by NaN.
    return float(statistic), float(exact), None if np.isnan(asymptotic) else float(asymptotic)


def shift(left, right, confidence):
    """Hodges and Lehmann's shift with the interval that inverts the exact test, as R's wilcox.test has it."""
    differences = sorted(y - x for x, y in itertools.product(left, right))
    n, m = len(left), len(right)
    # P(U <= u) where nothing is tied.
    counts = np.zeros(n * m + 1)
    for chosen in itertools.combinations(range(n + m), m):
        counts[sum(chosen) - m * (m - 1) // 2] += 1
    below = np.cumsum(counts) / counts.sum()
    rank = int(np.sum(below <= (1 - confidence) / 2 + 1e-12))
    interval = None if rank == 0 else [differences[rank - 1], differences[n * m - rank]]
    return float(np.median(differences)), interval


def main():
    pairs = []
    for left, right in samples():
        statistic, exact, asymptotic = mann_whitney(left, right)
        estimate, interval95 = shift(left, right, 0.95)
        _, interval99 = shift(left, right, 0.99)
        pairs.append(
            {
                "left": left,
                "right": right,
                "u": statistic,
                "exact_p": exact,
                "asymptotic_p": asymptotic,
                "shift": estimate,
                "interval95": interval95,
                "interval99": interval99,
            }
        )
    quantiles = []
    for size in [1, 5, 58, 59, 368, 1000, 5000]:
        for p in [0.5, 0.9, 0.99, 0.999]:
            for confidence in [0.95, 0.99]:
                values = np.arange(1, size + 1, dtype=float)
                interval = stats.quantile_test(values, q=0, p=p).confidence_interval(confidence)
                bounds = [None if np.isnan(bound) else int(bound) for bound in (interval.low, interval.high)]
                quantiles.append({"n": size, "p": p, "confidence": confidence, "ranks": bounds})
    holm = []
    for ps in [[0.01], [0.04, 0.01, 0.03], [0.5, 0.001, 0.001, 0.04], [0.2] * 5, [0.0, 1.0]]:
        # Holm's step-down, written plainly: SciPy has only Benjamini's.
        order = np.argsort(ps)
        adjusted, running = [0.0] * len(ps), 0.0
        for place, index in enumerate(order):
            running = max(running, min(1.0, (len(ps) - place) * ps[index]))
            adjusted[index] = running
        holm.append({"p": ps, "adjusted": adjusted})
    print(json.dumps({"pairs": pairs, "quantiles": quantiles, "holm": holm}, indent=1))


if __name__ == "__main__":
    main()
