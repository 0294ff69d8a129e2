"""`torch.utils.tensorboard`: a SummaryWriter that writes its numbers as lines of text."""

from __future__ import annotations

import json
import time
from os import PathLike
from pathlib import Path
from typing import Any

__all__ = ["SummaryWriter"]


class SummaryWriter:
    """Writes each number to `log_dir`/scalars.jsonl, one line of JSON; TensorBoard cannot read it.

    log_dir: by default a folder in `runs` named after the time. Figures, histograms and the like
    are not there.
    """

    def __init__(
        self, log_dir: str | PathLike[str] | None = None, comment: str = "", **options: Any
    ):
        default = Path("runs", time.strftime("%Y-%m-%d_%H-%M-%S") + comment)
        self.log_dir = str(default if log_dir is None else log_dir)
        Path(self.log_dir).mkdir(parents=True, exist_ok=True)

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: int | None = None, walltime: Any = None
    ) -> None:
        """Append one number under the name `tag`."""
        line = {"tag": tag, "step": global_step, "value": float(scalar_value), "time": time.time()}
        with open(Path(self.log_dir, "scalars.jsonl"), "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict[str, Any], global_step: int | None = None
    ) -> None:
        """Append several numbers, under main_tag/name each."""
        for name, value in tag_scalar_dict.items():
            self.add_scalar(f"{main_tag}/{name}", value, global_step)

    def flush(self) -> None:
        """Nothing: each line is written at once."""

    def close(self) -> None:
        """Nothing: no file stays open."""

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing: no file stays open."""
