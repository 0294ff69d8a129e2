"""All laws on one op: at once, or each as a test of pytest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.check import evaluate
from minigrad.testing import checks, laws
from minigrad.testing.broken import Law, LawBroken, LawsBroken, NotApplicable, must_agree, smallest
from minigrad.testing.running import as_list, function, numbers
from minigrad.testing.samples import (
    Op,
    Sample,
    as_sample,
    default_kinks,
    default_samples,
    name_of,
)

# In the order in which they are best read: what breaks the first may break those that follow.
LAWS: dict[str, Law] = {
    "form": laws.form,
    "purity": laws.purity,
    "deterministic": laws.deterministic,
    "shapes": laws.shapes,
    "finite_difference": laws.finite_difference,
    "complex_step": laws.complex_step,
    "second_order": laws.second_order,
    "broadcasting": laws.broadcasting,
    "subsets": laws.subsets,
    "same_tensor": laws.same_tensor,
    "layouts": laws.layouts,
    "dtypes": laws.dtypes,
    "independence": laws.independence,
    "separate_memory": laws.separate_memory,
    "composition": laws.composition,
    "kink": laws.kink,
    "proof": laws.proof,
}
AT_KINKS = ("kink", "subsets", "layouts", "dtypes", "purity", "separate_memory")
PROOFS = 3  # samples that are proved, the smallest ones
EXAMPLES = 30  # samples that are drawn from a strategy, for each law


@dataclass
class Report:
    """What was held: for each law on how many samples, or why it says nothing."""

    op: str
    held: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        held = [f"{law} ({count})" for law, count in self.held.items()]
        lines = [f"{self.op} keeps {', '.join(held)}"]
        lines += [f"  not held to {law}: {why}" for law, why in self.skipped.items()]
        return "\n".join(lines)


def check_op(
    op: Op,
    samples: Any = None,
    *,
    kinks: Any = None,
    reference: Callable[..., Any] | None = None,
    order: int = 2,
    analytic: bool | None = None,
    only: Iterable[str] = (),
) -> Report:
    """Test an op against all laws, and report which were tested.

    op: a function of Tensors (an op, your own rule under @op, a composition) or what an adapter
    made of another library's function. samples: an iterable of Samples or of tuples of arguments,
    or a strategy of Hypothesis that draws Samples; by default arrays of one shape and arrays that
    broadcast, of numbers between -2 and 2. They lie away from kinks; `kinks` lie on them, and by
    default, where there are no samples either, have zeros and ties.

    reference: a function of NumPy arrays with the op's arguments, which has its values. order: 1
    leaves out the second derivative. analytic: whether the complex step applies; None finds it out.
    only: the names of the laws to run, of `LAWS`.

    Raises LawBroken if one law does not hold, LawsBroken if several do not: a sentence each, with
    the smallest sample found, the entry, and both numbers.

    >>> import minigrad as mg
    >>> check_op(mg.tanh, only=["finite_difference", "dtypes"])
    tanh keeps finite_difference (5), dtypes (5)
    """
    chosen = laws_for("check_op", op, reference, order, analytic, only)
    given = (
        default_samples(op) if samples is None else as_samples("check_op", "samples", op, samples)
    )
    if kinks is not None:
        kinks = as_samples("check_op", "kinks", op, kinks)
    else:
        is_wanted = samples is None and "kink" in chosen
        kinks = [s for s in default_kinks(op) if laws.is_inside(op, s)] if is_wanted else ()
    report = Report(name_of(op))
    failures = []
    for name, law in chosen.items():
        try:
            hold(name, law, op, given, kinks, report)
        except LawBroken as failure:
            failures.append(failure)
            if name in ("form", "purity", "deterministic", "shapes"):
                break
    if len(failures) == 1:
        raise failures[0] from None
    if failures:
        raise LawsBroken(failures) from None
    return report


def as_samples(name: str, key: str, op: Any, given: Any) -> Any:
    """The samples of a call of `check_op` as a list of them; a strategy stays as it is.

    Raises TypeError if they are none, or have more arrays than a rule takes.
    """
    if is_strategy(given):
        return given
    expected = "a list of samples, such as drawn((2, 3)) gives,"
    items = checks.as_items(name, key, expected, given, checks.MOST_SAMPLES)
    found = [as_sample(name, item) for item in items]
    most = op.arity if hasattr(op, "rule") else sys.maxsize
    for sample in found:
        if len(sample.args) > most:
            raise TypeError(
                f"{name}: expected at most {most} arrays in a sample for {name_of(op)}, got "
                f"{sample}; settings are a Sample's second argument"
            )
    return found


def is_strategy(source: Any) -> bool:
    """Whether samples are drawn by Hypothesis, which is imported only then."""
    return hasattr(source, "example") and hasattr(source, "filter")


def laws_for(
    name: str,
    op: Op,
    reference: Callable[..., Any] | None,
    order: int,
    analytic: bool | None,
    only: Iterable[str],
) -> dict[str, Law]:
    """The laws to run, by name. Raises TypeError or ValueError in the name of what was called."""
    checks.check_function(name, "op", op)
    if reference is not None:
        checks.check_function(name, "reference", reference)
    checks.check_choice(name, "order", order, (1, 2))
    checks.check_choice(name, "analytic", analytic, (True, False, None))
    known = dict(LAWS)
    if reference is not None:
        known["value"] = value_of(reference)
    names = checks.law_names(name, only, known)
    chosen = {law_name: law for law_name, law in known.items() if not names or law_name in names}
    if order < 2:
        chosen.pop("second_order", None)
    if analytic is None and "complex_step" in chosen:
        chosen["complex_step"] = complex_step_if_analytic
    if analytic is False:
        chosen.pop("complex_step", None)
    return chosen


def complex_step_if_analytic(op: Op, sample: Sample) -> None:
    """The complex step, where it applies."""
    laws.must_be_analytic(op, sample)
    laws.complex_step(op, sample)


def value_of(reference: Callable[..., Any]) -> Law:
    """The law that an op has the values of a function of NumPy arrays."""

    def value(op: Op, sample: Sample) -> None:
        found = evaluate(function(op, sample), sample.floats)
        wanted = as_list(reference(*sample.args, **sample.settings))
        for y, want in zip(found, wanted, strict=True):
            must_agree(op, sample, "a value", numbers(y), np.asarray(want), "the reference")

    return value


def hold(name: str, law: Law, op: Op, samples: Any, kinks: Any, report: Report) -> None:
    """Hold an op to one law on all samples, and note it.

    Raises LawBroken with the smallest sample found.
    """
    held: list[Sample] = []
    reasons: list[str] = []

    def on(sample: Sample) -> None:
        try:
            with np.errstate(all="ignore"):
                law(op, sample)
            held.append(sample)
        except NotApplicable as reason:
            reasons.append(str(reason))
        except LawBroken as failure:
            failure.law = name
            raise
        except Exception as error:
            raise as_broken(name, op, sample, error) from error

    sources = [kinks] if name == "kink" else [samples]
    if name in AT_KINKS and name != "kink":
        sources.append(kinks)
    if name == "kink" and isinstance(kinks, (tuple, list)) and not kinks:
        reasons.append("no samples are said to have ties or zeros; give kinks=")
    for source in sources:
        on_each(on, law, op, source, few=name == "proof")
    if held:
        report.held[name] = len(held)
    else:
        report.skipped[name] = reasons[0] if reasons else "there are no samples"


def as_broken(name: str, op: Op, sample: Sample, error: Exception) -> LawBroken:
    """An exception where a law expected a result."""
    text = str(error).strip().splitlines()
    said = f"{type(error).__name__}: {text[0] if text else ''}"
    failure = LawBroken(op, sample, "a result", "a result", said, name)
    failure.law = name
    failure.sentence = f"expected a result, got {said}"
    if name == "second_order" and hasattr(op, "rule"):
        failure.sentence += "; here the rule's own lines run over tensors, so its words are xp's"
    return failure


def on_each(on: Callable[[Sample], None], law: Law, op: Op, source: Any, few: bool) -> None:
    """Run `on` on each sample; a failure is raised with the smallest sample found."""
    if is_strategy(source):
        from minigrad.testing import strategies

        strategies.on_drawn(on, source, 5 if few else EXAMPLES)
        return
    given = sorted(source, key=lambda sample: sample.size)
    if few:
        given = [s for s in given if s.floats and s.size][:PROOFS]
    for sample in given:
        try:
            on(sample)
        except LawBroken as failure:
            found = smallest(quiet(law), op, failure)
            found.law = failure.law
            raise found from None


def quiet(law: Law) -> Law:
    """A law without NumPy's warnings."""

    def quietly(op: Op, sample: Sample) -> None:
        with np.errstate(all="ignore"):
            law(op, sample)

    return quietly


def cases(
    op: Op,
    samples: Any = None,
    *,
    kinks: Any = None,
    reference: Callable[..., Any] | None = None,
    order: int = 2,
    analytic: bool | None = None,
    only: Iterable[str] = (),
) -> Any:
    """A pytest test for each law: `test_my_op = cases(my_op, samples)`.

    Takes what `check_op` takes. A law that says nothing about the op is skipped, with its reason.
    """
    import pytest

    chosen = laws_for("cases", op, reference, order, analytic, only)
    given = None if samples is None else as_samples("cases", "samples", op, samples)
    given_kinks = None if kinks is None else as_samples("cases", "kinks", op, kinks)

    def test(law: str) -> None:
        report = check_op(
            op,
            given,
            kinks=given_kinks,
            reference=reference,
            order=order,
            analytic=analytic,
            only=[law],
        )
        if law in report.skipped:
            pytest.skip(report.skipped[law])

    test.__doc__ = f"{name_of(op)} keeps the law."
    return pytest.mark.parametrize("law", list(chosen))(test)
