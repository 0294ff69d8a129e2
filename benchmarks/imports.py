"""How long an import takes in a new process, from the first line to the last, without the start of
Python."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.libraries import MODULES
from benchmarks.measure import OURS, Case, Contest

NUMPY = "NumPy"


def cases(quick: bool) -> Iterator[Case]:
    yield Case("imports", "import", contest)


def contest() -> Contest:
    statements = {OURS: "minigrad, nn", NUMPY: "numpy"}
    statements |= {
        name: m for name, m in MODULES.items() if name != OURS and importlib.util.find_spec(m)
    }
    for name in statements:
        seconds(statements[name])  # writes the byte code, and brings the files into memory
    return Contest(
        {name: partial(seconds, modules) for name, modules in statements.items()}, returned=True
    )


def seconds(modules: str) -> float:
    code = (
        f"import time; began = time.perf_counter(); import {modules}; print(time.perf_counter() "
        "- began)"
    )
    env = {
        key: text for key, text in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"
    }  # an installation has it
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, encoding="utf-8", env=env
    )
    return float(done.stdout)
