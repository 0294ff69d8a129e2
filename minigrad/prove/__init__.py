"""Proofs: the derivative of a rule, shown by the rule's own lines.

A rule is a function of a namespace, so its unchanged lines run over exact numbers as they run over
floats. Over SymPy's symbols the value is a formula; Σ g·y is differentiated by SymPy, and each
entry of it must equal the entry of what the rule's pullback gives, as an identity (`prove_op`). The
recurrent layers by hand, composed and fast are polynomials in tanh, too large to expand: they are
held to one another, value and derivative, at random points of a finite field (`prove_layer`).
`python -m minigrad.prove` proves all of it and writes tests/PROOFS.md.

It shows: for all real values in the region of each case, at these sizes, the derivative is exactly
the derivative. It does not show: other sizes, kinks and ties, and what rounding does. Needs SymPy:
pip install '.[prove]'.
"""

from __future__ import annotations

from minigrad.prove.layers import LayerProof, prove_layer
from minigrad.prove.rules import Proof, prove_op

__all__ = ["LayerProof", "Proof", "prove_layer", "prove_op"]
