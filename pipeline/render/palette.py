"""The colours of everything that is drawn, BGR.

Left and right are orange and sky blue of the set by Okabe and Ito ("Color Universal Design", 2008), which people with
any of the common kinds of colour blindness tell apart; both stand out on dark and on bright pictures once outlined.
"""

from __future__ import annotations

Colour = tuple[int, int, int]

LEFT: Colour = (0, 159, 230)
RIGHT: Colour = (233, 180, 86)
MIDDLE: Colour = (236, 236, 236)
BY_SIDE: dict[str, Colour] = {"left": LEFT, "right": RIGHT, "middle": MIDDLE}

OUTLINE: Colour = (24, 20, 18)
BACKGROUND: Colour = (31, 27, 24)
FLOOR: Colour = (44, 39, 35)
GRID: Colour = (74, 67, 60)
TEXT: Colour = (240, 240, 240)
TEXT_FAINT: Colour = (172, 162, 150)
RECORDING: Colour = (56, 56, 235)


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """``colour`` with ``share`` (0..1) of ``other`` in it."""
    (b0, g0, r0), (b1, g1, r1) = colour, other
    return round(b0 + (b1 - b0) * share), round(g0 + (g1 - g0) * share), round(r0 + (r1 - r0) * share)


def as_rgb(colour: Colour) -> tuple[float, float, float]:
    """The colour as matplotlib wants it: red, green, blue in 0..1."""
    return colour[2] / 255, colour[1] / 255, colour[0] / 255
