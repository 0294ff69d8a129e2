"""What the tests of trust share: how long they look (`make trust` sets TRUST=long), and what they
measured."""

import os
from collections.abc import Callable
from typing import Any

import pytest

LONG = os.environ.get("TRUST") == "long"
measured: list[str] = []


@pytest.fixture
def many() -> Callable[[int, int], int]:
    """many(quick, long): how often to try."""
    return lambda quick, long: long if LONG else quick


@pytest.fixture
def say() -> Callable[[str], None]:
    """A line at the end of the run."""
    return measured.append


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if LONG and measured:
        terminalreporter.section("measured")
        for line in measured:
            terminalreporter.write_line(line)
