"""Starts the zygote: ``python -s -P -S .../__main__.py CONTROL_FD OPTIONS``, or a plain worker: ``plain OPTIONS``.

The files of this folder are imported under the same names on both sides of the wall. Inside, the packages above them
are empty modules made here, so no other file of the project is looked for, let alone found.
"""

import json
import sys
import types
from pathlib import Path


def main() -> None:
    """Make the empty parents, then hand over to the zygote or the worker."""
    for name, path in (("autograder", []), ("autograder.sandbox", [str(Path(__file__).parent.parent)])):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = path  # what makes a module a package
    options = json.loads(sys.argv[2])
    sys.path.extend(options["packages"])

    if sys.argv[1] == "plain":
        from autograder.sandbox.inside import plain

        plain.main(options)
    from autograder.sandbox.inside import zygote

    zygote.main(int(sys.argv[1]), options)


if __name__ == "__main__":
    main()
