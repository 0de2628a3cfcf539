"""Exits, crashes, signals: ways to be gone, or to make others go."""

import atexit
import ctypes
import mmap
import os
import signal
import sys
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)


def spin():
    while True:
        pass


def run_machine_code(code):
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    return ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


def succeeds(got, name, action, *arguments):
    try:
        action(*arguments)
    except Exception:
        return
    got.append(name)


def exit_as_if_all_were_well():
    """died: leaves with status 0."""
    os._exit(0)


def exit_through_libc():
    """died: leaves below Python."""
    libc.exit(0)


def exit_from_a_thread():
    """died: a thread leaves while the call waits."""
    threading.Thread(target=os._exit, args=(3,)).start()
    spin()


def exit_politely():
    """error: SystemExit is an exception like others."""
    sys.exit(0)


def exit_with_unfinished_business():
    """error: what is registered for the end of the interpreter does not delay anything."""
    atexit.register(spin)
    threading.Thread(target=spin).start()
    raise SystemExit


def abort():
    """died: abort, although it may not signal itself."""
    os.abort()


def crash():
    """died: reads address zero."""
    ctypes.string_at(0)


def run_an_illegal_instruction():
    """died: code that no processor knows."""
    run_machine_code(b"\x0f\x0b" if os.uname().machine == "x86_64" else b"\x00\x00\x00\x00")


def overflow_the_stack():
    """died | error | memory: recursion without a bound, in C."""
    sys.setrecursionlimit(1 << 30)
    nested = []
    for _ in range(1 << 20):
        nested = [nested]
    repr(nested)


def corrupt_the_interpreter():
    """died: overwrites the beginning of its own types."""
    for kind in (dict, list, tuple, str, type):
        ctypes.memset(id(kind), 0x41, 400)
    return {"a": [1]}


def close_every_descriptor():
    """died: among them the channel to the grader."""
    os.closerange(0, 1 << 10)
    spin()


def replace_the_channel():
    """died: another file under the number of the channel."""
    os.close(3)
    os.open("/dev/null", os.O_RDWR)
    spin()


def signal_everyone(grader, zygote):
    """ok: itself, its group, all processes, the first one, its parent, the grader."""
    got = []
    for target in (0, -1, 1, 2, os.getpid(), os.getppid(), grader, zygote):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGINT, 0):
            succeeds(got, ("kill", target, number), os.kill, target, number)
    succeeds(got, "killpg", os.killpg, 0, signal.SIGKILL)
    succeeds(got, "raise", signal.raise_signal, signal.SIGTERM)
    succeeds(got, "pidfd", os.pidfd_open, os.getppid())
    succeeds(got, "alarm", signal.setitimer, signal.ITIMER_REAL, 0.001)
    succeeds(got, "thread", signal.pthread_kill, threading.get_ident(), signal.SIGTERM)
    return got


def ignore_every_signal():
    """timeout: and then never answer."""
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    spin()


def hang_in_python():
    """timeout: an endless loop."""
    spin()


def hang_in_c():
    """timeout: one operation that never returns to the interpreter."""
    return len(str(7 ** (10**9)))


def hang_in_sleep():
    """timeout: no processor time at all."""
    time.sleep(1e6)


def hang_in_a_lock():
    """timeout: waits for itself."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def hang_in_another_thread():
    """timeout: a thread that never hands over the interpreter."""
    sys.setswitchinterval(1e6)
    threading.Thread(target=spin).start()
    time.sleep(0)
    spin()


def hang_in_a_finalizer():
    """timeout: the function returns, its garbage does not."""

    class Sticky:
        def __del__(self):
            spin()

    sticky = Sticky()
    sticky.itself = sticky
    del sticky
    import gc

    gc.collect()


def hang_in_a_tracer():
    """timeout: every later line of the worker's own loop is the student's."""
    sys.setprofile(lambda *event: spin())
    return 1


def read_the_requests():
    """timeout: takes the grader's next words from the channel, which never come."""
    os.read(3, 1)
