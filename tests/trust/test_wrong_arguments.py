"""Each argument of every public callable in turn becomes each wrong thing (tests/wrong_calls.py):
what is not taken is refused in a sentence that names the operation, soon and in little memory.

In the suite one change in thirty; all of them with TRUST=long.
"""

import collections
import os
import re
import zlib
from pathlib import Path
from typing import Any

import pytest
from judged_calls import limits, outcome
from wrong_calls import changes_of, public_names, source_of_call, working_call, world

import minigrad as mg

# Refusals that name an inner operation alone, at most so often: those of nn are Sequential's and
# summary's, where the layer that refuses is the one to name
INNER = {"nn": 36, "F": 0}
NAMES = public_names()
GROUPS = collections.defaultdict(list)
for public_name in NAMES:
    GROUPS[re.split(r"[.(]", public_name)[0]].append(public_name)
WRONG_KINDS = ("foreign", "foreign, named", "no name", "too long")


@pytest.mark.filterwarnings("ignore")
def test_every_public_name_has_a_call_that_works(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        source_of_call(name)
    assert len(NAMES) > 850
    for name in NAMES[:: 1 if os.environ.get("TRUST") == "long" else 5]:
        target, args, settings = working_call(name, world())
        if name not in ("x.cuda", "module.cuda", "x.half"):
            with mg.set_grad_enabled(True):
                target(*args, **settings)
    mg.set_default_dtype(mg.float32)


@pytest.mark.parametrize("group", GROUPS)
def test_a_wrong_argument_is_refused_in_a_sentence(
    group: str, tmp_path: Path, monkeypatch: Any, many: Any, say: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    every = many(30, 1)
    counted: collections.Counter[str] = collections.Counter()
    found, inner = [], []
    for name in GROUPS[group]:
        for label, change in changes_of(name):
            if zlib.crc32(f"{name} {label}".encode()) % every:
                continue
            with limits():
                came = outcome(name, change, world())
            mg.set_default_dtype(mg.float32)
            mg.set_grad_enabled(True)
            counted[came.kind] += 1
            is_inner = came.kind == "of an inner op" and group in INNER
            if is_inner:
                inner.append(f"{name}, {label}: {came.error!r:.200}")
            if came.kind in WRONG_KINDS:
                found.append(f"{name}, {label}: {came.kind}: {came.error!r:.200}")
    total = counted.total()
    say(f"wrong arguments of {group}: {total:,} calls, {dict(counted)}")
    assert not found, "\n".join(found[:20])
    assert len(inner) <= INNER.get(group, 0), "\n".join(inner[:20])
