"""Coverage-guided fuzzing of what reads untrusted bytes: ``python tests/fuzz/fuzz.py TARGET [options of libFuzzer]``.

Targets: decoder (frames), messages (a whole talk with a worker), archives, notebooks, modules. Each may end in its
own ways only; anything else, ten seconds or two gigabytes for one input, is a finding, kept in build/fuzz.
Needs the extra "fuzz": pip install -e '.[fuzz]'.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import atheris

sys.path.append(str(Path(__file__).resolve().parents[1] / "autograder" / "helpers"))
with atheris.instrument_imports(include=["autograder", "zipfile", "tarfile", "gzip", "json", "ast", "tokenize"]):
    import msgspec
    import torch
    from scripted_worker import WANTS, talk, written

    from autograder.grading.archive import ONE_STUDENT, in_archive
    from autograder.grading.folder import Folder
    from autograder.grading.names import RefusedError
    from autograder.grading.notebook import read_notebook
    from autograder.grading.sources import decoded, read_student
    from autograder.sandbox.inside import wire

FOUND = Path("build/fuzz")
REPLIES = wire.Bounds(32 << 20)


def decoder(data: bytes) -> None:
    at = 1 + (data[0] if data else 0)
    for bounds in (REPLIES, wire.TO_WORKER):
        with contextlib.suppress(wire.WireError):
            value = wire.Decoder(bounds).decode(data[1:at], bytearray(data[at:]))
            wire.Encoder(wire.TO_WORKER).encode(value)


def messages(data: bytes) -> None:
    talk(data[1:], WANTS[data[0] % len(WANTS) if data else 0])


def archives(data: bytes) -> None:
    suffix = (".zip", ".tar", ".tgz")[data[0] % 3 if data else 0]
    with in_archive(io.BytesIO(data[1:]), suffix, ONE_STUDENT) as folder:
        sources, notes = read_student(folder)
    assert sources is not None or notes
    assert all(note.isprintable() and len(note) < 400 for note in notes)


def notebooks(data: bytes) -> None:
    if data[:1] != b"{":  # the text of two cells, the second one locked
        texts = data.decode("utf-8", "replace").split("\0", 1)
        cells = [{"cell_type": "code", "source": text, "metadata": {}} for text in texts]
        cells[-1]["metadata"] = {"nbgrader": {"locked": True}}
        data = json.dumps({"cells": cells}).encode()
    with contextlib.suppress(RefusedError):
        code = read_notebook(data)
        compile(code.text.replace("from __future__", "from os"), "submission.py", "exec", dont_inherit=True)


def modules(data: bytes) -> None:
    with contextlib.suppress(RefusedError):
        decoded(data)
    files = {"a.py": lambda limit: data, "b.ipynb": lambda limit: data, "submission-1.py": lambda limit: b"x = 1"}
    read_student(Folder(files=files))


def seeds(target: str) -> Iterator[bytes]:
    """Well-formed inputs to begin with."""
    values = [1.5, "text", {"a": (1j, None)}, torch.ones(2, 3), [torch.zeros(2, dtype=torch.bool), torch.float32]]
    if target == "decoder":
        for value in values:
            skeleton, data = wire.Encoder(wire.TO_WORKER).encode(value)
            yield bytes([len(skeleton)]) + skeleton + data
    if target == "messages":
        encode = wire.Encoder(wire.TO_WORKER).encode
        load = encode([1, "ok", {"names": ["f"], "failures": [("a.py", 1, ["ValueError"], "text")]}, ""])
        callback = msgspec.msgpack.encode([0, 2, "callback", [0, 1, [0, 1.0]], ""]), b""
        table = ([("aten.mm.default", [[2, 2]])], torch.zeros(3, dtype=torch.int64))
        answers = [encode([2, "ok", value, ""]) for value in (*values, table, [("grad mode", -1)])]
        answers.append(encode([2, "error", (["ValueError"], "text", ("a.py", 1, "line")), ""]))
        for number, answer in enumerate(answers):
            frames = [load, callback, answer] if number % 2 else [load, answer]
            yield bytes([number]) + written(frames)
    if target == "archives":
        for number, make in enumerate((_zip, _tar, _tar)):
            yield bytes([number]) + make("w:gz" if number == 2 else "w")
    if target == "notebooks":
        yield b"%%time\nx = !ls\n%run a.py\nf?\0import numpy as np\ndef f(x):\n    return x\nX = [1, 2]\nprint(X)"
        cells = [{"cell_type": "code", "source": ["%time x = 1\n", "!ls"], "metadata": {"nbgrader": {"locked": True}}}]
        yield json.dumps({"cells": cells}).encode()
        yield json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": "x = 1"}]}]}).encode()
    if target == "modules":
        yield "# coding: latin-1\nx = 1\n".encode("latin-1")
        yield "\ufeffdef f(x):\n    return x\n".encode("utf-16")


def _zip(mode: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("d/a.py", "x = 1\n")
        archive.writestr("b.ipynb", '{"cells": []}')
    return file.getvalue()


def _tar(mode: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        info = tarfile.TarInfo("d/a.py")
        info.size = 6
        archive.addfile(info, io.BytesIO(b"x = 1\n"))
    return file.getvalue()


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (decoder, messages, archives, notebooks, modules)
}


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        raise SystemExit(f"usage: python tests/fuzz/fuzz.py {'|'.join(TARGETS)} [-max_total_time=SECONDS]")
    target = sys.argv[1]
    corpus = FOUND / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    torch.set_num_threads(1)
    bounds = ["-timeout=10", "-rss_limit_mb=2048", "-max_len=4096", f"-artifact_prefix={FOUND}/{target}-"]
    atheris.Setup([sys.argv[0], *bounds, *sys.argv[2:], str(corpus)], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
