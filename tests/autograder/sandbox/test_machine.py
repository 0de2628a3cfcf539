"""Each machine's explanation says what is missing, why, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.sandbox import machine
from autograder.sandbox.machine import Machine

UBUNTU = {"apparmor": "1", "namespaces": "62000"}
HPC = {"namespaces": "0"}
DENIED = "bwrap: setting up uid map: Permission denied\n"


@pytest.mark.parametrize(
    ("here", "why", "what_to_do"),
    [
        (Machine(settings=UBUNTU), "AppArmor keeps ordinary users", "/etc/apparmor.d/bwrap"),
        (
            Machine(settings=UBUNTU, github=True),
            "AppArmor keeps ordinary users",
            "a step to the workflow: sudo sysctl -w",
        ),
        (Machine(settings=UBUNTU, root=True), "setting up uid map: Permission denied", ""),
        (Machine(settings={"clone": "0"}), "off for users", "kernel.unprivileged_userns_clone=1"),
        (Machine(settings={"clone": "0"}, root=True), "setting up uid map: Permission denied", ""),
        (Machine(settings=HPC), "nodes of clusters", "user.max_user_namespaces=10000"),
        (Machine(settings=HPC, container=True), "nodes of clusters", "user.max_user_namespaces=10000"),
        (Machine(container=True, root=True), "Docker's default profile", "--security-opt seccomp=unconfined"),
        (Machine(container=True, github=True, settings=UBUNTU), "Docker's default profile", "--privileged"),
        (Machine(), "bwrap fails with: bwrap: setting up uid map: Permission denied.", ""),
    ],
)
def test_why_bubblewrap_fails(here: Machine, why: str, what_to_do: str) -> None:
    sentence = machine.bubblewrap_fails(here, DENIED)
    assert sentence.startswith("bubblewrap: ")
    assert why in sentence
    assert what_to_do in sentence


def test_a_silent_failure_is_said_to_be_one() -> None:
    assert "no message" in machine.bubblewrap_fails(Machine(), "")


@pytest.mark.parametrize(
    ("here", "what_to_do"),
    [
        (Machine(settings={"modules": "capability,yama,apparmor"}), "lsm=landlock,capability,yama,apparmor"),
        (Machine(settings={"modules": "landlock,yama"}, container=True), "newer Docker"),
        (Machine(settings={"modules": "landlock,yama"}), "Linux 5.13"),
        (Machine(), "CONFIG_SECURITY_LANDLOCK"),
    ],
)
def test_why_landlock_is_missing(here: Machine, what_to_do: str) -> None:
    assert what_to_do in machine.no_landlock(here)


@pytest.mark.parametrize(
    ("here", "words"),
    [
        (Machine(settings={"status": "Name: python"}), "CONFIG_SECCOMP_FILTER"),
        (Machine(settings={"status": "Seccomp: 2"}, container=True), "gVisor"),
        (Machine(settings={"status": "Seccomp: 0"}), "whoever started this process"),
    ],
)
def test_why_seccomp_is_missing(here: Machine, words: str) -> None:
    assert words in machine.no_seccomp(here)


@pytest.mark.parametrize(
    ("system", "name", "way"),
    [("darwin", "macOS", "container"), ("win32", "Windows", "wsl --install"), ("aix", "aix", "")],
)
def test_other_systems_are_for_ones_own_work(system: str, name: str, way: str) -> None:
    sentence = machine.not_linux(Machine(system))
    assert name in sentence
    assert way in sentence
    assert "autograder check" in sentence


def test_packages_and_programs_are_named_with_their_commands() -> None:
    assert "apt install bubblewrap" in machine.no_bubblewrap()
    assert "pip install landlockpy" in machine.no_landlock_package()
    assert "pip install pyseccomp" in machine.no_libseccomp(ImportError("pyseccomp"))
    assert "/home/ana" in machine.private_interpreter(Path("/home/ana"))


def test_the_facts_of_this_machine_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("APPTAINER_CONTAINER", "/images/course.sif")
    here = machine.this_machine()
    assert here.github
    assert here.container
    assert not here.lacks_seccomp
    assert here.settings["namespaces"].isdigit()
