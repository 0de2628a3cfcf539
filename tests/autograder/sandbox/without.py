"""``python without.py landlock,namespaces,seccomp COMMAND...``: run a command where the kernel refuses these, really.

landlock: as a kernel before 5.13.  namespaces: as Docker's default profile.  seccomp: as a kernel without filters.
"""

import errno
import os
import sys

import pyseccomp as seccomp

NEW = (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)


def main() -> None:
    refused, command = sys.argv[1].split(","), sys.argv[2:]
    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    if "landlock" in refused:
        for name in ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"):
            rules.add_rule(seccomp.ERRNO(errno.ENOSYS), name)
    if "namespaces" in refused:
        rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
        for name in ("unshare", "setns", "mount", "umount2", "pivot_root"):
            rules.add_rule(seccomp.ERRNO(errno.EPERM), name)
        for flag in NEW:
            rules.add_rule(seccomp.ERRNO(errno.EPERM), "clone", seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
    if "seccomp" in refused:
        rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "seccomp")
        rules.add_rule(seccomp.ERRNO(errno.EINVAL), "prctl", seccomp.Arg(0, seccomp.EQ, 22))
    rules.load()
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
