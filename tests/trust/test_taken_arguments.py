"""What a wrong argument (tests/wrong_calls.py) is taken for, beside what PyTorch makes of it: the
same value, or a difference whose cause tests/taken_causes.py names.

In the suite one change in thirty; all of them with TRUST=long.
"""

import collections
import re
import zlib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
from taken_calls import GROUPS, TooLong, call, compared, torch
from taken_causes import KNOWN, OPEN, cause_of
from wrong_calls import changes_of, public_names, world

import minigrad as mg

counted: collections.Counter[str] = collections.Counter()
causes: collections.Counter[str] = collections.Counter()


def group_of(name: str) -> str:
    return re.split(r"[.(]", name)[0]


@pytest.mark.parametrize("group", GROUPS)
def test_a_taken_argument_gives_what_pytorch_gives_or_has_a_cause(
    group: str, tmp_path: Path, monkeypatch: Any, many: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    every = many(30, 1)
    unexplained = []
    for name in [n for n in public_names() if group_of(n) == group]:
        for label, change in changes_of(name):
            if zlib.crc32(f"{name} {label}".encode()) % every:
                continue
            try:
                ours = call(name, change, world())
            except (Exception, TooLong):
                continue  # refused: that is test_wrong_arguments.py's
            finally:
                mg.set_default_dtype(mg.float32)
                mg.set_grad_enabled(True)
            kind, why = compared(name, label, change, ours)
            counted[kind] += 1
            if kind in ("refused", "other"):
                cause = cause_of(kind, f"{name}, {label}", why)
                causes[cause] += 1
                if not cause:
                    unexplained.append(f"{name}, {label}: {kind}: {why:.150}")
    assert not unexplained, "\n".join(unexplained[:20])


def test_the_mistakes_that_are_taken_become_no_more(many: Any, say: Any) -> None:
    every = many(30, 1)
    say(f"taken wrong arguments beside PyTorch: {counted.total():,} calls, {dict(counted)}")
    say(f"taken wrong arguments, causes: {dict(causes.most_common())}")
    for cause, most in OPEN.items():
        allowed = most if every == 1 else most / 10 + 3  # a sample of one in thirty is rough
        assert causes[cause.name] <= allowed, f"{cause.name}: {causes[cause.name]} calls"


def test_each_cause_has_a_name_of_its_own_and_a_reason() -> None:
    names = [cause.name for cause in [*KNOWN, *OPEN]]
    assert len(names) == len(set(names))
    assert all([len(reason) > 20 for reason in KNOWN.values()])
