"""Run a PyTorch program on minigrad, or check what it needs.

python -m nn.as_torch program.py [arguments]
python -m nn.as_torch --check program.py
"""

import runpy
import sys
from pathlib import Path

from .check import report

USAGE = "usage: python -m nn.as_torch [--check] [-m] program.py [arguments]"


def main(arguments: list[str]) -> int:
    """Run or check a program; 0 where all went well, 2 where there is none."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__ if arguments else USAGE)
        return 0 if arguments else 2
    if arguments[0] == "--check":
        return check(arguments[1:])
    if arguments[0] == "-m" and len(arguments) > 1:
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return 0
    program = Path(arguments[0])
    if not program.is_file():
        print(f"{program}: there is no such file\n{USAGE}", file=sys.stderr)
        return 2
    if program.suffix == ".ipynb":
        way_out = "write `import nn.as_torch` in its first cell, before `import torch`"
        print(f"{program}: expected a program, got a notebook; {way_out}", file=sys.stderr)
        return 2
    sys.argv = arguments
    sys.path[0] = str(program.resolve().parent)
    runpy.run_path(arguments[0], run_name="__main__")
    return 0


def check(programs: list[str]) -> int:
    """The report about some programs; 2 where one of them cannot be read."""
    if not programs:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        return report(programs)
    except (OSError, SyntaxError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
