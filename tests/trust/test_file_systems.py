"""The command line on a real file system: full to the last byte, read-only, or gone."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="the demos need the extra demos")
pytest.importorskip("joblib", reason="the demos need the extra demos")

from tests.test_demos import python

WORDS = ["-m", "demos", "s5", "--quick", "--jobs", "1"]


@contextmanager
def file_system(folder: Path, options: str) -> Iterator[Path]:
    """A file system in memory; the test is skipped where this user may not mount one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def check_sentence(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.strip() and len(done.stderr.strip().splitlines()) == 1, done.stderr


def check_whole(folder: Path) -> None:
    """Every file is whole, and none is a draft."""
    for path in folder.rglob("*"):
        assert ".draft" not in path.name
        if path.suffix == ".json":
            json.loads(path.read_text("utf-8"))
        if path.suffix == ".png":
            assert path.read_bytes()[-8:-4] == b"IEND"
        if path.suffix == ".html":
            assert path.read_text("utf-8").endswith("</html>")


def test_a_disk_that_fills_is_one_sentence_and_then_the_same_command_goes_on(
    tmp_path: Path, many: Any, say: Any
) -> None:
    done = python(*WORDS, "--out", tmp_path / "room")
    assert done.returncode == 0, done.stderr
    pages = sum(-(-path.stat().st_size // 4096) for path in (tmp_path / "room").rglob("*.*"))
    step = many(pages // 2, 2)
    sizes = [4 * count for count in range(step, pages, step)]
    full = 0
    for number, size in enumerate(sizes):
        with file_system(tmp_path / f"disk{number}", f"size={size}k") as out:
            done = python(*WORDS, "--out", out)
            check_whole(out)
            if done.returncode == 0:
                continue
            check_sentence(done)
            assert "No space left on device" in done.stderr
            full += 1
            subprocess.run(["mount", "-o", "remount,size=64m", str(out)], check=True)
            assert python(*WORDS, "--out", out).returncode == 0
            assert (out / "report.html").exists()
    assert full
    say(f"{full} of {len(sizes)} disks were full, each in one sentence; with room it goes on")


def test_a_read_only_file_system_is_one_sentence_before_the_work(tmp_path: Path) -> None:
    with file_system(tmp_path / "disk", "ro") as out:
        for place in (out, out / "new" / "folder"):
            done = python(*WORDS, "--out", place)
            check_sentence(done)
            assert "Read-only file system" in done.stderr and "expected a folder" in done.stderr
            assert not done.stdout.strip(" \n[1of]")


@pytest.mark.parametrize("kind", ["file", "below a file", "dangling link", "long name", "proc"])
def test_an_out_that_cannot_be_made_is_one_sentence_before_the_work(
    kind: str, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "gone" / "x")
    place = {
        "file": file,
        "below a file": file / "x",
        "dangling link": tmp_path / "link",
        "long name": tmp_path / ("n" * 300),
        "proc": Path("/proc/out"),
    }[kind]
    done = python(*WORDS, "--out", place)
    check_sentence(done)
    assert "a folder" in done.stderr and file.read_text(encoding="utf-8") == "mine"


def test_a_folder_of_long_names_in_chinese_is_written_to(tmp_path: Path) -> None:
    out = tmp_path / ("模" * 80) / "🙂🙂"
    done = python(*WORDS, "--out", out)
    assert done.returncode == 0, done.stderr
    check_whole(out)
