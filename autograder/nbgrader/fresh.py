"""``python -m autograder.nbgrader.fresh``: ``serve`` in a process that starts fast."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # jsonschema would compile a grammar of URIs, most of a second, for a format that grading.yml does not have.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    from autograder.nbgrader.serve import main

    main()
