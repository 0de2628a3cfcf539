"""``autograder doctor``: what this machine's sandbox can do, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform

import click
from rich.console import Console

EPILOG = "\b\nExit status: 0 other people's code can be graded here; 1 it cannot."


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
    for reason in found.missing:
        console.print(f"  - {reason}", markup=False)
    if not found.missing:
        console.print("Nothing is missing.")
    user = "root" if hasattr(os, "geteuid") and os.geteuid() == 0 else "an ordinary user"
    console.print(f"system: {platform.system()} {platform.release()}, {os.cpu_count()} cores, as {user}", markup=False)
    versions = ", ".join(f"{name} {version}" for name, version in installed_versions().items())
    console.print(f"versions: {versions}", markup=False)
    raise SystemExit(0 if level.confines else 1)
