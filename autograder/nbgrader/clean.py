"""What a student's notebook may bring to the page that a TA opens: text, pictures, and markdown that runs nothing.

The copy in ``autograded/`` is made harmless itself, so that every page made from it is: formgrader's, the feedback,
JupyterLab's, whatever their settings. What was handed in stays as it is.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import nbformat
from nbformat.v4 import new_output

from autograder.feedback.cleaning import clean

NOTICE = "Output as it was handed in, not verified:"
PICTURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
LARGEST_PICTURE = 4 << 20
OUTPUTS_OF_A_CELL = 20
_TEXT = 10_000  # characters of one output
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

# Where HTML would begin a tag, a comment or a declaration. With a space after it, "<" is only a sign; mathematics
# looks the same.
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
# Where a link gets its address: inline, and as a definition. Only these addresses stay linked.
_LINK = re.compile(r"\](?P<kind>\(|:)(?P<space>\s*)(?P<address>[^\s)]*)")
_SAFE = re.compile(r"(https?://|mailto:|#)[^\s<>\"'`\\]*\Z")
# TeX that reaches beyond its formula.
_REACHING = re.compile(r"\\(?=(href|url|require|class|cssId|style|data|unicode|html\w*|include\w*)\b)", re.IGNORECASE)


def markdown(text: str, attachments: Collection[str] = ()) -> str:
    """Markdown whose every rendering is free of HTML, of scripts and of links to anything but the web.

    attachments: the names of the pictures that came with it; a reference to another one becomes text.
    """

    def link(match: re.Match[str]) -> str:
        address = match["address"].strip("<>")
        name = address.removeprefix("attachment:")
        if match["kind"] == "(" and (_SAFE.match(address) or (name != address and name in attachments)):
            return match[0]
        return f"] {match['kind']}{match['space']}{match['address']}" if address or match["kind"] == "(" else match[0]

    text = clean(text, 1_000_000, lines=True) if not text.isprintable() else text
    return _REACHING.sub(r"\\ ", _LINK.sub(link, _TAG.sub("< ", text)))


def attachments(found: Any) -> dict[str, dict[str, str]]:
    """The pictures (png and jpeg) among the attachments of a cell."""
    kept: dict[str, dict[str, str]] = {}
    for name, bundle in found.items() if isinstance(found, Mapping) else ():
        pictures = _pictures(bundle)
        if pictures and isinstance(name, str) and re.fullmatch(r"[\w. ()-]{1,100}", name):
            kept[name] = pictures
    return kept


def outputs(found: Any) -> list[nbformat.NotebookNode]:
    """Submitted outputs as text and pictures, under a notice that nobody has verified them; [] where there are none."""
    kept = [
        output for item in (found if isinstance(found, list) else [])[:OUTPUTS_OF_A_CELL] for output in _output(item)
    ]
    return [new_output("stream", name="stdout", text=f"{NOTICE}\n"), *kept] if kept else []


def comment(lines: Iterable[str]) -> str:
    """Plain text as a comment, which pages read as markdown: every sign stands for itself."""
    return "\n\n".join(re.sub(r"([\\`*_{}\[\]()#+!|$~>&-])", r"\\\1", _TAG.sub("< ", line)) for line in lines if line)


def _output(item: Any) -> list[nbformat.NotebookNode]:
    if not isinstance(item, Mapping):
        return []
    kind, data = item.get("output_type"), item.get("data")
    if kind == "stream":
        return _stream(item.get("text"))
    if kind in ("error", "pyerr"):
        traceback = item.get("traceback")
        return _stream(
            "\n".join(line for line in traceback if isinstance(line, str)) if isinstance(traceback, list) else ""
        )
    if not isinstance(data, Mapping):
        return []
    pictures = _pictures(data)
    if pictures:
        return [new_output("display_data", data=pictures)]
    return _stream(data.get("text/plain"))


def _stream(text: Any) -> list[nbformat.NotebookNode]:
    if isinstance(text, list):
        text = "".join(part for part in text if isinstance(part, str))
    if not isinstance(text, str) or not text.strip():
        return []
    shown = clean(_COLOURS.sub("", text), _TEXT, lines=True).rstrip("\n")
    return [new_output("stream", name="stdout", text=f"{shown}\n")]


def _pictures(bundle: Any) -> dict[str, str]:
    """The png or jpeg of a MIME bundle, written anew, if it is one."""
    for kind, magic in PICTURES.items():
        text = bundle.get(kind) if isinstance(bundle, Mapping) else None
        text = "".join(part for part in text if isinstance(part, str)) if isinstance(text, list) else text
        if isinstance(text, str) and len(text) <= LARGEST_PICTURE:
            try:
                data = base64.b64decode("".join(text.split()), validate=True)
            except (binascii.Error, ValueError):
                continue
            if data.startswith(magic):
                return {kind: base64.b64encode(data).decode()}
    return {}
