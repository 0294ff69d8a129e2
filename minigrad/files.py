"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from contextlib import suppress
from os import PathLike
from pathlib import Path

STALE_SECONDS = 3600  # the age at which a draft was left by a process that was killed


def write(path: str | PathLike[str], content: bytes) -> None:
    """Write a whole file or nothing: first a draft in the same folder, which then takes its name.

    So a full disk, a Ctrl-C and a kill leave the file of that name as it was, and of two processes
    that write it at a time one wins. A link goes on leading to the same file, and a file that is
    replaced keeps its permissions. Raises OSError if it cannot be written.
    """
    path = Path(os.path.realpath(path))
    remove_stale_drafts(path.parent)
    start = cut_to_bytes(path.name, 100)
    draft = path.with_name(f".{start}.{uuid.uuid4().hex}.draft")
    try:
        with open(draft, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, draft)
        os.replace(draft, path)
        sync_folder(path.parent)
    except OSError as error:
        raise type(error)(
            error.errno,
            f"{str(path)!r} could not be written: {error.strerror}; "
            "a file of that name from before is still whole",
        ) from error
    finally:
        with suppress(OSError):  # the error that led here is the one to be told
            draft.unlink(missing_ok=True)


def cut_to_bytes(name: str, count: int) -> str:
    """The start of a name in at most so many bytes of UTF-8: a system counts bytes, up to 255."""
    return name.encode("utf-8", "ignore")[:count].decode("utf-8", "ignore")


def remove_stale_drafts(folder: Path) -> None:
    """Remove the drafts of processes that were killed."""
    with suppress(OSError):  # another process may be faster, or another user own it
        for draft in folder.glob(f".*.{'[0-9a-f]' * 32}.draft"):
            if time.time() - draft.stat().st_mtime > STALE_SECONDS:
                draft.unlink()


def sync_folder(folder: Path) -> None:
    """Bring a new name in a folder to the disk; Windows has no such call."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
