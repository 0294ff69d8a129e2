"""A comparison as a small picture: its interval, beside the differences that do not matter."""

from __future__ import annotations

import math
import re

from demos import claims, rule, verdicts

WIDTH, HEIGHT, MARGIN = 150, 20, 6
FARTHEST = 40.0  # smallest effects; what is farther out is drawn as an arrow there
COLOURS = {
    rule.HOLDS: "#0b8a67",
    verdicts.ONLY_IF: "#a8790a",
    rule.FAILS: "#c8501e",
    rule.ALIKE: "#7a6fc0",
    rule.UNDECIDED: "#808080",
}


def across(effects: float) -> float:
    """Where a difference of so many smallest effects is drawn: evenly near 0, by its logarithm far
    out."""
    bounded = max(-FARTHEST, min(FARTHEST, effects))
    share = math.asinh(bounded) / math.asinh(FARTHEST)
    return WIDTH / 2 + share * (WIDTH / 2 - MARGIN)


def picture(verdict: verdicts.Verdict) -> str:
    """SVG for a page: 0 is the line in the middle, grey what does not matter, then the interval and
    the estimate."""
    judged = verdict.judged
    assert judged is not None
    effect = verdict.row.least
    low, middle, high = (across(x / effect) for x in (judged.low, judged.estimate, judged.high))
    left, right = across(-1), across(1)
    colour, y = COLOURS[verdict.kind], HEIGHT / 2
    parts = [
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{description(verdict)}</title>",
        f'<rect x="{left:.1f}" y="2" width="{right - left:.1f}" height="{HEIGHT - 4}" '
        'fill="#808080" fill-opacity="0.28"/>',
        f'<path d="M{WIDTH / 2} 1V{HEIGHT - 1}" stroke="#808080"/>',
        f'<path d="M{low:.1f} {y}H{high:.1f}" stroke="{colour}" stroke-width="3"/>',
        f'<circle cx="{middle:.1f}" cy="{y}" r="4.2" fill="{colour}"/>',
    ]
    if judged.low / effect < -FARTHEST:
        parts.append(arrow(1.0, low + 3, y, colour))
    if judged.high / effect > FARTHEST:
        parts.append(arrow(WIDTH - 1.0, high - 3, y, colour))
    return "".join(parts) + "</svg>\n"


def file(verdict: verdicts.Verdict) -> str:
    """The same as a file of its own, which must name its language."""
    return picture(verdict).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def arrow(tip: float, base: float, y: float, colour: str) -> str:
    return f'<path d="M{tip:.1f} {y}L{base:.1f} {y - 5}V{y + 5}Z" fill="{colour}"/>'


def number(row: claims.Claim, value: float) -> str:
    """A difference, in the unit of the sides, or the factor where ratios count."""
    if row.scale == "ratio":
        return f"{math.exp(min(value, 700)):.3g}" if math.isfinite(value) else "∞"
    if not math.isfinite(value):
        return "∞"
    unit = row.unit.replace("{:+", "{:").replace("{:", "{:+")
    told = unit.format(value).replace("%", " %")
    is_zero = not re.search("[1-9]", told)
    return told.lstrip("+-") if is_zero else told


def least(row: claims.Claim) -> str:
    """The smallest effect that matters, as the page writes it."""
    return f"{row.effect:g}" if row.scale == "ratio" else number(row, row.effect).lstrip("+")


def description(verdict: verdicts.Verdict) -> str:
    """The estimate, its interval and the smallest effect, in words."""
    judged = verdict.judged
    assert judged is not None
    row = verdict.row
    what = "a : b" if row.scale == "ratio" else "a - b"
    return (
        f"{what} = {number(row, judged.estimate)} "
        f"({number(row, judged.low)} to {number(row, judged.high)}); "
        f"smallest effect {least(row)}"
    )
