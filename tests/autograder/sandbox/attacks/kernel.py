"""The surface of the kernel: every system call that the filter does not name, by number and by other doors."""

import ctypes
import mmap
import os
import struct

libc = ctypes.CDLL(None, use_errno=True)
EPERM, ENOSYS = 1, 38
MINUS_ONE = ctypes.c_long(-1)


def refused(number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *arguments)
    return result == -1 and ctypes.get_errno() in (EPERM, ENOSYS)


def make_any_system_call(forbidden):
    """ok: mount, unshare, bpf, keyctl, io_uring, perf, ptrace, ...: none is looked at, let alone done."""
    return [name for name, number in forbidden.items() if not refused(number, *[MINUS_ONE] * 6)]


def make_calls_that_do_not_exist():
    """ok: numbers beyond the table."""
    return [number for number in (480, 511, 600, 1 << 20) if not refused(number, *[MINUS_ONE] * 6)]


def call_by_another_table():
    """ok | died: the numbers of the x32 interface."""
    if os.uname().machine != "x86_64":
        return []
    getpid, socket = 39, 41
    return [number for number in (getpid, socket) if not refused(0x40000000 | number, 2, 1, 0)]


def call_as_a_32_bit_program():
    """died: the old gate, whose numbers mean something else: 359 is socket."""
    if os.uname().machine != "x86_64":
        os._exit(1)
    code = b"\x53\xb8" + struct.pack("<i", 359) + b"\xbb\x02\x00\x00\x00\xb9\x01\x00\x00\x00\xba\x00\x00\x00\x00"
    code += b"\xcd\x80\x5b\xc3"
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    result = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    if result in (-EPERM, -ENOSYS):
        os._exit(1)
    return [result]


def make_a_process_by_flags(clone):
    """ok: clone without the flag of a thread, and threads in namespaces of their own."""
    got = []
    new_namespaces = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000, 0x80)
    for flags in (0, 17, 0x4000, 0x100, *new_namespaces, *(0x10000 | flag for flag in new_namespaces)):
        if not refused(clone, ctypes.c_long(flags), 0, 0, 0, 0):
            got.append(flags)
    return got


def change_what_the_process_is():
    """ok: every option of prctl but the name of a thread."""
    return [option for option in range(1, 80) if option != 15 and libc.prctl(option, 1, 0, 0, 0) == 0]


def use_the_terminal():
    """ok: put characters into the input of whoever started the grader."""
    byte = ctypes.c_char(b"x")
    return [fd for fd in range(4) for code in (0x5412, 0x5413, 0x540E) if libc.ioctl(fd, code, ctypes.byref(byte)) == 0]


def set_limits_of_others(grader, zygote):
    """ok: and read them."""
    limits = (ctypes.c_ulong * 2)(0, 0)
    got = [pid for pid in (1, os.getppid(), grader, zygote) if libc.prlimit(pid, 7, None, limits) == 0]
    return got + [limit for limit in range(16) if libc.prlimit(0, limit, ctypes.byref(limits), None) == 0]


def become_someone_else():
    """ok: root, another user, another root folder."""
    got = []
    for change in (os.setuid, os.setgid, os.seteuid, os.setegid, lambda number: os.setresuid(number, 0, 0)):
        for number in (0, 1000):
            try:
                change(number)
                got.append(number)
            except OSError:
                pass
    for change in (os.chroot, os.chdir):
        try:
            change("/")
            got.append("folder")
        except OSError:
            pass
    return got
