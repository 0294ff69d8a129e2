"""Run programs under PyTorch, or under nn.as_torch, each in a fork of one process that has imported
it: importing PyTorch takes 3 s, nn.as_torch half a second.

The arguments of a command are a line of JSON on stdin; what it prints, and how it ended, is a line
of JSON on stdout.
"""

import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONPATH": str(ROOT),
}
Run = Callable[..., str]


def server(kind: str) -> Iterator[Run]:
    """What runs commands under PyTorch or nn.as_torch, with one thread, and returns what they
    print."""
    process = subprocess.Popen(
        [sys.executable, __file__, kind],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    with process:
        assert process.stdin is not None and process.stdout is not None

        def run(*arguments: str | Path) -> str:
            print(json.dumps([*map(str, arguments)]), file=process.stdin, flush=True)
            done = json.loads(process.stdout.readline())
            assert done["status"] == 0, done["printed"]
            return str(done["printed"])

        yield run
        process.stdin.close()


def under_pytorch() -> Callable[[list[str]], int]:
    """What runs `python path`."""
    import torch

    torch.optim.SGD([torch.zeros(1)])  # imports what an optimizer needs, half of the 3 s

    def run(arguments: list[str]) -> int:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")
        return 0

    return run


def under_as_torch() -> Callable[[list[str]], int]:
    """What runs `python -m nn.as_torch [--check] path`."""
    from nn.as_torch.__main__ import main

    return main


def status_of(run: Callable[[list[str]], int], arguments: list[str]) -> int:
    """How a command ended."""
    warnings.simplefilter("ignore")
    try:
        return run(arguments)
    except BaseException:
        traceback.print_exc()
        return 1


def main() -> None:
    """Answer each line of stdin."""
    run = under_pytorch() if sys.argv[1] == "torch" else under_as_torch()
    for line in sys.stdin:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
            child = os.fork()
            if child == 0:
                os.dup2(printed.fileno(), 1)
                os.dup2(printed.fileno(), 2)
                status = status_of(run, json.loads(line))
                sys.stdout.flush()
                os._exit(status)
            _, status = os.waitpid(child, 0)
            printed.seek(0)
            print(json.dumps({"status": status, "printed": printed.read()}), flush=True)


if __name__ == "__main__":
    main()
