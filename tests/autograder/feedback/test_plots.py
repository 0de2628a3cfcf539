"""When something is drawn, with which numbers, and that malformed data are not."""

from __future__ import annotations

import json
import math
from xml.etree import ElementTree

import pytest
import torch

from autograder.feedback.plots import MAX_CELLS, MAX_POINTS, plot_data
from autograder.feedback.svg import render_plot

F64 = torch.float64


def matrix(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=F64)


def drawn(plot) -> ElementTree.Element:
    """The plot's SVG, parsed: it must be well-formed. Strict JSON on the way, as the report would carry it."""
    figure = ElementTree.fromstring(str(render_plot(json.loads(json.dumps(plot, allow_nan=False)))))
    return figure[0]


def test_a_heat_map_shows_the_error_of_every_entry():
    plot = plot_data(matrix([1, 2], [3, 4]), matrix([1, 2.5], [3, 0]))
    assert plot == {"kind": "heatmap", "values": [[0.0, 0.5], [0.0, 4.0]], "shape": [2, 2]}
    labels = [text.text for text in drawn(plot) if text.get("class", "").startswith("cell")]
    assert labels == ["0", "0.5", "0", "4"]


def test_the_largest_error_is_outlined_and_named():
    svg = drawn(plot_data(matrix([0, 0], [0, 0]), matrix([0, 0.5], [0, 4])))
    assert "largest is 4, in entry [1, 1]" in svg.get("aria-label", "")
    outline = next(r for r in svg if r.get("class") == "worst")
    cell = [r for r in svg if r.tag == "rect"][3]
    assert float(outline.get("x", 0)) == pytest.approx(float(cell.get("x", 0)) - 0.5)


def test_equal_entries_have_no_error_even_where_they_are_not_finite():
    expected = matrix([math.inf, math.nan], [1, 2])
    plot = plot_data(expected, matrix([math.inf, math.nan], [1, 3]))
    assert plot is not None and plot["values"] == [[0.0, 0.0], [0.0, 1.0]]


def test_a_lone_nan_has_no_number_but_is_drawn_and_is_the_worst():
    plot = plot_data(matrix([1, 2], [3, 4]), matrix([1, math.nan], [9, math.inf]))
    assert plot is not None and plot["values"] == [[0.0, None], [6.0, None]]
    assert "not finite, in entry [0, 1]" in drawn(plot).get("aria-label", "")


def test_a_large_matrix_is_pooled_and_its_single_error_survives():
    expected = torch.zeros(1000, 70, dtype=F64)
    got = expected.clone()
    got[777, 33] = 5.0
    plot = plot_data(expected, got)
    assert plot is not None and plot["shape"] == [1000, 70]
    assert len(plot["values"]) <= MAX_CELLS and len(plot["values"][0]) <= MAX_CELLS
    assert sorted(v for row in plot["values"] for v in row)[-2:] == [0.0, 5.0]


def test_errors_over_many_decades_are_told_apart():
    svg = drawn(plot_data(matrix([0, 0], [0, 0]), matrix([1e-4, 1e-2], [1, 0])))
    colours = [r.get("class") for r in svg if r.tag == "rect"][:4]
    assert colours[3] == "q0" and len(set(colours)) == 4


def test_complex_matrices_are_drawn_by_modulus():
    plot = plot_data(matrix([1, 2], [3, 4]).to(torch.complex128), matrix([1, 2], [3, 4]) + 1j)
    assert plot is not None and plot["values"] == [[1.0, 1.0], [1.0, 1.0]]


def test_the_wrong_matrix_of_a_tuple_is_found():
    same = torch.zeros(3, dtype=F64)
    plot = plot_data((same, matrix([1, 2], [3, 4])), (same, matrix([1, 2], [3, 5])))
    assert plot is not None and plot["kind"] == "heatmap"


def test_a_curve_over_the_sorted_argument():
    x = torch.linspace(-1, 1, 9, dtype=F64)
    plot = plot_data(x**2, x**3, {"scale": 2.0, "x": x})
    assert plot is not None and plot["kind"] == "curve" and plot["label"] == "x"
    assert plot["x"] == x.tolist() and plot["expected"] == (x**2).tolist() and plot["got"] == (x**3).tolist()
    paths = {path.get("class"): path.get("d", "") for path in drawn(plot) if path.tag == "path"}
    assert paths["expected"].count("L") == paths["got"].count("L") == 8


def test_a_gap_where_the_curve_is_not_finite():
    x = torch.arange(10, dtype=F64)
    got = x.clone()
    got[4] = math.nan
    plot = plot_data(x + 1, got, (x,))
    assert plot is not None and plot["got"][4] is None
    path = next(p for p in drawn(plot) if p.get("class") == "got").get("d", "")
    assert path.count("M") == 2


def test_a_long_curve_is_thinned_and_keeps_its_ends():
    x = torch.linspace(0, 1, 5000, dtype=F64)
    plot = plot_data(x, -x, [x])
    assert plot is not None and len(plot["x"]) == MAX_POINTS
    assert plot["x"][0] == 0 and plot["x"][-1] == 1


def test_a_wild_answer_does_not_flatten_the_expected_curve():
    x = torch.linspace(0, 1, 20, dtype=F64)
    figure = str(render_plot(plot_data(torch.sin(x), torch.exp(600 * x), [x])))
    assert "leave the picture" in figure
    heights = [float(p.split()[-1]) for p in figure.split('class="expected" d="M')[1].split('"')[0].split("L")]
    assert max(heights) - min(heights) > 40


@pytest.mark.parametrize(
    ("expected", "got", "arguments"),
    [
        (torch.ones(3), torch.zeros(3), [torch.arange(3.0)]),
        (torch.ones(1, 5), torch.zeros(1, 5), []),
        (torch.ones(2, 2), torch.zeros(2, 3), []),
        (torch.ones(2, 2), torch.ones(2, 2), []),
        (torch.ones(2, 2, 2), torch.zeros(2, 2, 2), []),
        (torch.ones(9), torch.zeros(9), [torch.tensor([3.0, 1, 2, 5, 4, 7, 6, 9, 8])]),
        (torch.ones(9), torch.zeros(9), [torch.ones(9)]),
        (1.0, 2.0, []),
        (None, torch.ones(2, 2), []),
        ("text", "other", []),
    ],
)
def test_nothing_is_drawn_where_text_says_it_better(expected, got, arguments):
    assert plot_data(expected, got, arguments) is None


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1.0, 1e12, 1e299])
def test_any_scale_can_be_drawn(scale):
    x = torch.linspace(0, 1, 8, dtype=F64) * scale
    for plot in (plot_data(x, -x, [x]), plot_data(torch.zeros(4, 2, dtype=F64), x.reshape(4, 2))):
        assert plot is not None
        text = ElementTree.tostring(drawn(plot), encoding="unicode")
        assert "nan" not in text and "inf" not in text


@pytest.mark.parametrize(
    "plot",
    [
        None,
        {},
        {"kind": "heatmap"},
        {"kind": "heatmap", "values": []},
        {"kind": "heatmap", "values": [[]]},
        {"kind": "heatmap", "values": [[1.0], [1.0, 2.0]]},
        {"kind": "heatmap", "values": [["<script>"]]},
        {"kind": "heatmap", "values": [[True]]},
        {"kind": "heatmap", "values": [[math.nan]]},
        {"kind": "heatmap", "values": [[0.0] * 1000] * 1000},
        {"kind": "curve", "x": [0.0], "expected": [0.0], "got": [0.0]},
        {"kind": "curve", "x": [0.0, 1.0], "expected": [0.0], "got": [0.0, 1.0]},
        {"kind": "curve", "x": [0.0, 1.0], "expected": "01", "got": [0.0, 1.0]},
        {"kind": "<script>"},
    ],
)
def test_malformed_data_are_not_drawn(plot):
    assert str(render_plot(plot)) == ""


def test_a_label_cannot_leave_its_text():
    x = [float(i) for i in range(8)]
    label = '"><script>'
    figure = str(render_plot({"kind": "curve", "x": x, "expected": x, "got": x[::-1], "label": label}))
    assert "<script" not in figure
    ElementTree.fromstring(figure)
