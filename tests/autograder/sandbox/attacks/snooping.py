"""Looks for what is not its own: files, other submissions, the grader, its environment, its memory, the network."""

import ctypes
import gc
import inspect
import os
import re
import socket
import sys
import types

libc = ctypes.CDLL(None, use_errno=True)
PAGE = 4096


def attempt(got, action, *arguments):
    try:
        got.append(action(*arguments))
    except Exception:
        pass


def read(path):
    with open(path, "rb") as file:
        return file.read(2000).decode("latin-1")


def read_the_secret_file(secret):
    """ok: its path is known; every way to open it."""
    got = []
    attempt(got, read, secret)
    attempt(got, os.open, secret, os.O_RDONLY)
    attempt(got, os.listdir, os.path.dirname(secret))
    for alias in ("/proc/self/root", "/proc/1/root", f"/proc/{os.getppid()}/root", "/proc/self/cwd/..", "/../.."):
        attempt(got, read, alias + secret)
    attempt(got, lambda: __import__("numpy").fromfile(secret, dtype="uint8").tolist())
    attempt(got, lambda: __import__("torch").from_file(secret, size=4, dtype=__import__("torch").uint8).tolist())
    attempt(got, lambda: __import__("linecache").getlines(secret)[0])
    attempt(got, lambda: __import__("ctypes").CDLL(secret))
    return got


def read_another_submission(other):
    """ok: the file of another student, or its module."""
    got = []
    attempt(got, read, other)
    sys.path.insert(0, os.path.dirname(other))
    attempt(got, lambda: __import__("submission_of_another").__name__)
    return got


def learn_about_files(secret):
    """ok: whether a file outside exists, and its size."""
    got = []
    for ask in (os.stat, os.lstat, os.readlink, os.listdir, os.scandir):
        attempt(got, lambda ask=ask: str(ask(secret)))
    if os.path.exists(secret) or os.access(secret, os.F_OK):
        got.append("exists")
    return got


def read_system_files():
    """ok: accounts, hosts, mounts, homes."""
    got = []
    for path in ("/etc/passwd", "/etc/shadow", "/etc/hosts", "/etc/hostname", "/proc/mounts", "/proc/self/maps"):
        attempt(got, read, path)
    for path in ("/root", "/home", "/tmp", "/etc", "/var", "/run", "/proc/self"):
        attempt(got, lambda path=path: [path, *os.listdir(path)])
    way_to_python = sys.base_prefix.strip("/").split("/")
    skeleton = [["/etc", "ld.so.cache"], [f"/{way_to_python[0]}", *way_to_python[1:2]]]
    return [found for found in got if found not in skeleton]


def look_through_processes(grader, zygote):
    """ok: other processes, their environment, memory and descriptors."""
    got = []
    attempt(got, lambda: next(name for name in os.listdir("/proc") if name.isdigit()))
    for pid in ("self", 1, 2, os.getpid(), os.getppid(), grader, zygote):
        for name in ("environ", "mem", "maps", "cmdline", "status", "fd/3", "cwd", "root", "ns/net"):
            attempt(got, read, f"/proc/{pid}/{name}")
    return got


def read_the_environment(marker):
    """ok: variables of the grader, in Python and in C."""
    first, second = marker
    got = [f"{name}={value}" for name, value in os.environ.items() if first + second in value]
    environ = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ")
    index = 0
    while environ and environ[index]:
        text = environ[index].decode("latin-1")
        index += 1
        if first + second in text:
            got.append(text)
    return got


def search_the_heap(marker):
    """ok: every object, every frame, every module."""
    first, second = marker
    got = []
    for thing in gc.get_objects():
        if isinstance(thing, types.ModuleType):
            name = str(getattr(thing, "__name__", ""))
            if name.startswith(("autograder.testing", "autograder.grading", "reference", "hypothesis", "tests")):
                got.append(name)
        elif isinstance(thing, dict | list | tuple):
            values = thing.values() if isinstance(thing, dict) else thing
            got += [text for text in list(values) if isinstance(text, str) and first + second in text]
    frame = inspect.currentframe()
    while frame is not None:
        for value in list(frame.f_locals.values()):
            if isinstance(value, types.FunctionType) and value.__module__.startswith(("reference", "tests")):
                got.append(value.__qualname__)
        frame = frame.f_back
    return got


def search_the_memory(marker):
    """ok: the pages around its objects, the stack and the libraries, byte by byte."""
    first, second = (part.encode() for part in marker)
    got = []
    local = ctypes.c_long()
    starts = [id(object()), id(os), id(sys.modules), ctypes.addressof(local)]
    starts += [ctypes.cast(libc.malloc, ctypes.c_void_p).value, ctypes.cast(libc.getenv, ctypes.c_void_p).value]
    libc.access.argtypes = [ctypes.c_void_p, ctypes.c_int]

    def readable(page):
        ctypes.set_errno(0)
        libc.access(page, 0)
        return ctypes.get_errno() != 14  # EFAULT: nothing is mapped there

    for start in starts:
        for step in (PAGE, -PAGE):
            page = start // PAGE * PAGE + (0 if step > 0 else step)
            for _ in range(2048):
                if not readable(page):
                    break
                content = ctypes.string_at(page, PAGE)
                position = content.find(first + second)
                if position >= 0:
                    found = content[position : position + 60]
                    if re.match(rb"[0-9a-f]{32}", found[len(first + second) :]):
                        got.append(found.decode("latin-1"))
                page += step
    return got


def read_the_memory_of_others(grader, zygote):
    """ok: ptrace and its relatives."""
    got = []
    buffer = ctypes.create_string_buffer(64)

    class Vector(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

    here, there = Vector(ctypes.addressof(buffer), 64), Vector(id(os), 64)
    for pid in (1, 2, os.getppid(), grader, zygote):
        for request in (16, 0x4206):  # attach, seize
            if libc.ptrace(request, pid, None, None) == 0:
                got.append(["ptrace", pid])
        if libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) > 0:
            got.append(["read", pid])
        if libc.process_vm_writev(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) > 0:
            got.append(["write", pid])
    return got


def talk_to_the_network(port, abstract):
    """ok: loopback, the outside, local sockets, raw sockets."""
    got = []

    def connect(family, kind, address):
        with socket.socket(family, kind) as connection:
            connection.settimeout(1)
            connection.connect(address)
            return str(address)

    attempt(got, connect, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port))
    attempt(got, connect, socket.AF_INET6, socket.SOCK_STREAM, ("::1", port))
    attempt(got, connect, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", port))
    attempt(got, connect, socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.1", 80))
    attempt(got, connect, socket.AF_UNIX, socket.SOCK_STREAM, "\0" + abstract)
    attempt(got, connect, socket.AF_UNIX, socket.SOCK_STREAM, "/run/dbus/system_bus_socket")
    for family in (socket.AF_PACKET, socket.AF_NETLINK, socket.AF_VSOCK, socket.AF_ALG):
        attempt(got, lambda family=family: str(socket.socket(family, socket.SOCK_RAW)))
    attempt(got, lambda: str(socket.socketpair()))
    attempt(
        got,
        lambda: (
            socket.getaddrinfo("localhost", 80, proto=socket.IPPROTO_TCP)
            and connect(socket.AF_INET, socket.SOCK_STREAM, ("localhost", port))
        ),
    )
    attempt(got, lambda: __import__("urllib.request").request.urlopen(f"http://127.0.0.1:{port}", timeout=1).read())
    return got


def receive_descriptors():
    """ok: asks the channel for files of the grader; whatever else is open."""
    got = []
    for descriptor in range(4, 1024):
        try:
            os.fstat(descriptor)
            got.append(descriptor)
        except OSError:
            pass
    channel = libc.recvmsg(3, None, 0x40)
    return got + ([channel] if channel >= 0 else [])


def import_the_grader():
    """ok: its modules, the properties, the reference."""
    got = []
    names = ("autograder.testing.runner", "autograder.sandbox.zygote", "autograder.grading.batch", "autograder.cli")
    sys.path[:0] = ["/project", "/project/inside", "/", "/packages", os.getcwd()]
    for name in (*names, "reference", "reference.linear_algebra", "tests", "hypothesis", "pytest"):
        attempt(got, lambda name=name: __import__(name).__name__)
    return [name for name in got if name != "autograder"] + [
        name for name in sys.modules if name in names and name != "autograder"
    ]


def call_up_the_stack(f):
    """ok: from the callback's stub to whatever stands behind it."""
    got = []
    for thing in gc.get_referents(f):
        got += [name for name in ("function", "points", "calls", "refusals") if hasattr(thing, name)]
    got += [name for name in ("function", "points", "__wrapped__", "__code__", "__closure__") if hasattr(f, name)]
    return got
