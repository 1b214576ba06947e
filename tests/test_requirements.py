"""What is installed is what was tested: constraints.txt fits the requirements, for every Python that they are for."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
SYSTEMS = (
    ("Linux", "linux", "x86_64"),
    ("Linux", "linux", "aarch64"),
    ("Darwin", "darwin", "arm64"),
    ("Windows", "win32", "AMD64"),
)
FILES = ("requirements-run.txt", "requirements-cuda.txt", "requirements.txt", "requirements-dev.txt")


def read(name: str) -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def applies(requirement: Requirement, python: str, system: tuple[str, str, str]) -> bool:
    platform_system, sys_platform, machine = system
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "platform_system": platform_system,
        "sys_platform": sys_platform,
        "platform_machine": machine,
    }
    return requirement.marker is None or requirement.marker.evaluate(environment)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system[1] + "-" + system[2])
def test_every_package_has_one_version_within_its_range(python: str, system: tuple[str, str, str]) -> None:
    """After a change of a range: 'make lock'."""
    pins: dict[str, Requirement] = {}
    for pin in read("constraints.txt"):
        if applies(pin, python, system):
            assert pin.name not in pins and str(pin.specifier).startswith("==")
            pins[pin.name] = pin
    for requirement in (wanted for name in FILES for wanted in read(name)):
        if applies(requirement, python, system):
            version = str(pins[requirement.name].specifier).removeprefix("==")
            assert requirement.specifier.contains(version), f"{requirement}, but {version} is locked: make lock"
