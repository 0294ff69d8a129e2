"""python -m minigrad.prove [FILE]: prove every op, write the page, and say what stayed open."""

from __future__ import annotations

import sys
from pathlib import Path

from minigrad.prove.report import prove_all


def main() -> None:
    """Write the page to FILE, tests/PROOFS.md by default."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "tests/PROOFS.md")
    if not target.parent.is_dir():
        sys.exit(f"minigrad.prove: expected a file in a folder that exists, got {str(target)!r}")
    text, open_ = prove_all()
    target.write_text(text, "utf-8")
    print(text)
    if open_:
        sys.exit("\n".join(["Open:", *open_]))


if __name__ == "__main__":
    main()
