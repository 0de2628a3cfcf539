"""Makes forking cheap: memory in large pages has a five-hundredth of the entries that every fork must copy."""

from __future__ import annotations

import ctypes
import gc
import sys

_MADV_COLLAPSE = 25  # linux/mman.h, since Linux 6.1
_LARGE = 1 << 21
_GAP = 64  # large pages without an object of Python's that may still belong to what lies around them


def collapse() -> None:
    """Move this process' objects into large pages where the kernel can; otherwise nothing happens.

    A fork of torch's 200 MB then takes a tenth of the time, and so does the end of the child, which gets small pages
    where it writes. Where the objects lie is asked of the objects: a sandbox has no /proc.
    """
    if sys.platform != "linux":
        return
    madvise = ctypes.CDLL(None).madvise
    before = 0
    for page in sorted({id(thing) // _LARGE for thing in gc.get_objects()}):
        for each in range(before + 1 if page - before <= _GAP else page, page + 1):
            madvise(ctypes.c_void_p(each * _LARGE), ctypes.c_size_t(_LARGE), _MADV_COLLAPSE)
        before = page
