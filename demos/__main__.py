"""python -m demos: run the sections, one script after the other, and write the report."""

from __future__ import annotations

import ast
import runpy
import sys
import time
from contextlib import suppress

from demos import engines, options


def title(name: str) -> str:
    return (ast.get_docstring(ast.parse(options.SCRIPTS[name].read_text("utf-8"))) or "").partition(
        "\n"
    )[0]


def main() -> None:
    chosen = options.parse(sys.argv[1:], "python -m demos", with_names=True)
    if "list" in chosen.names:
        with suppress(BrokenPipeError):  # `| head` has seen enough
            print(*(f"{name:4} {title(name)}" for name in options.SCRIPTS), sep="\n", flush=True)
        return
    engines.choose(chosen.engine)
    began = time.perf_counter()
    names = chosen.names or tuple(options.SCRIPTS)
    if chosen.engine == "torch":
        for name in set(names) & set(engines.NOT_RUN):
            print(f"{name} is not run on PyTorch: {engines.NOT_RUN[name]}.")
        names = tuple(name for name in names if name not in engines.NOT_RUN)
    try:
        from demos import lab, report  # not before: drawing takes a second to import

        lab.given = chosen
        for number, name in enumerate(names, start=1):
            print(f"\n[{number} of {len(names)}]", end="")
            runpy.run_path(str(options.SCRIPTS[name]), run_name="__main__")
        print(report.write(chosen.out))
    except (KeyboardInterrupt, OSError) as error:
        if not options.ending(error):
            raise
        sys.exit(options.ending(error))
    print(f"Done in {time.perf_counter() - began:.0f} s.")


if __name__ == "__main__":
    main()
