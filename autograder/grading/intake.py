"""From the paths a TA types to submissions. Nothing is unpacked, followed or believed."""

from __future__ import annotations

import collections
import dataclasses
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from autograder.grading.archive import A_CLASS, in_archive
from autograder.grading.folder import Folder, on_disk, open_file, read_one
from autograder.grading.names import (
    ARCHIVES,
    SOURCES,
    RefusedError,
    fingerprint,
    is_main,
    printable,
    split_suffix,
    student_id,
    version,
)
from autograder.grading.sources import read_student, with_imported
from autograder.grading.submission import Submission

_SUBMITTED = "submitted"


class IntakeError(ValueError):
    """A path that cannot be graded at all: wrong usage. The message is one sentence that names the path."""


@dataclasses.dataclass
class _HandIn:
    """A student's files before they are read. name: as found, untrusted."""

    name: str
    path: str
    folder: Folder
    assignment: str = ""


def find_submissions(paths: Sequence[Path], assignments: Collection[str] = ()) -> list[Submission]:
    """All submissions at ``paths``, by student, then set, then path; IntakeError for a path without any.

    A path is
    - a .py or .ipynb file: the student is its stem, or its folder if it is called submission or solution;
    - nbgrader's ``submitted`` folder, the course folder around it, or a student's or a set's folder in it: every
      ``submitted/STUDENT/SET`` is a submission; ``assignments``, if any, says which sets;
    - a folder with one student's files, named after the folder: one that holds a file called submission or solution,
      or a single source and no folder or archive;
    - any other folder: its entries are students, each a folder, an archive, a .py or .ipynb file. "ana.py" and
      "ana-1.py" are both ana's; so are "ana.py" and "ana.ipynb";
    - an archive (.zip, .tar, .tar.gz, .tgz): a folder in the same sense, below any single folder that holds all of
      it; but sources at its top are one student's, named after the archive, unless a folder beside them holds a
      notebook or a file called submission or solution.
    A file called submission or solution brings along the modules of its folder that it imports; no other file does,
    since its neighbours may be other students'.
    What cannot be read costs only its file: see ``notes`` of the submissions.
    """
    found = [submission for path in paths for submission in _at(Path(path), frozenset(assignments))]
    return sorted(found, key=lambda s: (s.student, s.assignment, s.path))


def _at(path: Path, assignments: frozenset[str]) -> list[Submission]:
    shown = printable(str(path), 1000)
    try:
        mode = path.lstat().st_mode
    except (OSError, ValueError):
        raise IntakeError(f"{shown}: there is no such file or folder.") from None
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
    suffix = split_suffix(absolute.name)[1]
    if stat.S_ISDIR(mode):
        folder = on_disk(absolute)
        hand_ins = list(_in_folder(folder, absolute, shown, assignments))
        if folder.notes or not hand_ins:
            raise IntakeError(f"{shown}: {(*folder.notes, 'There is no submission in this folder.')[0]}")
        return _read(hand_ins)
    if stat.S_ISREG(mode) and suffix in ARCHIVES:
        return _read_archive(absolute, shown, assignments)
    if suffix or not stat.S_ISREG(mode):
        return _read([_file(absolute, shown)])
    raise IntakeError(f"{shown}: this is neither a folder, an archive, a .py nor an .ipynb file.")


def _file(path: Path, shown: str) -> _HandIn:
    stem, suffix = split_suffix(path.name)
    holder, around = path.parent, path.parent.parent
    in_set = around.parent.name == _SUBMITTED
    if suffix not in SOURCES or not (in_set or is_main(stem)):
        return _HandIn(stem, shown, read_one(path))
    folder = with_imported(read_one(path), on_disk(holder))
    return _HandIn(around.name, shown, folder, holder.name) if in_set else _HandIn(holder.name, shown, folder)


def _read_archive(path: Path, shown: str, assignments: frozenset[str]) -> list[Submission]:
    stem, suffix = split_suffix(path.name)
    try:
        with open_file(path.parent.resolve(), (path.name,)) as file, in_archive(file, suffix, A_CLASS) as folder:
            inner = folder
            while len(inner.folders) == 1 and not inner.files and not inner.refused and _SUBMITTED not in inner.folders:
                ((_, look),) = inner.folders.items()
                inner = look()
            # What went wrong with the archive as a whole concerns everyone in it.
            general, folder.notes = tuple(folder.notes), []
            if _has_sources(inner) and not any(_has_main(look()) for look in inner.folders.values()):
                hand_ins = [_HandIn(stem, shown, inner)]
            else:
                hand_ins = list(_in_folder(inner, path.with_name(stem), shown, assignments))
            if not hand_ins:
                return _read([_HandIn(stem, shown, Folder(notes=list(general)))])
            return [dataclasses.replace(s, notes=general + s.notes) for s in _read(hand_ins)]
    except RefusedError as refusal:
        return [Submission(shown, student_id(stem), notes=(f"{printable(path.name)}: {refusal}",))]


def _in_folder(folder: Folder, path: Path, shown: str, assignments: frozenset[str]) -> Iterator[_HandIn]:
    """The hand-ins of a folder. path: where it is, for its name and those of the folders around it."""
    if path.name != _SUBMITTED and _SUBMITTED in folder.folders:
        yield from _nbgrader(folder.folders[_SUBMITTED](), f"{shown}/{_SUBMITTED}", assignments)
    elif path.name == _SUBMITTED:
        yield from _nbgrader(folder, shown, assignments)
    elif path.parent.name == _SUBMITTED:
        yield from _sets(path.name, folder, shown, assignments)
    elif path.parent.parent.name == _SUBMITTED:
        if not assignments or path.name in assignments:
            yield _HandIn(path.parent.name, shown, folder, path.name)
    elif _is_one_student(folder):
        yield _HandIn(path.name, shown, folder)
    else:
        yield from _entries(folder, shown)


def _nbgrader(submitted: Folder, shown: str, assignments: frozenset[str]) -> Iterator[_HandIn]:
    for student, look in submitted.folders.items():
        yield from _sets(student, look(), f"{shown}/{student}", assignments)
    for student, reason in submitted.refused.items():
        yield _HandIn(student, f"{shown}/{student}", Folder(refused={student: reason}))


def _sets(student: str, folder: Folder, shown: str, assignments: frozenset[str]) -> Iterator[_HandIn]:
    """A student's sets; a student's folder with sources of its own is a submission without a set."""
    if folder.notes or any(split_suffix(name)[1] for name in folder.files):
        yield _HandIn(student, shown, folder)
        return
    for name, look in folder.folders.items():
        if not assignments or name in assignments:
            yield _HandIn(student, f"{shown}/{name}", look(), name)
    for name, reason in folder.refused.items():
        if not assignments or name in assignments:
            yield _HandIn(student, f"{shown}/{name}", Folder(refused={name: reason}), name)


def _is_one_student(folder: Folder) -> bool:
    files = [split_suffix(name) for name in folder.files]
    if any(is_main(stem) and suffix in SOURCES for stem, suffix in files):
        return True
    uploads = {(version(stem)[0], suffix) for stem, suffix in files if suffix}
    return len(uploads) == 1 and _has_sources(folder) and not folder.folders and not folder.refused


def _has_sources(folder: Folder) -> bool:
    return any(split_suffix(name)[1] in SOURCES for name in folder.files)


def _has_main(folder: Folder) -> bool:
    files = [split_suffix(name) for name in folder.files]
    return any(suffix == ".ipynb" or (suffix in SOURCES and is_main(stem)) for stem, suffix in files)


def _entries(folder: Folder, shown: str) -> Iterator[_HandIn]:
    """The students of a folder: entries that share a name, or are a newer upload of it, are one student's."""
    names = {split_suffix(name)[0] for name in (*folder.files, *folder.folders, *folder.refused)}
    students: dict[str, list[tuple[str, Folder]]] = collections.defaultdict(list)
    for entry, read in folder.files.items():
        stem, suffix = split_suffix(entry)
        if suffix:
            base = version(stem)[0]
            students[base if base in names else stem].append((entry, Folder(files={entry: read})))
    for entry, look in folder.folders.items():
        students[entry].append((entry, look()))
    for entry, reason in folder.refused.items():
        students[split_suffix(entry)[0]].append((entry, Folder(refused={entry: reason})))
    for name, parts in students.items():
        path = f"{shown}/{parts[0][0] if len(parts) == 1 else name}"
        yield _HandIn(name, path, _merged([part for _, part in parts]))


def _merged(parts: list[Folder]) -> Folder:
    whole = parts[0]
    for part in parts[1:]:
        whole.notes += part.notes
        whole.notes += [f"{printable(name)}: it is there twice." for name in part.files if name in whole.files]
        whole.files = part.files | whole.files
        whole.folders = part.folders | whole.folders
        whole.refused = part.refused | whole.refused
    return whole


def _read(hand_ins: list[_HandIn]) -> list[Submission]:
    """The submissions of one path; students whose ids would coincide get a fingerprint of their name."""
    names = {h.name for h in hand_ins}
    ids = collections.Counter(student_id(name) for name in names)
    submissions = []
    for h in hand_ins:
        student = student_id(h.name)
        if ids[student] > 1 and student != h.name:
            student = f"{student}-{fingerprint(h.name)}"
        sources, notes = read_student(h.folder)
        if student != h.name:
            notes = (f"The student {printable(h.name)} is called {student} here.", *notes)
        submissions.append(Submission(printable(h.path, 1000), student, printable(h.assignment), sources, notes))
    return submissions
