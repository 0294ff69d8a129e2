"""Small errors in the rules, made on purpose: the proof refutes them, but for those that
mutants/PROOFS.md lists."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("sympy", reason="SymPy is not installed (the extra prove)")

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "mutants"))

import proofs  # noqa: E402
import trial  # noqa: E402
from mutations import Mutant  # noqa: E402

LISTED = (HERE / "mutants" / "PROOFS.md").read_text("utf-8")
PLANTED = trial.mutants_of(proofs.FILES)[::40]


@pytest.mark.parametrize("mutant", PLANTED, ids=lambda m: f"{Path(m.file).stem}-{m.line}")
def test_a_small_error_is_refuted_or_listed(mutant: Mutant) -> None:
    found = proofs.verdict(mutant)
    is_listed = f"`{mutant.before}` became `{mutant.after}`" in LISTED
    assert found in proofs.REFUTED or (found == proofs.SAME and is_listed), found


def test_the_true_rules_are_not_refuted() -> None:
    for mutant in PLANTED[::4]:
        text = (proofs.ROOT / mutant.file).read_text("utf-8")
        assert proofs.verdict(mutant._replace(source=text)) == proofs.SAME
