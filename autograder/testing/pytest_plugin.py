"""The pytest door: ``pytest tests/properties --submission FILE``.

Without ``--submission`` the properties run on the references, in this process: that is how CI verifies them. With it
they run on the student's functions across the wall, as the grader runs them. The generic properties of a record are
collected where the record stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from autograder.testing.profile import DEFAULT_EXAMPLES


def pytest_addoption(parser: pytest.Parser) -> None:
    """Part of pytest's plugin protocol."""
    group = parser.getgroup("autograder", "properties of exercises")
    group.addoption("--submission", metavar="FILE", help="run the properties on this module or notebook")
    group.addoption("--properties-seed", type=int, default=0, metavar="N", help="seed of all draws (default 0)")
    group.addoption(
        "--properties-device",
        choices=["cpu", "cuda"],
        default="cpu",
        help="cuda: answers must agree on the GPU, too; skipped where there is none",
    )
    group.addoption(
        "--properties-examples", type=int, default=DEFAULT_EXAMPLES, metavar="N", help="random draws per property"
    )


def _bank_folder(path: Path) -> Path | None:
    """The folder ``tests/properties`` above a properties module, if it is one."""
    for parent in path.parents:
        if parent.name in ("public", "hidden") and parent.parent.name == "properties":
            return parent.parent
    return None


def _bank(folder: Path, device: str = "cpu") -> Any:
    from autograder.testing.bank import Rooms, load_bank  # imports torch: only where it is needed

    reference, hidden = folder.parent.parent / "reference", folder / "hidden"
    rooms = Rooms(folder / "public", hidden if hidden.is_dir() else None, reference if reference.is_dir() else None)
    return load_bank(rooms, device=device)


def _is_properties(path: Path) -> bool:
    return path.suffix == ".py" and not path.stem.startswith("_") and _bank_folder(path) is not None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect ``tests/properties/<room>/<topic>/<subject>.py`` by the bank's own loader."""
    if not _is_properties(file_path) or parent.session.isinitpath(file_path):
        return None  # pytest itself makes a module of a file named on the command line: see the next hook
    return PropertiesFile.from_parent(parent, path=file_path)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> Any:
    """The same for a file that is named on the command line."""
    return PropertiesFile.from_parent(parent, path=module_path) if _is_properties(module_path) else None


class PropertiesFile(pytest.File):
    """One module of properties: hand-written ones, and in the public room the generic ones of its records."""

    def collect(self) -> Iterable[pytest.Item]:
        """One item per property."""
        folder = _bank_folder(self.path)
        assert folder is not None
        public = self.path.is_relative_to(folder / "public")
        for entry in _bank(folder, self.config.getoption("--properties-device")).values():
            if (entry.topic, entry.subject) != (self.path.parent.name, self.path.stem):
                continue
            for declared in entry.properties:
                here = public if declared.generic else declared.public == public
                if here and (not declared.needs_reference or entry.references is not None):
                    yield PropertyItem.from_parent(
                        self, name=f"{declared.exercise}::{declared.name}", declared=declared, entry=entry
                    )


class PropertyItem(pytest.Item):
    """One property on the session's student."""

    def __init__(self, *, declared: Any, entry: Any, **more: Any) -> None:
        super().__init__(**more)
        self.declared, self.entry = declared, entry

    def runtest(self) -> None:
        """Run the property with the grader's own runner, so that both doors give the same verdict."""
        from autograder.testing.runner import run_property
        from autograder.testing.search import Options

        config = self.config
        if self.declared.name.startswith("agrees_on_cuda"):
            _skip_without_cuda()
        options = Options(config.getoption("--properties-seed"), config.getoption("--properties-examples"))
        outcome = run_property(self.declared, _student(config, self.entry), options)
        if not outcome.passed:
            raise PropertyFailed(outcome)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The sentence, the message and the call; no traceback into the grader."""
        if isinstance(excinfo.value, PropertyFailed):
            outcome = excinfo.value.outcome
            lines = [f"{self.declared.sentence}", f"  {outcome.message}"]
            if outcome.call is not None:
                lines.append(f"  {outcome.call.function}{outcome.call.arguments!r}")
            lines += [
                f"  {label}: {value!r}" for label, value in (("got", outcome.got), ("expected", outcome.expected))
            ]
            return "\n".join(lines)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Part of pytest's item protocol."""
        return self.path, None, self.name


def _skip_without_cuda() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")


class PropertyFailed(Exception):
    """A property does not hold; the outcome says why."""

    def __init__(self, outcome: Any) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


_STUDENTS: pytest.StashKey[dict[str, Any]] = pytest.StashKey()


def _student(config: pytest.Config, entry: Any) -> Any:
    """The session's student of one exercise: one worker for all its properties."""
    students = config.stash.setdefault(_STUDENTS, {})
    if entry.record.name not in students:
        submission = config.getoption("--submission")
        if submission:
            from autograder.grading.session import student_of_file

            students[entry.record.name] = student_of_file(Path(submission), config.getoption("--properties-device"))
        else:
            from autograder.testing.inprocess import InProcess

            students[entry.record.name] = InProcess(dict(entry.references or {}))
    return students[entry.record.name]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give the workers back."""
    for student in config.stash.get(_STUDENTS, {}).values():
        student.close()
