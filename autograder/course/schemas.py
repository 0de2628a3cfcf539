"""jsonschema without the grammar of addresses that it compiles where the package for it is installed.

That takes most of a second of every command, for a format that grading.yml does not have.
"""

from __future__ import annotations

import sys

_GRAMMAR = "rfc3987_syntax"
_hidden = _GRAMMAR not in sys.modules
if _hidden:
    sys.modules[_GRAMMAR] = None  # type: ignore[assignment]  # how Python notes that a module is not to be had

import jsonschema  # noqa: E402
from jsonschema.exceptions import ValidationError  # noqa: E402

if _hidden:
    del sys.modules[_GRAMMAR]

__all__ = ["ValidationError", "jsonschema"]
