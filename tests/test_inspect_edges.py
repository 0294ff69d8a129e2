"""The rare paths of minigrad.inspect: values that are not finite, names, shared and odd outputs."""

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import autograd

pytest.importorskip("minigrad.inspect")

from minigrad.inspect import anomaly, explain, summary
from minigrad.inspect.explain import derived, in_short
from minigrad.inspect.explain.description import describe_op, leaf_like
from minigrad.inspect.explain.fold import group, name_of
from minigrad.inspect.summary import tensors_in


class OpOverTime:
    over_time = True


def test_a_finite_sequence_has_no_bad_step():
    assert anomaly.first_bad_step(OpOverTime, {}, np.zeros((3, 2, 2))) == ""


def test_the_first_bad_step_is_named():
    sequence = np.zeros((3, 2, 2))
    sequence[1:] = np.nan
    assert anomaly.first_bad_step(OpOverTime, {}, sequence).endswith("at time step 1 of 3")


def test_what_is_not_finite_has_no_range():
    assert in_short([{"nan": 2}]) == ""
    assert in_short([{"min": "1", "max": "1"}]) == "1"
    assert in_short([{"min": "1", "max": "2"}]) == "1 … 2"
    assert (
        in_short([{"min": "-3", "max": "9"}, {"nan": 2}, {"min": "-10", "max": "1"}]) == "-10 … 9"
    )


def test_an_unknown_op_has_no_derivative():
    assert derived("no such op") == ""


def test_an_op_without_source_says_so():
    made: dict[str, object] = {"__name__": "made"}
    exec("def rule(xp, x):\n    return x", made)

    class Made:
        rule = staticmethod(made["rule"])

    described = describe_op(Made)
    assert described["source"] == "(Python has kept no source of this rule)"
    assert described["formula"] == "no formula"


def test_what_is_no_tensor_is_no_leaf():
    assert leaf_like(3) == 3


def test_a_block_is_called_by_its_only_group():
    assert name_of([group("layer", [0, 1])]) == "layer"
    assert name_of([0, 1]) == "2 ops"


def test_the_text_and_drawing_show_an_argument_that_is_no_tensor():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    page = explain((x * 3.0).sum())
    assert "mul(x, 3.0)" in str(page)
    assert "3.0" not in page.dot().split("->", 1)[1]


def test_of_an_op_the_values_that_are_read_are_shown():
    _, (_, last_cell) = nn.LSTM(3, 4)(mg.zeros(5, 2, 3))
    page = explain(last_cell.sum())
    number = [node["op"] for node in page.nodes].index("lstm")
    assert page.nodes[number]["outs"][0] is None
    assert [value["shape"] for value in page.values_of(number)] == [str((2, 4))]


def test_a_second_value_that_is_not_finite_is_the_one_named():
    bad = np.array([1.0, np.nan])
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    op = (x * 2).node.op
    refused = pytest.raises(FloatingPointError, match="the value")
    with anomaly.detect_anomaly() as observer, refused:
        observer.on_value(op, [x.array], {}, [x.array, bad])


def test_blocks_that_are_wired_by_turns_are_not_folded():
    y = mg.tensor([0.5], requires_grad=True)
    for k in range(12):
        s = mg.sin(y)
        y = s * y if k % 2 else y * s
    page = explain(y)
    assert len(page.nodes) == 24
    assert all(isinstance(item, int) for item in page.tree)


def test_a_shared_weight_is_counted_once():
    first, second = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
    second.weight = first.weight
    *_, last_layer, total = str(summary(nn.Sequential(first, second), (1, 2))).splitlines()
    assert last_layer.split()[-3:] == ["0", "0", "8"]
    assert total.split() == ["total", "4", "16", "16"]


def test_what_is_no_tensor_is_left_out_of_an_output():
    x = mg.zeros(2)
    assert list(tensors_in([x, None, {"a": (x, 3)}])) == [x, x]


def test_where_no_gradient_arrives_none_goes_back():
    @autograd.op
    def second_only(xp, a, b):
        """y = b,    ∂b = ∂y"""
        return b, lambda gs, needs: [None, gs[0]]

    x = mg.tensor([1.0, 2.0], requires_grad=True)
    page = explain(second_only(x * 2, x).sum())
    assert {node["op"]: "vjps" in node for node in page.nodes} == {
        "mul": False,
        "second_only": True,
        "sum": True,
    }


@pytest.mark.parametrize("kind", [mg.detect_anomaly, mg.explain.trace])
def test_one_observer_entered_twice_ends_where_it_began(kind):
    settings, observer = np.geterr(), kind()
    with observer:
        with observer:
            pass
        assert autograd.mode.observer is observer
    assert autograd.mode.observer is None and np.geterr() == settings
