"""The pinned files follow from the ``.in`` files, carry hashes, and name no server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
FILES = ("requirements", "requirements-dev")
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)", re.MULTILINE)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(name: str) -> dict[str, str]:
    return {normal(match[1]): match[2] for match in PIN.finditer((ROOT / f"{name}.txt").read_text())}


def wanted(name: str) -> list[str]:
    lines = [line.split("#")[0].strip() for line in (ROOT / f"{name}.in").read_text().splitlines()]
    names = [re.match(r"[A-Za-z0-9_.-]+", line) for line in lines if line and not line.startswith("-")]
    return [normal(match[0]) for match in names if match is not None]


@pytest.mark.parametrize("name", FILES)
def test_everything_wanted_is_pinned(name: str) -> None:
    assert [package for package in wanted(name) if package not in pins(name)] == []


@pytest.mark.parametrize("name", FILES)
def test_every_pin_has_a_hash_and_no_line_names_a_server(name: str) -> None:
    text = (ROOT / f"{name}.txt").read_text()
    assert len(re.findall(r"^\S+==\S+ \\\n +--hash=sha256:", text, re.MULTILINE)) == len(pins(name))
    assert "://" not in text
    assert "index-url" not in text


def test_both_files_pin_the_same_versions() -> None:
    assert pins("requirements").items() <= pins("requirements-dev").items()
