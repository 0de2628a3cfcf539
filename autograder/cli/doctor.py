"""``autograder doctor``: what this machine's sandbox can do, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform

import click
from rich.console import Console

EPILOG = """\b
Examples:
  autograder doctor                        what this machine offers, and what would help
  autograder doctor && autograder grade .. grade only where other people's code is confined

\b
Levels, the strongest first:
  bubblewrap+landlock+seccomp   own file system, processes and network; file rules; allowed system calls
  landlock+seccomp              without bubblewrap: clusters, containers
  bubblewrap+seccomp            without Landlock: kernels before Linux 5.13
  plain                         for your own code only: limits of time and memory

Exit status: 0 other people's code can be graded here; 1 it cannot."""


@click.command("doctor", epilog=EPILOG)
def command() -> None:
    """Say which sandbox level this machine offers and what a stronger one needs."""
    from autograder.grading.keys import installed_versions
    from autograder.sandbox.levels import probe

    console = Console(highlight=False, soft_wrap=True)
    found = probe()
    level = found.level
    console.print(f"sandbox level: [bold]{level.value}[/bold]")
    if level.confines:
        console.print("Students' code can be graded here.")
    else:
        console.print("Too little for other people's code: 'autograder grade' refuses without --unsafe.")
    if level.lacks:
        console.print(level.lacks, markup=False)
    if found.missing:
        console.print("A stronger level needs:" if level.confines else "What is missing:")
    else:
        console.print("Nothing is missing.")
    for reason in (*found.missing, *found.notes):
        console.print(f"  - {reason}", markup=False)
    user = "root" if hasattr(os, "geteuid") and os.geteuid() == 0 else "an ordinary user"
    console.print(f"system: {platform.system()} {platform.release()}, {os.cpu_count()} cores, as {user}", markup=False)
    versions = ", ".join(f"{name} {version}" for name, version in installed_versions().items())
    console.print(f"versions: {versions}", markup=False)
    raise SystemExit(0 if level.confines else 1)
