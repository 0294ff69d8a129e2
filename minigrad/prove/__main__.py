"""python -m minigrad.prove [FILE]: prove every op, write the page, and say what stayed open."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from minigrad.prove.report import prove_all


def main() -> None:
    """Write the page to FILE, tests/PROOFS.md by default."""
    if any(word.startswith("-") for word in sys.argv[1:]):
        sys.exit(__doc__)
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "tests/PROOFS.md")
    if not target.parent.is_dir():
        sys.exit(f"minigrad.prove: expected a file in a folder that exists, got {str(target)!r}")
    text, open_ = prove_all()
    target.write_text(text, "utf-8")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a file on Windows that has no ∂ gets a "?"
    print(text)
    if open_:
        sys.exit("\n".join(["Open:", *open_]))


if __name__ == "__main__":
    main()
