"""python -m demos: run the sections, one script after the other, and write the report."""

from __future__ import annotations

import ast
import os
import runpy
import sys
import time

from demos import engines, options


def title(name: str) -> str:
    """The first line of a script's docstring."""
    docstring = ast.get_docstring(ast.parse(options.SCRIPTS[name].read_text("utf-8"))) or ""
    return docstring.partition("\n")[0]


def main() -> None:
    """Run what the command line says; `| head`, which closes the pipe, ends it in silence."""
    try:
        run(options.parse(sys.argv[1:], "python -m demos", with_names=True))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        sys.exit(1)


def run(chosen: options.Options) -> None:
    if "list" in chosen.names:
        for name in options.SCRIPTS:
            print(f"{name:4} {title(name)}")
        return
    engines.choose(chosen.engine)
    began = time.perf_counter()
    names = chosen.names or tuple(options.SCRIPTS)
    if chosen.engine == "torch":
        for name in set(names) & set(engines.NOT_RUN):
            print(f"{name} is not run on PyTorch: {engines.NOT_RUN[name]}.")
        names = tuple(name for name in names if name not in engines.NOT_RUN)
    try:
        from demos import lab, report, store  # not before: drawing takes a second to import

        lab.check(chosen)
        lab.given = chosen
        if chosen.quick:
            print(lab.QUICK)
        with store.rarely_collected():
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
