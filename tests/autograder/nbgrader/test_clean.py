"""What a student's notebook may bring to the page that a TA opens."""

from __future__ import annotations

import base64
from html.parser import HTMLParser

import pytest
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbgrader_course import PNG

from autograder.nbgrader import clean

JPEG = base64.b64encode(b"\xff\xd8\xff" + b"0" * 20).decode()
HARMLESS = {
    "p",
    "em",
    "strong",
    "h1",
    "h2",
    "a",
    "img",
    "code",
    "pre",
    "ul",
    "li",
    "div",
    "span",
    "br",
    "hr",
    "blockquote",
}


class Seen(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes = set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a\n\n<div><iframe src='//evil'></iframe></div>\n",
        "<!-- --><svg onload=alert(1)>",
        "<?php <b>",
        "[click](javascript:alert(1))",
        "[click](  JaVaScRiPt:alert(1))",
        "[click](java&#115;cript:alert(1))",
        "[click](<javascript:alert(1)>)",
        "[click](data:text/html;base64,PHNjcmlwdD4=)",
        "[click](\njavascript:alert(1))",
        "![x](javascript:alert(1))",
        "[click][1]\n\n[1]: javascript:alert(1)",
        "[click][1]\n\n[1]:\n  javascript:alert(1)",
        "<javascript:alert(1)>",
        '[x](https://a.b/"onmouseover=alert(1))',
        "![x](attachment:gone.png)",
        "\x00<\x00script>",
        "`<script>`",
        "$a<script>b$",
        "<scr<script>ipt>",
    ],
)
def test_markdown_renders_without_anything_that_runs(text):
    """Rendered by the converter that pages use, with no help of its own."""
    seen = Seen(markdown2html_mistune(clean.markdown(text)))
    assert seen.tags <= HARMLESS
    for name, value in seen.attributes:
        assert not name.startswith("on")
        assert name not in ("href", "src") or value.startswith(("http://", "https://", "mailto:", "#"))


def test_what_is_harmless_looks_as_it_did():
    text = (
        "# Why\n\n*Since* $x_1 < 3$ and `a[0](1)`:\n\n- [see](https://example.org/a?b=1#c)\n- ![p](attachment:p.png)\n"
    )
    assert clean.markdown(text, {"p.png"}) == text.replace("](1)", "] (1)")


@pytest.mark.parametrize("tex", [r"\href{javascript:alert(1)}{x}", r"\require{html}", r"\cssId{a}{b}", r"\style{a}{b}"])
def test_tex_stays_within_its_formula(tex):
    assert "\\" + tex.split("{")[0][1:] not in clean.markdown(f"${tex}$")


def test_pictures_survive_and_nothing_else_does():
    found = {
        "a.png": {"image/png": PNG},
        "b.jpg": {"image/jpeg": JPEG},
        "c.svg": {"image/svg+xml": "<svg onload=alert(1)>"},
        "d.png": {"image/png": base64.b64encode(b"<script>").decode()},
        "e.png": {"image/png": '"><script>'},
        '"><script>.png': {"image/png": PNG},
        "f.png": "no bundle",
    }
    assert clean.attachments(found) == {"a.png": {"image/png": PNG}, "b.jpg": {"image/jpeg": JPEG}}
    assert clean.attachments(None) == clean.attachments([1]) == {}


def test_outputs_become_text_and_pictures_under_a_notice():
    found = [
        {"output_type": "stream", "name": "stderr", "text": ["\x1b[31mred\x1b[0m\n", "\x1b]0;title\x07"]},
        {"output_type": "display_data", "data": {"text/html": "<script>alert(1)</script>", "text/plain": "<Figure>"}},
        {"output_type": "display_data", "data": {"image/png": PNG + "\n", "text/plain": "x"}},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["line 1", 3]},
        {"output_type": "display_data", "data": {"application/javascript": "alert(1)"}},
        "nonsense",
    ]
    kept = clean.outputs(found)
    assert kept[0].text.startswith("Output as it was handed in, not verified")
    assert [o.output_type for o in kept] == ["stream", "stream", "stream", "display_data", "stream"]
    assert kept[1].text == "red\n\\x1b]0;title\\x07\n"
    assert kept[2].text == "<Figure>\n", "text, which every template escapes"
    assert dict(kept[3].data) == {"image/png": PNG}
    assert kept[4].text == "line 1\n"
    assert {o.get("name", "stdout") for o in kept} == {"stdout"}, "nbgrader gives 0 for anything on stderr"


@pytest.mark.parametrize("found", [None, [], "x", [{"output_type": "stream", "text": "  "}], [3]])
def test_no_output_no_notice(found):
    assert clean.outputs(found) == []


def test_a_comment_is_plain_text_in_markdown():
    page = markdown2html_mistune(
        clean.comment(["Not right: *x* <script>alert(1)</script> [a](javascript:b) $x$ # 1_2"])
    )
    assert Seen(page).tags == {"p"}
    assert "*x*" in page and "1_2" in page
