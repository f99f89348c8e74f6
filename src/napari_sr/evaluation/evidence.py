"""What the image that a picture was made of says about the picture, without its truth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Light = Literal["green", "yellow", "red", ""]
#: power of fine detail beside what is expected, from which some of it, and most of it, is likely invented
SOME, MOST = 1.5, 3.0
#: share of the image's contrast that a picture contradicts, noise aside, from which it does so a little, and clearly
LITTLE, CLEARLY = 0.15, 0.3
#: by how much the blur on the card must make a picture look better for that to be told
PRAISE = 0.002


@dataclass(frozen=True)
class Line:
    """A sentence with a traffic light; none where it only informs."""

    light: Light
    text: str


@dataclass(frozen=True)
class Consistent:
    """Consistency of all planes: the residual in the LR image's shape, float32, and the figures over all of them."""

    residual: npt.NDArray[np.float32]
    rse: float
    rsp: float
    sigma: float | None

    def sentence(self, unit: str = "grey levels") -> str:
        """One line for a person."""
        how = "" if self.sigma is None else f"; a blur of {self.sigma:.2g} pixels was fitted"
        rsp = "RSP has no value, since one of them is constant" if np.isnan(self.rsp) else f"RSP {self.rsp:.4f}"
        return f"Made low-resolution again, it differs by {self.rse:.3g} {unit} (RSE), {rsp}{how}."


@dataclass(frozen=True)
class Uncertain:
    """Mean and standard deviation over the self-ensemble, in the image's unit; float32.

    ``members`` says how many pictures they are of.
    """

    mean: npt.NDArray[np.float32]
    deviation: npt.NDArray[np.float32]
    members: int

    def sentence(self, unit: str = "grey levels") -> str:
        """One line for a person."""
        middle, high = (float(v) for v in np.nanpercentile(self.deviation, (50, 99)))
        return f"Over {self.members} views: ±{middle:.3g} {unit} at half of the pixels, more than {high:.3g} at 1 %."


@dataclass(frozen=True)
class Evidence:
    """What came out.

    Attributes
    ----------
    own
        Consistency with the image by the blur that the image itself has.
    how
        Where that blur comes from, for people.
    by_card
        Consistency by the degradation on the model's card; None if there is none, or it is the same.
    unexplained
        √(RSE² - noise) / √(variance of the image - noise): share of the contrast that the picture contradicts.
    detail
        Power of the picture's fine detail beside what is expected, 1 if as expected; None where it cannot be judged.
    of_kind
        True if what is expected is known from images of this kind, False if it is continued from the image itself.
    """

    own: Consistent
    how: str
    by_card: Consistent | None
    unexplained: float | None
    detail: float | None
    of_kind: bool

    def lines(self, unit: str = "grey levels") -> tuple[Line, ...]:
        """Return what it means, for a person."""
        found = [_detail_line(self.detail, of_kind=self.of_kind), _consistency_line(self, unit)]
        if self.by_card is not None and self.by_card.rsp > self.own.rsp + PRAISE:
            text = f"With the blur on the model's card instead, RSP {self.by_card.rsp:.4f}."
            found.append(Line("", f"{text} It only shows that the model undid the blur that it knows."))
        return tuple(found)


def _detail_line(ratio: float | None, *, of_kind: bool) -> Line:
    if ratio is None:
        return Line("", "Fine detail: this image is too small, or too even, to judge it.")
    beside = "images of this kind have" if of_kind else "this image lets expect"
    times = f"{ratio:.2g} times what {beside}"
    if ratio > MOST:
        return Line("red", f"Fine detail: {times}. Most of it is likely invented.")
    if ratio > SOME:
        return Line("yellow", f"Fine detail: {times}. Some of it is likely invented.")
    return Line("green", f"Fine detail: {times}: not too much. Whether it is the right detail, this cannot show.")


def _consistency_line(found: Evidence, unit: str) -> Line:
    text = f"{found.own.sentence(unit)[:-1]}{found.how}."
    share = found.unexplained
    if share is None or not math.isfinite(share):
        return Line("", text)
    light: Light = "red" if share > CLEARLY else "yellow" if share > LITTLE else "green"
    part = f"by {share:.0%} of its contrast" if share < 1 else "by more than its whole contrast"
    verdict = {
        "green": "The picture agrees with the image.",
        "yellow": f"The picture contradicts the image {part}.",
        "red": f"The picture contradicts the image {part}: do not believe it.",
    }[light]
    return Line(light, f"{text} {verdict}")
