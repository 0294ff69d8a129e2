"""The laws of the engine: what a graph costs, when it goes, what backward touches, and what it
refuses.
"""

import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import strict_device
from hypothesis import given
from hypothesis import strategies as st
from strict_device import StrictArray

import minigrad as mg
from minigrad.backward import unbroadcast


def leaf(*values: Any, dtype: Any = "float64") -> mg.Tensor:
    return mg.tensor(np.array(values[0] if len(values) == 1 else values, dtype), requires_grad=True)


@contextmanager
def no_collector() -> Iterator[None]:
    """Without the cyclic collector, memory goes when the last name goes, or never."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


# What a graph costs, and when it goes


@pytest.mark.untraced
def test_a_chain_of_100_000_ops_differentiates_and_is_freed() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + x
    y.backward(retain_graph=True)
    assert x.grad.item() == 100_001
    watched = weakref.ref(y.node.args[0].array)
    del y  # the whole chain goes at once
    assert watched() is None


def test_each_node_once_60_doublings_are_2_to_the_60() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**60


def test_no_reference_cycles() -> None:
    with no_collector():
        for way in ("dropped", "backward", "grad of grad", "retained", "several values"):
            x = leaf([1.0, 2.0])
            first, second = (x * x).exp().unbind(0)
            y = (first * second if way == "several values" else first) ** 2
            if way == "backward":
                y.backward()
            elif way == "grad of grad":
                mg.grad(mg.grad(y, x, create_graph=True)[0].sum(), x)
            elif way == "retained":
                first.retain_grad()
                y.backward(retain_graph=True)
            watched = [weakref.ref(t.array) for t in (x, first, y)]
            del x, first, second, y
            assert [ref() for ref in watched] == [None] * 3, way


@pytest.mark.untraced
def test_memory_is_flat_over_training() -> None:
    w, x = leaf(np.ones((4, 4))), mg.tensor(np.ones((2, 4)))

    def steps(n: int) -> int:
        for _ in range(n):
            loss = ((x @ w).tanh() ** 2).mean()
            w.grad = None
            loss.backward()
            with mg.no_grad():
                w.copy_(w - 0.01 * w.grad)
        return sys.getallocatedblocks()  # an array, too, is an object, and each object a block

    with no_collector():
        after_1_000, after_10_000 = steps(1_000), steps(9_000)
    assert after_10_000 - after_1_000 < 100, "objects left behind by 9,000 steps"


def test_indexing_in_a_loop_is_not_quadratic() -> None:
    def written(T: int) -> int:
        """Numbers that the forward and the backward of a loop over T rows write."""
        x = mg.tensor(np.ones((T, 3)), device=strict_device.NAME, requires_grad=True)
        StrictArray.written = 0
        h = 0.0
        for t in range(T):
            h = (h + x[t]) * 0.5
        h.sum().backward()
        return StrictArray.written

    assert 100 < written(100) and written(200) < 2.2 * written(100)


# What backward touches


def test_reuse_adds() -> None:
    x, w = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([[1.0, 0.0], [2.0, 1.0]])
    (x @ w + x * x + x @ w).sum().backward()
    np.testing.assert_array_equal(x.grad.array, 2 * x.array + 2 * w.array.sum(1))
    np.testing.assert_array_equal(w.grad.array, 2 * np.repeat(x.array.sum(0)[:, None], 2, 1))


def test_backward_on_fresh_graphs_accumulates_and_leaves_the_interior_alone() -> None:
    x = leaf([1.0, 2.0])
    for times in (1, 2, 3):
        y = x * x
        y.sum().backward()
        np.testing.assert_array_equal(x.grad.array, times * 2 * x.array)
        assert y.grad is None


def test_grad_keeps_no_state() -> None:
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    z = (x * y * y).sum()
    found = [mg.grad(z, [x, y], retain_graph=True) for _ in range(3)]
    for gx, gy in found:
        np.testing.assert_array_equal(gx.array, y.array**2)
        np.testing.assert_array_equal(gy.array, 2 * x.array * y.array)
    assert x.grad is y.grad is z.grad is None and not found[0][0].requires_grad


def test_grad_stops_at_its_inputs() -> None:
    """The gradient of an inner value, of a value and what it is made of at once, and of an output
    itself.
    """
    x = leaf(3.0)
    y = x * x
    z = y * y
    gx, gy, gz = mg.grad(z, [x, y, z])
    assert (gx.item(), gy.item(), gz.item()) == (4 * 27.0, 18.0, 1.0)


def test_an_input_without_a_path() -> None:
    x, other = leaf(1.0), leaf(1.0)
    assert mg.grad(x * 2, [x, other], allow_unused=True, retain_graph=True)[1] is None
    with pytest.raises(
        RuntimeError, match=r"no path leads .* input 1 of shape \(\); pass allow_unused=True"
    ):
        mg.grad(x * 2, [x, other])
    with pytest.raises(
        RuntimeError, match="input 0 .* does not require a gradient; set requires_grad=True"
    ):
        mg.grad(x * 2, mg.tensor(1.0))


def test_a_leafs_gradient_is_memory_of_its_own() -> None:
    a, b, cotangent = leaf([1.0, 2.0]), leaf([3.0, 4.0]), mg.tensor(np.ones(2))
    (a + b).backward(cotangent)
    a.grad.array[:] = 7
    np.testing.assert_array_equal(b.grad.array, [1, 1])
    np.testing.assert_array_equal(cotangent.array, [1, 1])


def test_gradients_accumulate_in_place_as_in_pytorch() -> None:
    flat = mg.zeros(4, dtype=mg.float64)
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    a.grad, b.grad = flat[:2], flat[2:]
    kept = a.grad
    (a * b).sum().backward()
    assert flat.tolist() == [3, 4, 1, 2] and a.grad is kept
    (a * a).sum().backward()
    assert flat.tolist() == [5, 8, 1, 2]


def test_where_gradients_do_not_accumulate_in_place() -> None:
    a = leaf([1.0, 2.0])
    (a**3).sum().backward(create_graph=True)
    first = a.grad
    (first * a.detach()).sum().backward()
    assert first.tolist() == [3, 12] and a.grad.tolist() == [9, 36]
    b = leaf([1.0, 2.0])
    b.grad = mg.tensor([1.0], dtype=mg.float64).expand(2)  # has no memory of its own
    (b * 2).sum().backward()
    assert b.grad.tolist() == [3, 3]
    flat, weight = mg.zeros(2, dtype=mg.float64), leaf([5.0, 7.0])
    b.grad = flat[:]
    flat += weight  # so that b.grad, a view, has a gradient of its own
    (b * 2).sum().backward()
    assert b.grad.tolist() == [7, 9] and flat.tolist() == [5, 7] and b.grad.requires_grad
    y = b * 2
    y.retain_grad()
    y.sum().backward(retain_graph=True)
    inner = y.grad
    y.sum().backward()
    assert inner.tolist() == [1, 1] and y.grad.tolist() == [2, 2]


def test_equal_leaves_are_two_leaves() -> None:
    a, b = leaf(3.0), leaf(3.0)
    (a * 2 + b * 5).backward()
    assert (a.grad.item(), b.grad.item()) == (2, 5) and len({a, b}) == 2


def test_retain_grad_of_an_inner_value() -> None:
    x = leaf([1.0, 2.0])
    y = x * 3
    first, second = y.unbind(0)
    y.retain_grad()
    second.retain_grad()
    (first * second).backward()
    np.testing.assert_array_equal(y.grad.array, [6, 3])
    assert second.grad.item() == 3 and first.grad is None
    y = x * 3
    y.retain_grad()
    z = y * y
    del y  # nobody can ask for its gradient any more
    z.sum().backward()


def test_backward_into_some_leaves_only() -> None:
    x, y = leaf(2.0), leaf(3.0)
    (x * y).backward(inputs=[x])
    assert x.grad.item() == 3 and y.grad is None


def test_several_outputs_with_their_own_weights() -> None:
    x = leaf([1.0, 2.0])
    (g,) = mg.grad([x * 2, (x * x).sum()], x, [mg.tensor(np.array([1.0, 10.0])), None])
    np.testing.assert_array_equal(g.array, [2 + 2, 20 + 4])


def test_an_unused_value_of_several_counts_as_zero() -> None:
    x = leaf([1.0, 2.0, 3.0])
    (x.unbind(0)[1] * 5).backward()
    np.testing.assert_array_equal(x.grad.array, [0, 5, 0])
    x.grad = None
    _, pair = x.split([1, 2])
    (slope,) = mg.grad((pair * pair).sum(), x, create_graph=True)
    np.testing.assert_array_equal(slope.array, [0, 4, 6])
    slope.sum().backward()
    np.testing.assert_array_equal(x.grad.array, [0, 2, 2])


def test_a_change_in_place_is_found_by_nodes_older_than_it_and_by_no_other() -> None:
    x = leaf([1.0, 2.0])
    weights = mg.tensor(np.array([3.0, 4.0]))
    before = x * weights
    weights.mul_(2)
    after = x * weights
    after.sum().backward()
    np.testing.assert_array_equal(x.grad.array, [6, 8])
    with pytest.raises(RuntimeError, match="changed in place"):
        before.sum().backward()


def by_a_default(xp: Any, x: Any) -> Any:
    return x * x, (lambda g, x=x: 2 * g * x,)


def by_a_recursive_function(xp: Any, x: Any) -> Any:
    def power(n: int) -> Any:
        return x * power(n - 1) if n > 0 else one

    if x.size:
        one = 1.0
    else:
        nothing = 0.0  # a name of the closure below, to which nothing is assigned
    return x * x, (lambda g: 2 * g * power(1) if x.size else nothing,)


@pytest.mark.parametrize("rule", [by_a_default, by_a_recursive_function])
def test_what_a_pullback_holds_is_found(rule: Any) -> None:
    x = leaf([1.0, 2.0])
    y = mg.autograd.differentiable(rule)(x)
    y.sum().backward(retain_graph=True)
    np.testing.assert_array_equal(x.grad.array, [2, 4])
    with mg.no_grad():
        x.mul_(2)
    with pytest.raises(RuntimeError, match=f"{rule.__name__}: its argument was changed in place"):
        y.sum().backward()


def test_derivatives_to_the_third_order() -> None:
    x = leaf(0.7)
    want = [np.sin, np.cos, lambda v: -np.sin(v), lambda v: -np.cos(v)]
    y = mg.sin(x)
    for derivative in want:
        np.testing.assert_allclose(y.item(), derivative(0.7), rtol=1e-12)
        (y,) = mg.grad(y, x, create_graph=True)


def test_backward_can_build_the_graph_of_the_gradient() -> None:
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    (slope,) = mg.grad(x.grad, x)
    assert slope.item() == 12
    x.grad = None  # x.grad knows x: a cycle, which whoever asks for it must cut


# Freed graphs


def test_a_freed_graph_names_both_ways_out() -> None:
    h = (leaf(2.0) * 3).tanh()
    (h * 2).backward()
    with pytest.raises(RuntimeError, match=r"tanh: .*freed.*retain_graph=True.*\.detach\(\)"):
        (h * h).backward()
    (h.detach() * leaf(1.0)).backward()


def test_a_hook_that_goes_back_through_the_same_graph_frees_it() -> None:
    x = leaf(2.0)
    y = x * x
    z = y * 3
    handle = y.register_hook(lambda g: (handle.remove(), z.backward(retain_graph=False))[0])
    with pytest.raises(RuntimeError, match="mul: expected a graph, got one .* freed"):
        z.backward(retain_graph=True)
    assert x.grad.item() == 12


def test_retain_graph_keeps_it() -> None:
    x = leaf(2.0)
    y = x * x
    for times in (1, 2):
        y.backward(retain_graph=True)
        assert x.grad.item() == 4 * times
    y.backward()
    with pytest.raises(RuntimeError, match="mul: .*freed"):
        y.backward()


def test_what_was_not_used_stays() -> None:
    """A backward frees what it went through.

    Grad of an inner value leaves what lies behind that value.
    """
    x = leaf(2.0)
    y = x * x
    mg.grad(y * 3, y)
    y.backward()
    assert x.grad.item() == 4


# Recording, and not


def test_a_leaf_gets_a_gradient_if_it_asked_for_one_before_the_op_and_still_does() -> None:
    for before, after in [(True, True), (True, False), (False, True), (False, False)]:
        w = mg.tensor([2.0, 3.0], requires_grad=before)
        v = mg.tensor([5.0, 7.0], requires_grad=True)
        y = (w * v).sum()
        w.requires_grad_(after)
        y.backward()
        np.testing.assert_array_equal(v.grad.numpy(), [2.0, 3.0])
        if before and after:
            np.testing.assert_array_equal(w.grad.numpy(), [5.0, 7.0])
        else:
            assert w.grad is None


def test_what_is_not_recorded() -> None:
    x = leaf(2.0)
    with mg.no_grad():
        y = x * x
        with mg.enable_grad():
            z = x * x
        assert not y.requires_grad and z.requires_grad and not mg.is_grad_enabled()
    assert mg.is_grad_enabled() and not x.detach().requires_grad

    @mg.no_grad()
    def quiet(depth: int) -> bool:
        return mg.is_grad_enabled() or (depth > 0 and quiet(depth - 1))

    assert not quiet(3) and mg.is_grad_enabled()
    for on in (True, False):
        with mg.set_grad_enabled(on):
            assert (x * x).requires_grad == on
        assert mg.set_grad_enabled(on)(lambda: (x * x).requires_grad)() == on
    with pytest.raises(ZeroDivisionError), mg.no_grad():
        raise ZeroDivisionError
    assert mg.is_grad_enabled()


def test_each_thread_has_its_own_mode() -> None:
    """Two threads inside one decorated function, first in, first out.

    Each leaves in the mode that it came in.
    """
    first_in, second_in, first_out = (threading.Event() for _ in range(3))

    @mg.no_grad()
    def quiet(entered: threading.Event, leave: threading.Event) -> bool:
        entered.set()
        return leave.wait(10) and mg.is_grad_enabled()

    def first() -> tuple[bool, bool]:
        modes = quiet(first_in, second_in), mg.is_grad_enabled()
        first_out.set()
        return modes

    def second() -> tuple[bool, bool]:
        first_in.wait(10)
        with mg.no_grad():
            return quiet(second_in, first_out), mg.is_grad_enabled()

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.submit(first), threads.submit(second)
        assert (one.result(), other.result()) == ((False, True), (False, False))


# Broadcasting is undone once, and only where there was some


@given(hnp.mutually_broadcastable_shapes(num_shapes=1, min_side=0, max_dims=4), st.integers(0, 99))
def test_unbroadcast_is_the_adjoint_of_broadcasting(shapes: Any, seed: int) -> None:
    rng, (shape,) = np.random.default_rng(seed), shapes.input_shapes
    x, g = rng.standard_normal(shape), rng.standard_normal(shapes.result_shape)
    back = unbroadcast(np, g, shape)
    assert back.shape == shape
    np.testing.assert_allclose((back * x).sum(), (g * np.broadcast_to(x, g.shape)).sum(), atol=1e-9)


def test_a_gradient_that_is_no_broadcast_of_its_input_is_refused() -> None:
    for wrong in ((3,), (2, 3), (), (1,)):
        with pytest.raises(
            AssertionError, match=r"cannot come from broadcasting an input of shape \(2,\)"
        ):
            unbroadcast(np, np.ones(wrong), (2,))


@pytest.mark.parametrize("returned", [None, np.ones(3), (1, 2, 3)], ids=["none", "value", "three"])
def test_a_rule_that_does_not_return_a_pair_is_told_what_it_should(returned: Any) -> None:
    def tanh(xp: Any, x: Any) -> Any:
        return returned

    with pytest.raises(TypeError, match="^tanh: expected a rule that returns its value and its p"):
        mg.autograd.differentiable(tanh)(mg.ones(3))


def test_a_rule_with_too_few_pullbacks_is_refused() -> None:
    def product(xp: Any, a: Any, b: Any) -> Any:
        return a * b, (lambda g: g * b,)

    x = mg.ones(2, requires_grad=True)
    y = mg.autograd.differentiable(product)(x, x)
    with pytest.raises(ValueError, match="a pullback for each of the 2 arrays, got 1") as raised:
        y.backward(mg.ones(2))
    assert raised.value.__notes__ == ["while differentiating product"]
    assert x.grad is None
