"""Small plots as inline SVG, written out by hand.

A page must be small, self-contained, readable by a screen reader, printable, follow the reader's dark mode, and be
made in milliseconds for a whole class: a plotting library would cost seconds to import and tens of kilobytes per plot.
Colours and fonts come from the page's style sheet, so a plot is only shapes and numbers. Its data are checked here
and not trusted: what is malformed is not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup, escape

from autograder.feedback.cleaning import clean
from autograder.feedback.plots import MAX_CELLS, MAX_POINTS
from autograder.feedback.values import number

Values = Sequence[float | None]
BINS = 7  # colours of the style sheet, .q0 (no error) to .q7
DECADES = 6  # of a logarithmic colour scale; smaller errors look like none
LABELLED = 6  # cells carry their value up to this many rows and columns


def render_plot(plot: dict[str, Any] | None) -> Markup:
    """``Counterexample.plot`` as a <figure>, or nothing at all."""
    if plot is None:
        return Markup("")
    try:
        match plot:
            case {"kind": "heatmap", "values": values}:
                return _heatmap(_matrix(values), _shape(plot.get("shape"), values))
            case {"kind": "curve", "x": x, "expected": expected, "got": got}:
                series = [_vector(v) for v in (x, expected, got)]
                return _curve(series[0], series[1], series[2], clean(plot.get("label", ""), 40))
    except (ValueError, TypeError, ArithmeticError):
        pass
    return Markup("")


def _figure(width: float, height: float, title: str, body: list[str], caption: str) -> Markup:
    head = f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img" aria-label="{escape(title)}">'
    figure = f'<figure class="plot">{head}{"".join(body)}</svg><figcaption>{escape(caption)}</figcaption></figure>'
    return Markup(figure)  # every number is formatted here, every text escaped above


# -- heat map ---------------------------------------------------------------------------------------------------------


def _heatmap(values: list[list[float | None]], shape: tuple[int, int]) -> Markup:
    rows, columns = len(values), len(values[0])
    labelled = max(rows, columns) <= LABELLED
    side = 58 if labelled else max(11, 312 // max(rows, columns))
    height = 34 if labelled else side
    scale = _Scale([v for row in values for v in row])
    left, top = 30, 22
    body = [_indices(rows, columns, side, height, left, top, shape)]
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            x, y = left + j * side, top + i * height
            body.append(
                f'<rect class="{scale.colour(value)}" x="{x}" y="{y}" width="{side - 1}" height="{height - 1}"/>'
            )
            if labelled:
                middle = f'x="{x + side / 2:.1f}" y="{y + height / 2 + 4:.1f}"'
                body.append(f'<text class="cell {scale.colour(value)}" {middle}>{_cell(value)}</text>')
    i, j = scale.worst(values)
    body.append(
        f'<rect class="worst" x="{left + j * side - 0.5:.1f}" y="{top + i * height - 0.5:.1f}"'
        f' width="{side}" height="{height}"/>'
    )
    pooled = shape != (rows, columns)
    place = "its block" if pooled else f"entry [{i}, {j}]"
    size = "not finite" if values[i][j] is None else number(float(values[i][j] or 0), 3)
    title = f"Error of each entry, {shape[0]} by {shape[1]}. The largest is {size}, in {place}."
    caption = f"|got − expected|, entry by entry: the largest is {size}" + ("" if pooled else f", at [{i}, {j}]")
    if pooled:
        caption += f". The {shape[0]}×{shape[1]} matrix is drawn in blocks, each with its largest error"
    if scale.logarithmic:
        caption += ". Colours follow the order of magnitude"
    return _figure(
        left + columns * side + 2, top + rows * height + 2, title, body, f"{caption}. Outlined: the largest."
    )


class _Scale:
    """From an error to one of the colour classes; by order of magnitude where errors span more than two decades."""

    def __init__(self, values: Values) -> None:
        positive = [v for v in values if v is not None and v > 0]
        self.largest = max(positive, default=1.0)
        smallest = max(min(positive, default=1.0), self.largest * 10.0**-DECADES)
        self.decades = math.log10(self.largest / smallest)
        self.logarithmic = self.decades > 2

    def colour(self, value: float | None) -> str:
        if value is None:
            return "qx"
        if value <= 0:
            return "q0"
        if not self.logarithmic:
            return f"q{max(1, math.ceil(BINS * value / self.largest))}"
        depth = math.log10(self.largest / value)
        return "q0" if depth > DECADES else f"q{max(1, math.ceil(BINS * (1 - depth / self.decades)))}"

    @staticmethod
    def worst(values: list[list[float | None]]) -> tuple[int, int]:
        places = ((i, j) for i, row in enumerate(values) for j in range(len(row)))

        def size(place: tuple[int, int]) -> float:
            value = values[place[0]][place[1]]
            return math.inf if value is None else value

        return max(places, key=size)


def _cell(value: float | None) -> str:
    return "∞/nan" if value is None else number(value, 2) if value else "0"


def _indices(rows: int, columns: int, side: int, height: int, left: int, top: int, shape: tuple[int, int]) -> str:
    """Row and column numbers along two edges: each of them, or the first and the last where cells are many."""
    every = max(rows, columns) <= LABELLED
    body = []
    for j in range(columns) if every else (0, columns - 1):
        label = shape[1] - 1 if j == columns - 1 else j
        body.append(f'<text class="index" x="{left + (j + 0.5) * side:.1f}" y="{top - 8}">{label}</text>')
    for i in range(rows) if every else (0, rows - 1):
        label = shape[0] - 1 if i == rows - 1 else i
        body.append(f'<text class="index" x="{left - 14}" y="{top + (i + 0.5) * height + 4:.1f}">{label}</text>')
    return "".join(body)


# -- curve ------------------------------------------------------------------------------------------------------------

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 520, 240, 62, 12, 14, 40


def _curve(x: list[float | None], expected: list[float | None], got: list[float | None], label: str) -> Markup:
    if not len(x) == len(expected) == len(got) >= 2:
        raise ValueError("three series of one length")
    (low, high), cut = _range(expected, got)
    left, right = _range(x, [])[0]

    def across(value: float) -> float:
        return _LEFT + (value - left) / (right - left) * (_WIDTH - _LEFT - _RIGHT)

    def up(value: float) -> float:
        return _HEIGHT - _BOTTOM - (min(max(value, low), high) - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    inner = f'width="{_WIDTH - _LEFT - _RIGHT}" height="{_HEIGHT - _TOP - _BOTTOM}"'
    body = [f'<rect class="frame" x="{_LEFT}" y="{_TOP}" {inner}/>']
    for tick in _ticks(left, right):
        body.append(
            f'<line class="grid" x1="{across(tick):.1f}" x2="{across(tick):.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
        )
        body.append(f'<text class="index" x="{across(tick):.1f}" y="{_HEIGHT - _BOTTOM + 16}">{number(tick, 4)}</text>')
    for tick in _ticks(low, high):
        body.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{up(tick):.1f}" y2="{up(tick):.1f}"/>')
        body.append(f'<text class="index end" x="{_LEFT - 8}" y="{up(tick) + 4:.1f}">{number(tick, 4)}</text>')
    if label:
        body.append(
            f'<text class="index" x="{(_LEFT + _WIDTH - _RIGHT) / 2:.1f}" y="{_HEIGHT - 6}">{escape(label)}</text>'
        )
    for name, series in (("expected", expected), ("got", got)):
        points = [
            (across(a), up(b)) if a is not None and b is not None else None for a, b in zip(x, series, strict=True)
        ]
        body.append(f'<path class="{name}" d="{_path(points)}"/>')
        if name == "got" and len(points) <= 40:
            body += [f'<circle class="got" cx="{p[0]:.1f}" cy="{p[1]:.1f}" r="2.6"/>' for p in points if p]
    caption = "Solid: expected. Dashed, with dots: got."
    if cut:
        caption += " Your values leave the picture; they are drawn at its edge."
    if None in got:
        caption += " Gaps: values that are not finite."
    return _figure(_WIDTH, _HEIGHT, f"Expected and got as functions of {label or 'the argument'}", body, caption)


def _range(main: Values, other: Values) -> tuple[tuple[float, float], bool]:
    """An interval that shows ``main`` in full and ``other`` unless that would flatten main, and whether it did."""
    seen = [v for v in main if v is not None] or [0.0]
    low, high = min(seen), max(seen)
    margin = (high - low) or abs(high) or 1.0
    rest = [v for v in other if v is not None]
    bottom, top = min([low, *rest]), max([high, *rest])
    cut = top - bottom > 30 * margin
    if cut:
        bottom, top = max(bottom, low - margin), min(top, high + margin)
    elif top == bottom:
        bottom, top = bottom - margin / 2, top + margin / 2
    pad = 0.06 * (top - bottom) if other else 0.0
    return (bottom - pad, top + pad), cut


def _ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers in the interval."""
    raw = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= raw)
    first = math.ceil(low / step)
    return [(first + i) * step for i in range(math.floor(high / step) - first + 1)][:12]


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    pieces, pen = [], "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        pieces.append(f"{pen}{point[0]:.1f} {point[1]:.1f}")
        pen = "L"
    return "".join(pieces)


# -- checks of the data -----------------------------------------------------------------------------------------------


def _vector(values: Any, limit: int = MAX_POINTS) -> list[float | None]:
    if not isinstance(values, list) or not 0 < len(values) <= limit:
        raise ValueError("a short list")
    return [None if v is None else _finite(v) for v in values]


def _finite(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError("a finite number")
    return float(value)


def _matrix(values: Any) -> list[list[float | None]]:
    if not isinstance(values, list) or not 0 < len(values) <= MAX_CELLS:
        raise ValueError("a small list of rows")
    rows = [_vector(row, MAX_CELLS) for row in values]
    if len({len(row) for row in rows}) != 1:
        raise ValueError("rows of one length")
    return rows


def _shape(shape: Any, values: list[list[Any]]) -> tuple[int, int]:
    match shape:
        case [int(rows), int(columns)] if len(values) <= rows < 10**9 and len(values[0]) <= columns < 10**9:
            return rows, columns
    return len(values), len(values[0])
