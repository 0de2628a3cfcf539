"""Files are whole or absent, leave nothing beside them, and what goes wrong names the file."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

from autograder.files import write_atomically, write_once

HALF_WAY = """
import os, pathlib, sys
from autograder import files
os.fsync = lambda handle: (print(flush=True), sys.stdin.read())
files.write_atomically(pathlib.Path(sys.argv[1]), b"new")
"""
"""Stops after the content was written, before it is put in place."""


def half_way(path):
    writer = subprocess.Popen(
        [sys.executable, "-c", HALF_WAY, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout.readline() == "\n"
    return writer


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path):
    path = tmp_path / "report.json"
    write_atomically(path, b"old")
    writer = half_way(path)
    writer.kill()
    writer.communicate()
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2, "the killed one left something"
    write_atomically(path, b"newer")
    assert path.read_bytes() == b"newer"
    assert list(tmp_path.iterdir()) == [path]


def test_a_living_writer_is_left_alone(tmp_path):
    path = tmp_path / "report.json"
    writer = half_way(path)
    write_atomically(path, b"first")
    assert path.read_bytes() == b"first"
    writer.communicate()
    assert writer.returncode == 0
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_device_without_room_is_named():
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        write_atomically("/dev/full", b"data")


def test_a_folder_that_is_not_there_is_named_by_the_file(tmp_path):
    with pytest.raises(FileNotFoundError) as raised:
        write_atomically(tmp_path / "no" / "report.json", b"data")
    assert raised.value.filename == str(tmp_path / "no" / "report.json")


def test_written_once_stays(tmp_path):
    path = tmp_path / "seed"
    assert write_once(path, b"first", mode=0o600)
    assert not write_once(path, b"second")
    assert path.read_bytes() == b"first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_of_several_that_write_once_one_succeeds(tmp_path):
    path, writers = tmp_path / "seed", []
    start_reader, start_writer = os.pipe()
    for name in "abc":
        child = os.fork()
        if child == 0:
            os.close(start_writer)
            os.read(start_reader, 1)
            os._exit(write_once(path, name.encode()))
        writers.append((child, name))
    os.close(start_reader)
    os.close(start_writer)
    won = [name for child, name in writers if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]
    assert won == [path.read_text()]


@pytest.mark.parametrize("moment", range(12))
def test_killed_at_every_call_of_the_system(tmp_path, moment):
    """The writer kills itself before its n-th operation on files."""
    path = tmp_path / "report.json"
    write_atomically(path, b"old" * 1000)
    child = os.fork()
    if child == 0:
        left = moment

        def count(event, arguments):
            nonlocal left
            if event.startswith(("os.", "open", "tempfile.", "fcntl.")):
                left -= 1
                if left == -1:  # once: the kill is such an operation, too
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(count)
            write_atomically(path, b"new" * 1000)
        finally:
            os._exit(0)
    process = os.pidfd_open(child)
    assert select.select([process], [], [], 60)[0]
    os.close(process)
    _, status = os.waitpid(child, 0)
    assert path.read_bytes() in (b"old" * 1000, b"new" * 1000)
    if not status:
        assert path.read_bytes() == b"new" * 1000
    write_atomically(path, b"last")
    assert list(tmp_path.iterdir()) == [path]
