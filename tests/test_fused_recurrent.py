"""Laws of the fused rnn, gru and lstm, over sequences cut into chunks of every size: equal to their composition and to
PyTorch, row by row and part by part, and with work arrays that are never reused while somebody reads them."""

import threading
from itertools import combinations
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import byhand
from minigrad.array import NUMPY
from minigrad.fast import halves, recurrent

KINDS: dict[str, tuple[Any, int, int, dict[str, Any]]] = {  # op, blocks, states, settings
    "rnn": (byhand.rnn, 1, 1, {}),
    "rnn relu": (byhand.rnn, 1, 1, {"nonlinearity": "relu"}),
    "gru": (byhand.gru, 3, 1, {}),
    "gru reset before": (byhand.gru, 3, 1, {"reset_after": False}),
    "lstm": (byhand.lstm, 4, 2, {}),
}
each = pytest.mark.parametrize("kind", KINDS)
some = hypothesis.settings(max_examples=max(10, hypothesis.settings().max_examples // 5))
rng = np.random.default_rng(0)


def draw_args(
    kind: str, T: int, B: int, I: int = 3, H: int = 4, bias: bool = True, dtype: Any = np.float64
) -> list[Any]:
    """x, h0, (c0,) w_ih, w_hh, b_ih, b_hh of random numbers."""
    _, k, states, _ = KINDS[kind]
    shapes = [(T, B, I), *[(B, H)] * states, (k * H, I), (k * H, H), *[(k * H,)] * 2 * bias]
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes] + [None, None] * (
        not bias
    )


def run(
    kind: str, args: list[Any], cotangents: Any = None, composed: bool = False, **settings: Any
) -> Any:
    """Values and gradients, with their cotangents (None: not used): random ones where none are given."""
    op = KINDS[kind][0]
    leaves = [None if a is None else mg.Tensor(a).requires_grad_() for a in args]
    values = (op.composed if composed else op)(*leaves, **KINDS[kind][3], **settings)
    if cotangents is None:
        cotangents = [rng.standard_normal(y.shape).astype(y.dtype) for y in values]
    used = [(y, mg.Tensor(g)) for y, g in zip(values, cotangents, strict=True) if g is not None]
    grads = mg.grad(
        [y for y, _ in used],
        [t for t in leaves if t is not None],
        [g for _, g in used],
        allow_unused=True,
    )
    zeros = (np.zeros_like(a) for a in args if a is not None)
    found = [zero if g is None else g.array for g, zero in zip(grads, zeros, strict=True)]
    return [y.array for y in values], found, cotangents


def same(some: Any, others: Any, tolerance: float = 1e-12) -> None:
    for a, b in zip(some, others, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1, np.abs(b).max(initial=0)))


@pytest.fixture(autouse=True, params=["1", "7", "512", "7, in halves"], ids="chunk {}".format)
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    size, _, halved = request.param.partition(",")
    monkeypatch.setattr(recurrent, "CHUNK", int(size))
    monkeypatch.setattr(halves, "LARGE", 0)
    monkeypatch.setattr(halves.cores, "allowed", lambda: bool(halved))


@st.composite
def runs(draw: Any) -> dict[str, Any]:
    T, B = draw(st.integers(0, 6)), draw(st.integers(0, 5))
    lengths = draw(st.none() | st.lists(st.integers(0, T), min_size=B, max_size=B))
    return {"T": T, "B": B, "lengths": lengths, "reverse": draw(st.booleans())}


@each
@some
@given(sizes=runs(), bias=st.booleans(), double=st.booleans(), used=st.integers(1, 7))
def test_equals_its_composition(kind: str, sizes: Any, bias: bool, double: bool, used: int) -> None:
    T, B = sizes.pop("T"), sizes.pop("B")
    args = draw_args(kind, T, B, bias=bias, dtype=np.float64 if double else np.float32)
    values, _, cotangents = run(kind, args, composed=True, **sizes)
    cotangents = [g if used >> i & 1 else None for i, g in enumerate(cotangents)]
    if all(g is None for g in cotangents):
        cotangents = [rng.standard_normal(y.shape).astype(y.dtype) for y in values]
    values, grads, _ = run(kind, args, cotangents, composed=True, **sizes)
    got, got_grads, _ = run(kind, args, cotangents, **sizes)
    tolerance = 1e-12 if double else 1e-5
    same(got, values, tolerance)
    same(got_grads, grads, tolerance)


@each
@pytest.mark.parametrize("lengths", [None, [2, 0, 3]])
def test_second_derivatives(kind: str, lengths: Any) -> None:
    args = draw_args(kind, 3, 3, 2, 2)
    op, _, _, settings = KINDS[kind]

    def twice(f: Any, seed: int = 1) -> list[Any]:
        fixed = np.random.default_rng(seed)
        leaves = [mg.Tensor(a).requires_grad_() for a in args]
        values = f(*leaves, lengths=lengths, reverse=True, **settings)
        once = mg.grad(
            values,
            leaves,
            [y.new(fixed.standard_normal(y.shape)) for y in values],
            create_graph=True,
        )
        return [
            g.array
            for g in mg.grad(once, leaves, [g.new(fixed.standard_normal(g.shape)) for g in once])
        ]

    same(twice(op), twice(op.composed))


@each
def test_complex_step(kind: str) -> None:
    rule, settings = KINDS[kind][0].rule, KINDS[kind][3]
    args = draw_args(kind, 5, 4)
    values, grads, cotangents = run(kind, args, lengths=[3, 5, 0, 4])
    directions = [rng.standard_normal(a.shape) for a in args]
    stepped, _ = rule(
        NUMPY, *[a + 1e-30j * d for a, d in zip(args, directions)], lengths=[3, 5, 0, 4], **settings
    )
    slope = sum((g * y.imag / 1e-30).sum() for g, y in zip(cotangents, stepped))
    assert slope == pytest.approx(sum((g * d).sum() for g, d in zip(grads, directions)), rel=1e-12)


@each
@pytest.mark.parametrize("view", ["time", "batch first", "columns", "reversed", "repeated"])
def test_x_and_gradient_may_be_views(kind: str, view: str) -> None:
    take = {
        "time": lambda a: a[::2],
        "batch first": lambda a: np.ascontiguousarray(a.swapaxes(0, 1)).swapaxes(0, 1),
        "columns": lambda a: np.repeat(a, 2, axis=2)[:, :, ::2],
        "reversed": lambda a: a[::-1, ::-1],
        "repeated": lambda a: np.broadcast_to(a[:1], a.shape),
    }[view]
    x, *rest = draw_args(kind, 6, 5)
    view_of_x = take(x)
    values, _, cotangents = run(kind, [view_of_x, *rest])
    cotangents[0] = np.asfortranarray(cotangents[0])
    got = run(kind, [view_of_x, *rest], cotangents)
    want = run(kind, [view_of_x.copy(), *rest], [g.copy() for g in cotangents])
    same(got[0] + got[1], want[0] + want[1], 0)


@each
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cut", [0, 2, 7])
def test_two_parts_are_the_whole(kind: str, reverse: bool, cut: int) -> None:
    """run(x[:cut]) then run(x[cut:]) = run(x): values, and gradients carried through the state between them."""
    op, _, states, settings = KINDS[kind]
    args = draw_args(kind, 7, 3)
    _, _, (g_hs, *g_last) = whole = run(kind, args, reverse=reverse)
    x, *others = [mg.Tensor(a).requires_grad_() for a in args]
    state, weights = others[:states], others[states:]
    parts = []
    for part in (slice(cut, None), slice(cut)) if reverse else (slice(cut), slice(cut, None)):
        hs, *state = op(x[part], *state, *weights, reverse=reverse, **settings)
        parts.append((hs, mg.Tensor(g_hs[part])))
    hs = [hs for hs, _ in parts]
    same(
        [
            np.concatenate([t.array for t in (hs[::-1] if reverse else hs)]),
            *[t.array for t in state],
        ],
        whole[0],
    )
    outputs, seeds = [*hs, *state], [*[g for _, g in parts], *map(mg.Tensor, g_last)]
    same([g.array for g in mg.grad(outputs, [x, *others], seeds)], whole[1])


@each
@pytest.mark.parametrize("reverse", [False, True])
def test_a_padded_row_gets_what_it_gets_alone(kind: str, reverse: bool) -> None:
    """Whatever stands in the padding, also where it is not a number."""
    states, lengths = KINDS[kind][2], [4, 0, 6, 1, 6]
    args = draw_args(kind, 6, 5)
    for row, length in enumerate(lengths):
        args[0][length:, row] = np.nan
    values, grads, cotangents = run(kind, args, lengths=lengths, reverse=reverse)
    total = [np.zeros_like(a) for a in args[1 + states :]]
    for row, length in enumerate(lengths):
        one = slice(row, row + 1)
        alone = [
            args[0][:length, one],
            *[a[one] for a in args[1 : 1 + states]],
            *args[1 + states :],
        ]
        seeds = [cotangents[0][:length, one], *[g[one] for g in cotangents[1:]]]
        got, got_grads, _ = run(kind, alone, seeds, reverse=reverse)
        same(got, [values[0][:length, one], *[y[one] for y in values[1:]]])
        same(
            got_grads[: 1 + states],
            [grads[0][:length, one], *[g[one] for g in grads[1 : 1 + states]]],
        )
        assert not values[0][length:, row].any() and not grads[0][length:, row].any()
        total = [a + b for a, b in zip(total, got_grads[1 + states :])]
    same(total, grads[1 + states :])


@each
def test_permuting_the_batch_permutes_the_results(kind: str) -> None:
    states, lengths, order = KINDS[kind][2], np.array([4, 2, 6, 2]), [2, 0, 3, 1]
    args = draw_args(kind, 6, 4)

    def permuted(arrays: list[Any]) -> list[Any]:
        return [
            arrays[0][:, order],
            *[a[order] for a in arrays[1 : 1 + states]],
            *arrays[1 + states :],
        ]

    values, grads, cotangents = run(kind, args, lengths=lengths)
    got, got_grads, _ = run(kind, permuted(args), permuted(cotangents), lengths=lengths[order])
    same(got, permuted(values))
    same(got_grads, permuted(grads))


@pytest.mark.parametrize("kind", ["gru", "gru reset before"])
def test_an_update_gate_of_one_copies_the_state(kind: str) -> None:
    x, h0, w_ih, w_hh, b_ih, b_hh = draw_args(kind, 9, 3)
    b_ih[4:8] = 1e3  # z = 1 (the z of the lesson is 0)
    (hs, h_n), _, _ = run(kind, [x, h0, w_ih, w_hh, b_ih, b_hh])
    same([*hs, h_n], [h0] * 10, 1e-15)


def test_an_open_forget_gate_and_a_closed_input_gate_keep_the_cell() -> None:
    x, h0, c0, w_ih, w_hh, b_ih, b_hh = draw_args("lstm", 9, 3)
    b_ih[:4], b_ih[4:8] = -1e3, 1e3  # i = 0, f = 1
    (_, _, c_n), grads, (g_hs, g_h, g_c) = run("lstm", [x, h0, c0, w_ih, w_hh, b_ih, b_hh])
    same([c_n], [c0], 0)
    _, (_, _, g_c0, *_), _ = run("lstm", [x, h0, c0, w_ih, w_hh, b_ih, b_hh], [None, None, g_c])
    same([g_c0], [g_c], 0)


@each
@pytest.mark.parametrize("lengths", [None, [5, 3, 0, 5]])
def test_nothing_is_written_to_and_nothing_is_shared(kind: str, lengths: Any) -> None:
    rule, settings = KINDS[kind][0].rule, KINDS[kind][3]
    args = draw_args(kind, 5, 4)
    for a in args:
        a.flags.writeable = False
    values, pull = rule(NUMPY, *args, lengths=lengths, **settings)
    cotangents = [rng.standard_normal(y.shape) for y in values]
    for a in (*values, *cotangents):
        a.flags.writeable = False
    first = [g() if callable(g) else g for g in pull(tuple(cotangents))]
    copies = [g.copy() for g in first]
    again = [g() if callable(g) else g for g in pull(tuple(cotangents))]
    same(again, copies, 0)
    for a, b in combinations([*first, *again, *args, *values, *cotangents], 2):
        assert a is b or not np.shares_memory(a, b)


@each
def test_a_live_run_keeps_its_work_arrays(kind: str) -> None:
    """Later runs of the same size, here and on another thread, change neither results nor gradients of earlier ones."""
    args, other = (draw_args(kind, 40, 50, H=50) for _ in range(2))
    want_values, want_grads, cotangents = run(kind, args)
    want_values, want_grads = [y.copy() for y in want_values], [g.copy() for g in want_grads]
    rule, settings = KINDS[kind][0].rule, KINDS[kind][3]
    values, pull = rule(NUMPY, *args, **settings)
    threads = [threading.Thread(target=run, args=(kind, other)) for _ in range(2)]
    for thread in threads:
        thread.start()
    _, pull_other = rule(NUMPY, *other, **settings)
    run(kind, other)
    grads = pull(tuple(cotangents))
    pull_other(tuple(cotangents))
    del pull, pull_other
    run(kind, other)
    for thread in threads:
        thread.join()
    same(values, want_values, 0)
    same([g() if callable(g) else g for g in grads], want_grads, 0)


@each
@pytest.mark.parametrize("lengths", [None, [5, 3, 0, 5]])
def test_what_new_memory_held_before_changes_nothing(
    kind: str, lengths: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = draw_args(kind, 5, 4)
    values, grads, cotangents = run(kind, args, lengths=lengths)

    def dirty(shape: Any, dtype: Any = float) -> np.ndarray:
        return np.full(shape, np.nan, dtype)

    monkeypatch.setattr(NUMPY, "empty", dirty)
    monkeypatch.setattr(
        recurrent.Workspace, "empty", lambda self, xp, shape, dtype: dirty(shape, dtype)
    )
    got, got_grads, _ = run(kind, args, cotangents, lengths=lengths)
    same(got + got_grads, values + grads, 0)


@each
@pytest.mark.parametrize("lengths", [None, [5, 3, 0, 5]])
def test_the_gradient_of_an_input_that_is_only_data_is_left_out(kind: str, lengths: Any) -> None:
    args = draw_args(kind, 5, 4)
    _, want, cotangents = run(kind, args, lengths=lengths)
    op, settings = KINDS[kind][0], KINDS[kind][3] | {"lengths": lengths}
    _, pull = op.rule(NUMPY, *args, **settings)
    found = pull(tuple(cotangents), [False] + [True] * (len(args) - 1))
    assert found[0] is None
    same([g() if callable(g) else g for g in found[1:]], want[1:], 0)
    leaves = [mg.Tensor(args[0]), *[mg.Tensor(a).requires_grad_() for a in args[1:]]]
    values = op(*leaves, **settings)
    same(
        [g.array for g in mg.grad(values, leaves[1:], [mg.Tensor(g) for g in cotangents])],
        want[1:],
        0,
    )


def test_work_arrays_are_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halves.cores, "allowed", lambda: False)  # each thread keeps its own

    def kept() -> list[int]:
        return [id(array) for arrays in recurrent.buffers.kept.values() for array in arrays]

    args = draw_args("lstm", 40, 50, H=50, dtype=np.float32)
    for _ in range(2):  # at the end of the first run its results are still held
        run("lstm", args)
    before = kept()
    for T in (40, 39, 40):
        run("lstm", [args[0][:T], *args[1:]])
    run("lstm", draw_args("lstm", 5, 4, dtype=np.float32))  # small ones are none of its business
    assert before and kept() == before


@pytest.mark.parametrize("kind", ["rnn", "rnn relu", "gru", "lstm"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("lengths", [None, [3, 6, 1, 6, 2]])
def test_is_pytorchs(kind: str, bias: bool, lengths: Any) -> None:
    """Both directions, with packed sequences where there are lengths, for every set of outputs that is used."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    states, settings, (T, B, I, H) = KINDS[kind][2], KINDS[kind][3], (6, 5, 3, 4)
    args = draw_args(kind, T, B, I, H, bias)
    backward = draw_args(kind, T, B, I, H, bias)
    x = args[0]
    layer = getattr(torch.nn, kind.split()[0].upper())(
        I, H, bias=bias, bidirectional=True, **settings
    ).double()
    for p, a in zip(
        layer.parameters(),
        [a for a in (*args[1 + states :], *backward[1 + states :]) if a is not None],
    ):
        p.data = torch.tensor(a)
    starts = [
        torch.tensor(np.stack(pair), requires_grad=True)
        for pair in zip(args[1 : 1 + states], backward[1:])
    ]
    their_x = torch.tensor(x, requires_grad=True)
    packed = their_x
    if lengths:
        packed = torch.nn.utils.rnn.pack_padded_sequence(their_x, lengths, enforce_sorted=False)
    hs, last = layer(packed, tuple(starts) if states == 2 else starts[0])
    hs = torch.nn.utils.rnn.pad_packed_sequence(hs)[0] if lengths else hs
    theirs = [hs, *(last if states == 2 else [last])]
    seeds = [rng.standard_normal(tuple(y.shape)) for y in theirs]
    for used in range(1, 2 << states):
        chosen = [i for i in range(1 + states) if used >> i & 1]
        loss = sum((theirs[i] * torch.tensor(seeds[i])).sum() for i in chosen)
        layer.zero_grad()
        their_x.grad = None
        for s in starts:
            s.grad = None
        loss.backward(retain_graph=True)
        dx = np.zeros_like(x)
        for d, mine in enumerate((args, [x, *backward[1:]])):
            cotangents = [seeds[0][:, :, d * H : d * H + H], *[g[d] for g in seeds[1:]]]
            cotangents = [g if i in chosen else None for i, g in enumerate(cotangents)]
            values, grads, _ = run(kind, mine, cotangents, lengths=lengths, reverse=bool(d))
            want = [theirs[0][:, :, d * H : d * H + H], *[y[d] for y in theirs[1:]]]
            same(values, [y.detach().numpy() for y in want], 1e-10)
            weights = list(layer.parameters())[d * (4 if bias else 2) :][: 4 if bias else 2]
            want = [*[s.grad[d] for s in starts], *[p.grad for p in weights]]
            same(grads[1:], [g.numpy() for g in want], 1e-10)
            dx += grads[0]
        same([dx], [their_x.grad.numpy()], 1e-10)
