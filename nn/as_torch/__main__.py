"""Run a PyTorch program on minigrad, or check what it needs.

python -m nn.as_torch program.py [arguments]
python -m nn.as_torch --check program.py
"""

import runpy
import sys
from pathlib import Path

from .check import report

USAGE = "usage: python -m nn.as_torch [--check] program.py [arguments]"


def main(arguments: list[str]) -> int:
    """Run or check a program; 0 where all went well."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__ if arguments else USAGE)
        return 0 if arguments else 2
    if arguments[0] == "--check":
        return report(arguments[1:])
    run(*arguments)
    return 0


def run(program: str, *arguments: str) -> None:
    """Run a file as `python program.py arguments` does."""
    sys.argv = [program, *arguments]
    sys.path[0] = str(Path(program).resolve().parent)
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
