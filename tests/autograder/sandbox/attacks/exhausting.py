"""Memory, threads, processes, disk, descriptors, output: ways to take what others need."""

import ctypes
import mmap
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time

import torch

libc = ctypes.CDLL(None, use_errno=True)


def succeeds(got, name, action, *arguments):
    try:
        action(*arguments)
    except Exception:
        return
    got.append(name)


def fill_memory_with_lists():
    """memory: Python objects."""
    kept = []
    while True:
        kept.append([0] * (1 << 20))


def fill_memory_with_tensors():
    """memory: torch's own allocator."""
    kept = []
    while True:
        kept.append(torch.ones(1 << 22))


def fill_memory_below_python():
    """ok: anonymous pages, as many as are granted; then it stops by itself."""
    granted = 0
    try:
        while True:
            page = mmap.mmap(-1, 1 << 25)
            page[0] = 1
            globals().setdefault("kept", []).append(page)
            granted += 1
    except OSError:
        return [] if granted < 64 else [granted]


def ask_for_the_moon():
    """memory: one request that can never be granted."""
    return torch.empty(1 << 50, dtype=torch.uint8)


def swallow_every_memory_error():
    """timeout: goes on asking."""
    kept = []
    while True:
        try:
            kept.append(bytearray(1 << 22))
        except MemoryError:
            pass


def start_threads_without_end():
    """ok: there is a bound, and the worker still answers."""
    threading.stack_size(1 << 16)
    stop = threading.Event()
    started = 0
    try:
        while started < 5000:
            threading.Thread(target=stop.wait, daemon=True).start()
            started += 1
    except RuntimeError:
        pass
    stop.set()
    return [] if started < 1000 else [started]


def start_processes():
    """ok: by every door there is."""
    got = []

    def fork(call):
        pid = call()
        if pid == 0:
            os._exit(0)
        if pid < 0:
            raise OSError

    for name in ("fork", "vfork"):
        succeeds(got, name, fork, getattr(libc, name))
    succeeds(got, "os.fork", fork, os.fork)
    succeeds(got, "forkpty", os.forkpty)
    succeeds(got, "exec", os.execv, sys.executable, [sys.executable, "-c", "pass"])
    succeeds(got, "spawn", os.posix_spawn, sys.executable, [sys.executable, "-c", "pass"], {})
    succeeds(got, "subprocess", subprocess.run, [sys.executable, "-c", "pass"])
    succeeds(got, "multiprocessing", multiprocessing.get_context("fork").Process(target=int).start)
    succeeds(got, "system", lambda: os.system("true") == 0 or 1 / 0)
    succeeds(got, "popen", lambda: os.popen("echo x").read() or 1 / 0)
    return got


def run_code_after_a_fork():
    """ok: hooks for a fork that is refused."""
    got = []
    os.register_at_fork(after_in_child=lambda: got.append("child"), after_in_parent=lambda: got.append("parent"))
    try:
        if os.fork() == 0:
            os._exit(0)
    except OSError:
        pass
    return [which for which in got if which == "child"]


def write_files():
    """ok: anywhere in the tree, in memory, or over what is there."""
    got = []
    folders = ["/", "/tmp", "/var/tmp", "/dev/shm", "/sandbox", "/project/inside", "/packages", "/dev", os.getcwd()]
    succeeds(folders, tempfile.gettempprefix(), lambda: folders.append(tempfile.gettempdir()))

    def write(path):
        with open(path, "wb") as file:
            file.write(b"x" * 100)

    for folder in folders:
        succeeds(got, folder, write, os.path.join(folder, "left.behind"))
        succeeds(got, ("mkdir", folder), os.mkdir, os.path.join(folder, "left"))
    for path in (torch.__file__, os.__file__, sys.executable, "/project/inside/wire.py"):
        succeeds(got, path, write, path)
        succeeds(got, ("remove", path), os.remove, path)
        succeeds(got, ("chmod", path), os.chmod, path, 0o777)
    succeeds(got, "memfd", os.memfd_create, "x")
    succeeds(got, "save", torch.save, torch.ones(3), "weights.pt")
    succeeds(got, "tempfile", tempfile.TemporaryFile)
    succeeds(got, "shared", multiprocessing.shared_memory.SharedMemory, None, True, 100) if hasattr(
        multiprocessing, "shared_memory"
    ) else None
    return got


def lift_the_limits():
    """ok: ask for more of everything."""
    got = []
    endless = resource.RLIM_INFINITY
    for name in [name for name in dir(resource) if name.startswith("RLIMIT_")]:
        limit = getattr(resource, name)
        hard = resource.getrlimit(limit)[1]
        succeeds(got, name, resource.setrlimit, limit, (hard, hard))
        succeeds(got, (name, endless), resource.setrlimit, limit, (endless, endless))
    succeeds(got, "nice", os.nice, -5)
    succeeds(got, "affinity", os.sched_setaffinity, 0, [0])
    return got


def use_up_descriptors():
    """ok: there is a bound, and the channel is not among what runs out."""
    opened = []
    try:
        while len(opened) < 5000:
            opened.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    count = len(opened)
    for descriptor in opened:
        os.close(descriptor)
    return [] if count < 1000 else [count]


def print_without_end():
    """timeout: only a beginning is kept."""
    while True:
        print("x" * (1 << 16))


def flood_every_descriptor():
    """died: whatever it is connected to."""
    while True:
        for descriptor in range(64):
            try:
                os.write(descriptor, b"\xff" * (1 << 16))
            except OSError:
                pass


def leave_threads_running():
    """ok: the call returns, four threads go on with the processor."""

    def burn():
        while True:
            pass

    for _ in range(4):
        threading.Thread(target=burn, daemon=True).start()
    return []


def answer_too_much():
    """unsendable: more than a reply may hold."""
    return torch.zeros(9 << 20)


def answer_in_too_many_parts():
    """unsendable: a million entries."""
    return [0.0] * (1 << 20)


def stop_time():
    """ok: timers and clocks of others."""
    got = []
    succeeds(got, "clock", time.clock_settime, time.CLOCK_REALTIME, 0)
    succeeds(got, "timer", signal.setitimer, signal.ITIMER_PROF, 1)
    succeeds(got, "alarm", lambda: 1 / 0 if libc.alarm(0) or ctypes.get_errno() else None)
    return [name for name in got if name != "alarm"]
