"""Run programs under PyTorch, each in a fork of one process: importing PyTorch takes 3 s.

A path is a line of stdin; what the program prints, and how it ended, is a line of JSON on stdout.
"""

import json
import os
import runpy
import sys
import tempfile
import traceback
import warnings


def run(path: str) -> int:
    """Run a program as `python path` does, and return its exit status."""
    sys.argv = [path]
    warnings.simplefilter("ignore")
    try:
        runpy.run_path(path, run_name="__main__")
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    """Answer each line of stdin."""
    import torch

    torch.optim.SGD([torch.zeros(1)])  # imports what an optimizer needs, half of the 3 s
    for line in sys.stdin:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
            child = os.fork()
            if child == 0:
                os.dup2(printed.fileno(), 1)
                os.dup2(printed.fileno(), 2)
                status = run(line.strip())
                sys.stdout.flush()
                os._exit(status)
            _, status = os.waitpid(child, 0)
            printed.seek(0)
            print(json.dumps({"status": status, "printed": printed.read()}), flush=True)


if __name__ == "__main__":
    main()
