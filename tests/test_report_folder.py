"""--out may come from somebody else, be damaged or full: what a report makes of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="the demos need the extra demos")
pytest.importorskip("joblib", reason="the demos need the extra demos")

from demos import options, report, store
from tests.test_demos import ENVIRONMENT, ROOT, python


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that the demo s5 has written, whose sections are small."""
    done = python("-m", "demos", "s5", "--quick", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


HOSTILE = 's5"><script>alert(1)</script>'
DAMAGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another name": lambda section: section.update(name=HOSTILE),
    "no name": lambda section: section.pop("name"),
    "no blocks": lambda section: section.pop("blocks"),
    "blocks of another shape": lambda section: section.update(blocks=[1, 2]),
    "an unknown block": lambda section: section.update(blocks=[{"type": "script", "text": "x"}]),
    "a table without rows": lambda section: section["blocks"].insert(
        0, {"type": "table", "caption": "", "rows": []}
    ),
    "a figure from elsewhere": lambda section: section["blocks"].insert(
        0, {"type": "figure", "file": "/etc/passwd", "caption": ""}
    ),
    "a figure above": lambda section: section["blocks"].insert(
        0, {"type": "figure", "file": "../../../etc/hostname", "caption": ""}
    ),
    "a figure that is gone": lambda section: section["blocks"].insert(
        0, {"type": "figure", "file": "figures/gone.png", "caption": ""}
    ),
    "a page from elsewhere": lambda section: section["blocks"].insert(
        0, {"type": "text", "text": "", "page": "../../etc/hostname"}
    ),
    "a page that is a script": lambda section: section["blocks"].insert(
        0, {"type": "text", "text": "", "page": "javascript:alert(1)"}
    ),
    "text of numbers": lambda section: section["blocks"].insert(0, {"type": "text", "text": 5}),
    "experiments of another shape": lambda section: section.update(experiments=[1]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_section_of_another_shape_is_named_in_one_sentence(
    damage: Callable[[dict[str, Any]], Any], tmp_path: Path
) -> None:
    path = tmp_path / "sections" / "s5.json"
    section: dict[str, Any] = {
        "name": "s5",
        "title": "t",
        "intro": "i",
        "blocks": [],
        "experiments": {},
        "quick": True,
        "device": "cpu",
        "command": "c",
    }
    store.write(path, json.dumps(section))
    report.write(tmp_path)  # as it is, it is taken
    damage(section)
    store.write(path, json.dumps(section))
    with pytest.raises(SystemExit) as ended:
        report.write(tmp_path)
    said = str(ended.value)
    assert str(path) in said and said.count("\n") == 0 and "run its demo again" in said


def test_a_foreign_file_among_the_sections_is_left_alone(folder: Path) -> None:
    (folder / "sections" / "notes.json").write_text("my notes", encoding="utf-8")
    (folder / "sections" / "README").write_text("read me", encoding="utf-8")
    done = python("-m", "demos", "s5", "--quick", "--out", folder)
    assert done.returncode == 0 and (folder / "sections" / "notes.json").exists()


def test_markup_and_control_characters_of_a_section_are_text_in_the_page(folder: Path) -> None:
    path = folder / "sections" / "s5.json"
    section = json.loads(path.read_text("utf-8"))
    hostile = '<script>alert(1)</script> \x1b[31m \0 " onmouseover=alert(1)'
    section["title"] = section["intro"] = section["command"] = section["device"] = hostile
    for block in section["blocks"]:
        for key in block.keys() & {"text", "caption", "claim", "where", "verdict"}:
            block[key] = f"{block[key]} {hostile}"
    store.write(path, json.dumps(section))
    report.write(folder)
    page = (folder / "report.html").read_text("utf-8")
    assert "&lt;script&gt;alert" in page and "\x1b" not in page and "\0" not in page
    tags = Tags()
    tags.feed(page)
    assert {"script", "img"} & tags.found.keys() == {"img"}
    assert tags.found["img"] == {"alt", "src"}


class Tags(HTMLParser):
    """The attributes that the elements of each kind have in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, set[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.setdefault(tag, set()).update(name for name, _ in attrs)


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
@pytest.mark.parametrize("words", [["-m", "demos", "s6"], ["demos/s6_copy_task.py"]])
def test_a_ctrl_c_ends_with_a_sentence(words: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-u", *words, "--quick", "--jobs", "1", "--out", str(tmp_path)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as at a terminal
    ) as demo:
        try:
            wait_for(lambda: any(tmp_path.rglob("*.json")) or demo.poll() is not None)
            demo.send_signal(signal.SIGINT)
            _, said = demo.communicate(timeout=60)
        finally:
            demo.kill()
    assert demo.returncode in (0, 1)  # 0: it was faster
    assert "Traceback" not in said and (demo.returncode == 0 or "Stopped. Every" in said), said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyboardInterrupt(), "Stopped."),
        (OSError(28, "'f' could not be written: No space left"), "with room there"),
        (OSError(2, "other"), ""),
        (ValueError("could not be written"), ""),
    ],
)
def test_which_errors_end_a_demo_with_a_sentence(error: BaseException, said: str) -> None:
    assert (said in options.ending(error)) if said else options.ending(error) == ""


def test_without_jupytext_notebooks_say_what_to_install() -> None:
    hide = "import sys; sys.modules['jupytext'] = None; import runpy; "
    done = python("-c", hide + "runpy.run_module('demos.notebooks', run_name='__main__')")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "install the extra notebooks" in done.stderr


FULL = """
import sys, errno
from demos import store, options
real = store.nn.io.write
suffix = sys.argv.pop(1)
def full(path, content):
    if str(path).endswith(suffix):
        raise OSError(errno.ENOSPC, f"{str(path)!r} could not be written: No space left on device")
    real(path, content)
store.nn.io.write = full
import runpy
runpy.run_module("demos", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("file", [".png", "s5.json", "results.json", "report.html"])
def test_a_disk_that_is_full_at_any_file_is_one_sentence(file: str, tmp_path: Path) -> None:
    done = python("-c", FULL, file, "s5", "--quick", "--out", tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "No space left on device. Every finished run is kept" in done.stderr
