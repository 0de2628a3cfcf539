"""One student's files to the Python text that is graded."""

from __future__ import annotations

import codecs
import collections
import contextlib
import dataclasses
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import PurePosixPath

from autograder.grading.archive import ONE_STUDENT, in_archive
from autograder.grading.folder import MEBI, Folder, Read
from autograder.grading.names import ARCHIVES, RefusedError, is_main, printable, split_suffix, version
from autograder.grading.notebook import SOURCE_LIMIT, read_notebook
from autograder.grading.submission import Sources
from autograder.grading.syntax import finished_functions, imported, is_safe

MAIN = "submission.py"

_NOTEBOOK_LIMIT = 20 * MEBI
_ARCHIVE_LIMIT = 64 * MEBI
_READ_IN_ALL = 64 * MEBI
_SOURCES_IN_ALL = 4 * MEBI
_SOURCE_FILES = 50
_ENTRIES = 1000
_PARSED_TO_CHOOSE = MEBI // 2  # characters; a tree takes some seconds and a gigabyte for a few megabytes of "x;x;"
_NOTES = 20
# A coding line may name any codec; some are quadratic, some are not about text.
_CODECS = re.compile(r"utf-8|ascii|iso8859|cp\d|koi8|mac|gb|big5|shift_jis|euc_|hz$|johab")
_BYTE_ORDER_MARKS = (  # the longer first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclasses.dataclass(frozen=True)
class _Code:
    """A file that was read: posix name, text, and for a notebook its cells."""

    name: str
    text: str
    cells: tuple[tuple[int, int], ...] = ()
    notes: tuple[str, ...] = ()


def read_student(folder: Folder) -> tuple[Sources | None, tuple[str, ...]]:
    """(sources, notes) of one student's files; sources is None if nothing could be read. Never raises for a file.

    Which file is graded: one called submission or solution if there is any, else a notebook, else a module. Of
    several, one that no other imports, with the most functions that are more than a placeholder; then the least deep
    one, a module before a notebook, the first by name. Modules below its folder can be imported. "ps1-2.ipynb",
    "ps1 (2).ipynb", "Copy of ps1.ipynb" replace "ps1.ipynb". An archive alone is read in place of the folder.
    """
    notes: list[str] = []
    files = _newest(_collected(folder, notes), notes)
    archives = [name for name in files if split_suffix(name)[1] in ARCHIVES]
    if len(archives) == 1 and len(files) == 1:
        return _read_archive(archives[0], files, notes)
    notes += [f"{printable(name)}: an archive among other files is not read." for name in archives]
    read = list(_read_all({name: file for name, file in files.items() if name not in archives}, notes))
    return (_choose(read, notes) if read else None), _summed_up(notes, bool(files) or bool(notes))


def with_imported(folder: Folder, around: Folder) -> Folder:
    """``folder``, which holds one file, and what this file imports from the folder around it, also by way of others."""
    whole = Folder(dict(folder.files), {}, dict(folder.refused))
    unread = list(whole.files)
    while unread and len(whole.files) < _SOURCE_FILES:
        name = unread.pop()
        with contextlib.suppress(RefusedError):
            for module in sorted(imported(_code(name, whole.files[name](_NOTEBOOK_LIMIT)).text)):
                if (file := f"{module}.py") in around.files and file not in whole.files:
                    whole.files[file] = around.files[file]
                    unread.append(file)
                if module in around.folders:
                    whole.folders[module] = around.folders[module]
                whole.refused |= {name: why for name, why in around.refused.items() if name in (module, file)}
    return whole


def decoded(data: bytes) -> str:
    """A module's text with "\\n" line ends, by its byte order mark or coding line, else UTF-8.

    RefusedError if it is not text.
    """
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "")
    try:
        if not encoding:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
            if not _CODECS.match(codecs.lookup(encoding).name):
                raise RefusedError("its coding line names an encoding that is not read.")
        text = data.decode(encoding)
    except (SyntaxError, LookupError, ValueError):
        raise RefusedError("it is not text in the encoding it claims (save it as UTF-8).") from None
    if "\0" in text:
        raise RefusedError("it is not text (it holds null characters).")
    if not is_safe(text):
        raise RefusedError("it holds a name of 200 parts.")
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _collected(folder: Folder, notes: list[str]) -> dict[str, Read]:
    """Sources and archives by posix name, the least deep first."""
    found: dict[str, Read] = {}
    queue = collections.deque([("", folder)])
    entries = 0
    while queue:
        prefix, current = queue.popleft()
        notes += current.notes
        notes += [f"{printable(prefix + name)}: {reason}" for name, reason in sorted(current.refused.items())]
        entries += len(current.files) + len(current.folders) + len(current.refused)
        if entries > _ENTRIES:
            notes.append(f"More than {_ENTRIES} files and folders; those in {printable(prefix) or 'it'} were left out.")
            break
        found |= {prefix + name: read for name, read in sorted(current.files.items()) if split_suffix(name)[1]}
        queue += [(f"{prefix}{name}/", inner()) for name, inner in sorted(current.folders.items())]
    return found


def _newest(files: dict[str, Read], notes: list[str]) -> dict[str, Read]:
    """Without the files that a later upload of the same name replaces."""
    uploads: dict[tuple[str, ...], list[tuple[tuple[int, ...], str]]] = collections.defaultdict(list)
    for name in files:
        parent, _, last = name.rpartition("/")
        stem, suffix = split_suffix(last)
        base, numbers = version(stem)
        uploads[parent, base.casefold(), suffix].append((numbers, name))
    replaced: dict[str, str] = {}
    for same in uploads.values():
        *older, (_, newest) = sorted(same)
        replaced |= {name: newest for _, name in older}
    notes += [f"{printable(name)}: replaced by the newer {printable(newest)}." for name, newest in replaced.items()]
    return {name: read for name, read in files.items() if name not in replaced}


def _read_archive(name: str, files: dict[str, Read], notes: list[str]) -> tuple[Sources | None, tuple[str, ...]]:
    try:
        data = files[name](_ARCHIVE_LIMIT)
    except RefusedError as refusal:
        return None, (*notes, f"{printable(name)}: {refusal}")
    with in_archive(io.BytesIO(data), split_suffix(name)[1], ONE_STUDENT) as folder:
        inner = [inner for inner in _collected(folder, []) if split_suffix(inner)[1] not in ARCHIVES]
        if not inner and not folder.notes:
            notes.append(f"{printable(name)}: there is no .py or .ipynb file in it.")
        sources, more = read_student(folder)
    return sources, (*notes, *more)


def _read_all(files: dict[str, Read], notes: list[str]) -> Iterator[_Code]:
    """The texts, within the limits of one submission."""
    read_in_all = sources_in_all = count = 0
    for name in sorted(files, key=_kind):  # what is graded first: it must not fall victim to the limits
        try:
            if count >= _SOURCE_FILES:
                raise RefusedError(f"only the first {_SOURCE_FILES} files are read.")
            data = files[name](min(_NOTEBOOK_LIMIT if _is_notebook(name) else SOURCE_LIMIT, _READ_IN_ALL - read_in_all))
            read_in_all += len(data)
            code = _code(name, data)
            size = len(code.text.encode("utf-8", "replace"))
            if sources_in_all + size > _SOURCES_IN_ALL:
                raise RefusedError(
                    f"a submission of more than {_SOURCES_IN_ALL // MEBI} MiB of code is not read in full."
                )
        except RefusedError as refusal:
            notes.append(f"{printable(name)}: {refusal}")
        else:
            count, sources_in_all = count + 1, sources_in_all + size
            yield code


def _code(name: str, data: bytes) -> _Code:
    if not _is_notebook(name):
        return _Code(name, decoded(data))
    notebook = read_notebook(data)
    return _Code(name, notebook.text, notebook.cells, notebook.notes)


def _choose(read: list[_Code], notes: list[str]) -> Sources:
    """The main file, and the modules that it can import."""
    main = _main(read)
    folder, _, title = main.name.rpartition("/")
    files = {MAIN: main.text}
    for code in read:
        name = code.name.removeprefix(f"{folder}/") if folder else code.name
        if code is main or _is_notebook(name) or not all(p.isidentifier() for p in name[:-3].split("/")):
            continue
        if name in files:
            notes.append(f"{printable(code.name)}: not read, since {printable(main.name)} is graded under its name.")
        files.setdefault(name, code.text)
    if len(read) > 1:
        notes.append(f"{printable(main.name)} is the file that was graded.")
    notes += main.notes
    return Sources(files, MAIN, main.cells, printable(title))


def _main(read: list[_Code]) -> _Code:
    """What is graded among the files of the best kind, as read_student says."""
    best = min(_kind(code.name) for code in read)
    candidates = [code for code in read if _kind(code.name) == best]
    finished = dict.fromkeys((code.name for code in candidates), 0)
    to_parse = _PARSED_TO_CHOOSE if len(candidates) > 1 else 0
    for code in candidates:
        if (to_parse := to_parse - len(code.text)) >= 0:
            finished[code.name] = finished_functions(code.text)
    helpers = {name for code in candidates for name in imported(code.text) - {PurePosixPath(code.name).stem}}

    def rank(code: _Code) -> tuple[bool, int, int, bool, str]:
        helps = PurePosixPath(code.name).stem in helpers
        return helps, -finished[code.name], code.name.count("/"), _is_notebook(code.name), code.name

    return min(candidates, key=rank)


def _summed_up(notes: list[str], anything: bool) -> tuple[str, ...]:
    if not anything:
        notes = ["There is no .py or .ipynb file."]
    notes = list(dict.fromkeys(notes))
    if len(notes) > _NOTES:
        return (*notes[:_NOTES], f"And {len(notes) - _NOTES} more notes of this kind.")
    return tuple(notes)


def _kind(name: str) -> int:
    return 0 if is_main(PurePosixPath(name).stem) else 1 if _is_notebook(name) else 2


def _is_notebook(name: str) -> bool:
    return name.lower().endswith(".ipynb")
