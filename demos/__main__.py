"""python -m demos: run the sections, one script after the other, and write the report."""

from __future__ import annotations

import ast
import runpy
import sys
import time

from demos import lab, options, report


def title(name: str) -> str:
    return (ast.get_docstring(ast.parse(options.SCRIPTS[name].read_text("utf-8"))) or "").partition("\n")[0]


def main() -> None:
    chosen = options.parse(sys.argv[1:], "python -m demos", with_names=True)
    if "list" in chosen.names:
        for name in options.SCRIPTS:
            print(f"{name:4} {title(name)}")
        return
    lab.given = chosen
    began = time.perf_counter()
    for name in chosen.names or options.SCRIPTS:
        runpy.run_path(str(options.SCRIPTS[name]), run_name="__main__")
    print(report.write(chosen.out))
    print(f"Done in {time.perf_counter() - began:.0f} s.")


if __name__ == "__main__":
    main()
