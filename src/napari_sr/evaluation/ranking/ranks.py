"""What came out of a blind ranking: mean ranks, and how far people agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2, t

from napari_sr.errors import ImageError
from napari_sr.evaluation.ranking.session import Answer, Session

#: of the intervals of mean ranks
CONFIDENCE = 0.95


@dataclass(frozen=True)
class MeanRank:
    """The mean rank of a method (1 is best), and its 95 % interval; None for a single answer."""

    method: str
    mean: float
    interval: tuple[float, float] | None


def ranks(answers: Sequence[Answer], methods: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the ranks, an answer a row and a method a column."""
    return np.array([[a.rank(m) for m in methods] for a in answers], dtype=np.int64).reshape(-1, len(methods))


def mean_ranks(answers: Sequence[Answer], methods: Sequence[str]) -> list[MeanRank]:
    """Return the mean rank of every method, the best first.

    The interval is mean ± t(0.975, n - 1) s/√n over all n answers, kept within the possible ranks.
    """
    found = ranks(answers, methods)
    count = len(found)
    if not count:
        return []
    rows = []
    for method, column in zip(methods, found.T, strict=True):
        mean, interval = float(column.mean()), None
        if count > 1:
            half = float(t.ppf((1 + CONFIDENCE) / 2, count - 1)) * float(column.std(ddof=1)) / math.sqrt(count)
            interval = max(1.0, mean - half), min(float(len(methods)), mean + half)
        rows.append(MeanRank(method, mean, interval))
    return sorted(rows, key=lambda row: row.mean)


def kendall_w(found: npt.NDArray[Any]) -> float:
    """Return Kendall's coefficient of concordance of m orders (rows) of n things: 1 if all are the same, 0 if none.

    W = 12 S / (m² (n³ - n)), S being the sum of squared deviations of the rank sums from their mean.

    Raises
    ------
    ImageError
        If there are fewer than two orders or two things.

    References
    ----------
    Kendall & Babington Smith 1939, Ann. Math. Statist. 10:275.
    """
    m, n = found.shape
    if m < 2 or n < 2:
        raise ImageError("Agreement needs at least two answers about two images.")
    sums = found.sum(axis=0, dtype=np.float64)
    return float(12 * np.sum((sums - sums.mean()) ** 2) / (m**2 * (n**3 - n)))


@dataclass(frozen=True)
class Agreement:
    """How far answers agree.

    Attributes
    ----------
    overall, p_value
        Kendall's W over all answers, and how likely so much agreement is by chance (Friedman's χ² test).
    between_raters
        Mean of W over the patches that several people have ranked; None if there is none.
    """

    overall: float
    p_value: float
    between_raters: float | None


def agreement(answers: Sequence[Answer], methods: Sequence[str]) -> Agreement | None:
    """Return how far the answers agree; None for fewer than two."""
    found = ranks(answers, methods)
    if len(found) < 2:
        return None
    overall, n = kendall_w(found), len(methods)
    same = [ranks([a for a in answers if a.question == q], methods) for q in sorted({a.question for a in answers})]
    shared = [kendall_w(r) for r in same if len(r) > 1]
    return Agreement(
        overall, float(chi2.sf(len(found) * (n - 1) * overall, n - 1)), float(np.mean(shared)) if shared else None
    )


def summary(session: Session) -> str:
    """Return what came out, as a Markdown table with a sentence on agreement."""
    answers = session.answers()
    if not answers:
        return "Nobody has answered yet."
    raters = len({a.rater for a in answers})
    lines = ["| image | mean rank (1 is best) | 95 % interval |", "|---|---|---|"]
    for row in mean_ranks(answers, session.methods):
        interval = "–" if row.interval is None else f"{row.interval[0]:.2f} to {row.interval[1]:.2f}"
        lines.append(f"| {row.method} | {row.mean:.2f} | {interval} |")
    given = "1 answer" if len(answers) == 1 else f"{len(answers)} answers"
    people = "1 person" if raters == 1 else f"{raters} people"
    lines += [
        "",
        f"{given} of {people}. {agreement_sentence(agreement(answers, session.methods))}".strip(),
    ]
    return "\n".join(lines)


def agreement_sentence(found: Agreement | None) -> str:
    """Return one line for a person."""
    if found is None:
        return ""
    between = "" if found.between_raters is None else f"; between people on the same patch {found.between_raters:.2f}"
    chance = "below 0.001" if found.p_value < 0.001 else f"{found.p_value:.3f}"
    return (
        f"Agreement (Kendall's W, 0 none, 1 complete): {found.overall:.2f} over all answers{between}; "
        f"by chance alone with a probability of {chance}."
    )
