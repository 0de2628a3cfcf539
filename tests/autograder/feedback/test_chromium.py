"""The pages in a real browser: nothing runs, nothing is fetched, nothing overflows, everything can be read."""

from __future__ import annotations

import itertools

import pytest

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
OPEN_ALL = "document.querySelectorAll('details').forEach(d => d.open = true)"
EVERYTHING = "document.body.innerText"
# Texts whose contrast with the nearest opaque background is below AA: 4.5, or 3 for large or bold and large.
FAINT = """
(() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const faint = [];
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('svg, script') || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const style = getComputedStyle(e);
    let behind = e;
    const opaque = x => { const c = parse(getComputedStyle(x).backgroundColor); return c.length < 4 || c[3] === 1; };
    while (behind !== document.documentElement && !opaque(behind)) behind = behind.parentElement;
    const both = [parse(style.color), parse(getComputedStyle(behind).backgroundColor)].map(light).sort((a, b) => b - a);
    const size = parseFloat(style.fontSize), bold = style.fontWeight >= 700;
    const ratio = (both[0] + 0.05) / (both[1] + 0.05);
    if (ratio < (size >= 24 || (bold && size >= 18.66) ? 3 : 4.5)) faint.push([ratio, e.className, e.textContent]);
  }
  return faint;
})()
"""
# The same for the values in the cells of a heat map, against the colour of their cell.
FAINT_CELLS = (
    FAINT.replace("'body *'", "'svg text.cell'")
    .replace("e.closest('svg, script') || ", "")
    .replace("style.color", "style.fill")
    .replace("behind = e;", "behind = e.previousElementSibling;")
    .replace("while (behind !== document.documentElement && !opaque(behind)) behind = behind.parentElement;", "")
    .replace("getComputedStyle(behind).backgroundColor", "getComputedStyle(behind).fill")
)

BAD = """<!doctype html><title>page</title><meta name="viewport" content="width=device-width">
<body style="background:#fff"><p style="color:#bbb">faint</p><div style="width:600px">wide</div>
<img src="http://localhost:9/x.png"><script>document.title = 'owned'</script>"""


def test_the_checks_below_notice_a_bad_page(browser, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(BAD)
    browser.open(page.as_uri(), width=380)
    assert browser.evaluate("document.title") == "owned"
    assert len(browser.requests) == 2
    assert browser.evaluate(OVERFLOW) > 0
    assert [entry[2] for entry in browser.evaluate(FAINT)] == ["faint"]


def test_no_script_runs_and_nothing_is_fetched(browser, pages):
    for student, page in pages.items():
        browser.open(page.as_uri())
        expected = "The class at a glance" if student == "index" else "Feedback for "
        assert browser.evaluate("document.title").startswith(expected), student
        assert [r for r in browser.requests if not r.startswith("data:")] == [page.as_uri()], student
        assert browser.complaints == [], student
        assert browser.evaluate("document.scripts.length + document.images.length + document.forms.length") == 0


def test_the_policy_stops_a_script_even_if_one_got_in(browser, pages, tmp_path):
    page = tmp_path / "injected.html"
    script = "<script>document.title = 'owned'</script><img src='http://localhost:9/x.png'>"
    page.write_text(pages["bob"].read_text().replace("</main>", f"{script}</main>"))
    browser.open(page.as_uri())
    assert browser.evaluate("document.title") == "Feedback for bob"
    assert any("Content Security Policy" in text for text in browser.complaints)


def test_the_sentence_the_hint_and_the_plot_are_on_the_page(browser, pages, sample):
    browser.open(pages["Ada Lovelace"].as_uri())
    text = browser.evaluate(EVERYTHING)
    for part in (sample.IDENTITY, "Where does it come from", "0.930233", "entry [0, 0]", "Fix this first"):
        assert part in text
    assert browser.evaluate("[...document.querySelectorAll('figure.plot svg')].map(s => s.clientHeight > 90)") == [
        True,
        True,
    ]


def test_hostile_text_is_shown_as_it_was_written(browser, pages, sample):
    browser.open(pages["bob"].as_uri())
    assert f"return {sample.SCRIPT}" in browser.evaluate(EVERYTHING)


def test_hidden_inputs_are_on_no_page_not_even_folded_away(browser, pages, sample):
    for student, page in pages.items():
        browser.open(page.as_uri())
        assert sample.SECRET not in browser.evaluate("document.documentElement.outerHTML"), student


@pytest.mark.parametrize("width", [380, 1000])
def test_nothing_overflows(browser, pages, width):
    for student, page in pages.items():
        browser.open(page.as_uri(), width=width)
        assert browser.evaluate(OVERFLOW) == 0, student
        browser.evaluate(OPEN_ALL)
        assert browser.evaluate(OVERFLOW) == 0, f"{student}, unfolded"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_contrast_reaches_aa(browser, pages, dark):
    for student, page in pages.items():
        browser.open(page.as_uri(), dark=dark)
        browser.evaluate(OPEN_ALL)
        assert browser.evaluate(FAINT) == [], student
        assert browser.evaluate(FAINT_CELLS) == [], student


def test_dark_mode_is_dark(browser, pages):
    brightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number).reduce((a, b) => a + b)"
    browser.open(pages["index"].as_uri(), dark=True)
    dark = browser.evaluate(brightness)
    browser.open(pages["index"].as_uri())
    assert dark < 150 < 600 < browser.evaluate(brightness)


def test_folded_parts_open_from_the_keyboard(browser, pages):
    browser.open(pages["Ada Lovelace"].as_uri())
    browser.evaluate("document.querySelector('details:not(.try) > summary').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.call(
            "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13
        )
    assert browser.evaluate("document.querySelector('details:not(.try)').open") is True


def test_a_screen_reader_finds_its_way(browser, pages):
    browser.open(pages["Ada Lovelace"].as_uri())
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    roles = [node.get("role", {}).get("value") for node in nodes if not node.get("ignored")]
    assert {"banner", "main", "navigation", "contentinfo", "complementary"} <= set(roles)
    pictures = [n["name"]["value"] for n in nodes if n.get("role", {}).get("value") in ("image", "img")]
    assert len(pictures) == 2 and all(pictures)
    levels = browser.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1 and all(b - a <= 1 for a, b in itertools.pairwise(levels))
