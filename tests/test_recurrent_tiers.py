"""rnn, gru and lstm in every tier: the definition, by hand, fast in chunks, and fast in halves.

Each law holds for each tier. All tiers are held to the definition and to PyTorch, and so to each
other. Without minigrad/fast the same laws run for the tiers that are left.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
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
from minigrad.faster import versions_of

KINDS: dict[str, tuple[Any, int, int, dict[str, Any]]] = {  # op, blocks, states, settings
    "rnn": (byhand.rnn, 1, 1, {}),
    "rnn relu": (byhand.rnn, 1, 1, {"nonlinearity": "relu"}),
    "gru": (byhand.gru, 3, 1, {}),
    "gru reset before": (byhand.gru, 3, 1, {"reset_after": False}),
    "lstm": (byhand.lstm, 4, 2, {}),
}
each = pytest.mark.parametrize("kind", KINDS)
some = hypothesis.settings(
    max_examples=max(10, hypothesis.settings().max_examples // 5),
    suppress_health_check=[
        hypothesis.HealthCheck.too_slow,
        hypothesis.HealthCheck.function_scoped_fixture,  # a tier is the same for all examples
    ],
)
rng = np.random.default_rng(0)

HAS_FAST = bool(versions_of("lstm"))
if HAS_FAST:
    from minigrad.fast import halves, sequence, workspace


@dataclass
class Tier:
    """One way to compute the layers. chunk: steps times rows at once; None: not in chunks."""

    name: str
    chunk: int | None = None
    in_halves: bool = False

    def op(self, kind: str) -> Any:
        """The function of Tensors."""
        op = KINDS[kind][0]
        return op.composed if self.name == "definition" else op

    def rule(self, kind: str) -> Any:
        """The function over a namespace."""
        op = KINDS[kind][0]
        if self.chunk is None:
            return op.rule
        return versions_of(op.__name__)[0].function


DEFINITION = Tier("definition")
PLAIN = [DEFINITION, Tier("by hand")]
FAST = [Tier(f"fast, chunks of {n}", n) for n in (1, 7, 512)]
FAST += [Tier("fast, in halves", 7, in_halves=True)]
TIERS = PLAIN + FAST * HAS_FAST
rules = pytest.mark.parametrize("tier", TIERS[1:], ids=lambda tier: tier.name, indirect=True)
fast = pytest.mark.parametrize("tier", FAST * HAS_FAST, ids=lambda tier: tier.name, indirect=True)


@pytest.fixture(params=TIERS, ids=lambda tier: tier.name)
def tier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tier]:
    """Let the ops run in this tier alone."""
    tier = request.param
    registered = {name: list(versions_of(name)) for name in ("rnn", "gru", "lstm")}
    if tier.chunk is None:
        for name in registered:
            versions_of(name).clear()
    else:
        monkeypatch.setattr(sequence, "CHUNK", tier.chunk)
        monkeypatch.setattr(halves, "MIN_HALVED_SIZE", 0)
        monkeypatch.setattr(halves.cores, "allowed", lambda: tier.in_halves)
    yield tier
    for name, versions in registered.items():
        versions_of(name)[:] = versions


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
    tier: Tier, kind: str, args: list[Any], cotangents: Any = None, **settings: Any
) -> tuple[list[Any], list[Any], list[Any]]:
    """Values, gradients, and the values' cotangents: random unless given; None: not used."""
    leaves = [None if a is None else mg.Tensor(a).requires_grad_() for a in args]
    values = tier.op(kind)(*leaves, **KINDS[kind][3], **settings)
    if cotangents is None:
        cotangents = [rng.standard_normal(y.shape).astype(y.dtype) for y in values]
    used = [(y, mg.Tensor(g)) for y, g in zip(values, cotangents, strict=True) if g is not None]
    grads = mg.grad(
        [y for y, _ in used],
        [t for t in leaves if t is not None],
        [g for _, g in used],
        materialize_grads=True,
    )
    return [y.array for y in values], [g.array for g in grads], cotangents


def call(pullback: Any, cotangents: Any, args: list[Any], x_needed: bool = True) -> list[Any]:
    """The gradients of a rule's arguments; x_needed: whether that of x is asked for."""
    return list(pullback(tuple(cotangents), [x_needed] + [True] * (len(args) - 1)))


def same(some: Any, others: Any, tolerance: float = 1e-12) -> None:
    for a, b in zip(some, others, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1, np.abs(b).max(initial=0)))


@st.composite
def runs(draw: Any) -> dict[str, Any]:
    T, B = draw(st.integers(0, 6)), draw(st.integers(0, 5))
    lengths = draw(st.none() | st.lists(st.integers(0, T), min_size=B, max_size=B))
    return {"T": T, "B": B, "lengths": lengths, "reverse": draw(st.booleans())}


@each
@some
@given(
    sizes=runs(),
    bias=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    used=st.sets(st.sampled_from([0, 1, 2]), min_size=1),
)
def test_every_tier_is_the_definition(
    tier: Tier, kind: str, sizes: Any, bias: bool, dtype: Any, used: set[int]
) -> None:
    """Values, and the gradients of every set of outputs that is used."""
    T, B = sizes.pop("T"), sizes.pop("B")
    args = draw_args(kind, T, B, bias=bias, dtype=dtype)
    _, _, cotangents = run(DEFINITION, kind, args, **sizes)
    if used & set(range(len(cotangents))):
        cotangents = [g if i in used else None for i, g in enumerate(cotangents)]
    values, grads, _ = run(DEFINITION, kind, args, cotangents, **sizes)
    got, got_grads, _ = run(tier, kind, args, cotangents, **sizes)
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    same(got, values, tolerance)
    same(got_grads, grads, tolerance)


@each
@pytest.mark.parametrize("lengths", [None, [2, 0, 3]])
def test_second_derivatives(tier: Tier, kind: str, lengths: Any) -> None:
    args = draw_args(kind, 3, 3, 2, 2)
    settings = KINDS[kind][3]

    def twice(f: Any) -> list[Any]:
        fixed = np.random.default_rng(1)
        leaves = [mg.Tensor(a).requires_grad_() for a in args]
        values = f(*leaves, lengths=lengths, reverse=True, **settings)
        cotangents = [y.beside(fixed.standard_normal(y.shape)) for y in values]
        once = mg.grad(values, leaves, cotangents, create_graph=True)
        cotangents = [g.beside(fixed.standard_normal(g.shape)) for g in once]
        return [g.array for g in mg.grad(once, leaves, cotangents)]

    same(twice(tier.op(kind)), twice(DEFINITION.op(kind)))


@each
@rules
def test_complex_step(tier: Tier, kind: str) -> None:
    settings, lengths = KINDS[kind][3], [3, 5, 0, 4]
    args = draw_args(kind, 5, 4)
    _, grads, cotangents = run(tier, kind, args, lengths=lengths)
    directions = [rng.standard_normal(a.shape) for a in args]
    moved = [a + 1e-30j * d for a, d in zip(args, directions)]
    stepped, _ = tier.rule(kind)(NUMPY, *moved, lengths=lengths, **settings)
    slope = sum((g * y.imag / 1e-30).sum() for g, y in zip(cotangents, stepped))
    want = sum((g * d).sum() for g, d in zip(grads, directions))
    assert slope == pytest.approx(want, rel=1e-12)


# Before 2.3 it multiplies a view without BLAS, and sums in another order than BLAS does.
NUMPY_COPIES_VIEWS = np.lib.NumpyVersion(np.__version__) >= "2.3.0"

VIEWS = {
    "time": lambda a: a[::2],
    "batch first": lambda a: np.ascontiguousarray(a.swapaxes(0, 1)).swapaxes(0, 1),
    "columns": lambda a: np.repeat(a, 2, axis=2)[:, :, ::2],
    "reversed": lambda a: a[::-1, ::-1],
    "repeated": lambda a: np.broadcast_to(a[:1], a.shape),
}


@each
@pytest.mark.parametrize("view", VIEWS)
def test_x_and_gradient_may_be_views(tier: Tier, kind: str, view: str) -> None:
    x, *rest = draw_args(kind, 6, 5)
    view_of_x = VIEWS[view](x)
    values, _, cotangents = run(tier, kind, [view_of_x, *rest])
    cotangents[0] = np.asfortranarray(cotangents[0])
    got = run(tier, kind, [view_of_x, *rest], cotangents)
    want = run(tier, kind, [view_of_x.copy(), *rest], [g.copy() for g in cotangents])
    exact = 0 if tier.name != "definition" else 1e-15  # BLAS may sum a view in another order
    if not NUMPY_COPIES_VIEWS:
        exact = 1e-14
    same(got[0] + got[1], want[0] + want[1], exact)


@each
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cut", [0, 2, 7])
def test_two_parts_are_the_whole(tier: Tier, kind: str, reverse: bool, cut: int) -> None:
    """run(x[:cut]) then run(x[cut:]) = run(x): values, and gradients through the state between."""
    _, _, states, settings = KINDS[kind]
    op = tier.op(kind)
    args = draw_args(kind, 7, 3)
    want, want_grads, (g_hs, *g_last) = run(tier, kind, args, reverse=reverse)
    x, *others = [mg.Tensor(a).requires_grad_() for a in args]
    state, weights = others[:states], others[states:]
    parts = [slice(cut), slice(cut, None)]
    hs: list[Any] = [None, None]
    for i in (1, 0) if reverse else (0, 1):
        hs[i], *state = op(x[parts[i]], *state, *weights, reverse=reverse, **settings)
    together = np.concatenate([t.array for t in hs])
    same([together, *[t.array for t in state]], want)
    cotangents = [mg.Tensor(g_hs[part]) for part in parts] + [mg.Tensor(g) for g in g_last]
    grads = mg.grad([*hs, *state], [x, *others], cotangents)
    same([g.array for g in grads], want_grads)


@each
@pytest.mark.parametrize("reverse", [False, True])
def test_a_padded_row_gives_the_same_as_unpadded(tier: Tier, kind: str, reverse: bool) -> None:
    """Whatever the padding holds, also NaN."""
    states, lengths = KINDS[kind][2], [4, 0, 6, 1, 6]
    args = draw_args(kind, 6, 5)
    for row, length in enumerate(lengths):
        args[0][length:, row] = np.nan
    values, grads, cotangents = run(tier, kind, args, lengths=lengths, reverse=reverse)
    weights = args[1 + states :]
    total = [np.zeros_like(a) for a in weights]
    for row, length in enumerate(lengths):

        def own(arrays: list[Any], row: int = row, length: int = length) -> list[Any]:
            """The row's part of x or hs, and of the states."""
            of_states = [a[row : row + 1] for a in arrays[1 : 1 + states]]
            return [arrays[0][:length, row : row + 1], *of_states]

        alone = [*own(args), *weights]
        got, got_grads, _ = run(tier, kind, alone, own(cotangents), reverse=reverse)
        same(got, own(values))
        same(got_grads[: 1 + states], own(grads))
        assert not values[0][length:, row].any() and not grads[0][length:, row].any()
        total = [a + b for a, b in zip(total, got_grads[1 + states :])]
    same(total, grads[1 + states :])


@each
def test_infinite_padding_warns_of_nothing(tier: Tier, kind: str) -> None:
    args = draw_args(kind, 4, 2)
    args[0][2:, 0] = np.inf
    values, grads, _ = run(tier, kind, args, lengths=[2, 4])
    assert all(np.isfinite(a).all() for a in values + grads)


@each
def test_permuting_the_batch_permutes_the_results(tier: Tier, kind: str) -> None:
    states, lengths, order = KINDS[kind][2], np.array([4, 2, 6, 2]), [2, 0, 3, 1]
    args = draw_args(kind, 6, 4)

    def permuted(arrays: list[Any]) -> list[Any]:
        of_states = [a[order] for a in arrays[1 : 1 + states]]
        return [arrays[0][:, order], *of_states, *arrays[1 + states :]]

    values, grads, cotangents = run(tier, kind, args, lengths=lengths)
    moved = permuted(args), permuted(cotangents)
    got, got_grads, _ = run(tier, kind, *moved, lengths=lengths[order])
    same(got, permuted(values))
    same(got_grads, permuted(grads))


@pytest.mark.parametrize("kind", ["gru", "gru reset before"])
def test_an_update_gate_of_one_copies_the_state(tier: Tier, kind: str) -> None:
    x, h0, w_ih, w_hh, b_ih, b_hh = draw_args(kind, 9, 3)
    b_ih[4:8] = 1e3  # z = 1 (the z of the lesson is 0)
    (hs, h_n), _, _ = run(tier, kind, [x, h0, w_ih, w_hh, b_ih, b_hh])
    same([*hs, h_n], [h0] * 10, 1e-15)


def test_an_open_forget_gate_and_a_closed_input_gate_keep_the_cell(tier: Tier) -> None:
    x, h0, c0, w_ih, w_hh, b_ih, b_hh = args = draw_args("lstm", 9, 3)
    b_ih[:4] = -1e3  # i = 0
    b_ih[4:8] = 1e3  # f = 1
    (_, _, c_n), _, (_, _, dc_n) = run(tier, "lstm", args)
    same([c_n], [c0], 0)
    _, (_, _, dc0, *_), _ = run(tier, "lstm", args, [None, None, dc_n])
    same([dc0], [dc_n], 0)


LENGTHS = pytest.mark.parametrize("lengths", [None, [5, 3, 0, 5]])


@each
@rules
@LENGTHS
def test_nothing_is_written_to_and_nothing_is_shared(tier: Tier, kind: str, lengths: Any) -> None:
    settings = KINDS[kind][3]
    args = draw_args(kind, 5, 4)
    for a in args:
        a.flags.writeable = False
    values, pullback = tier.rule(kind)(NUMPY, *args, lengths=lengths, **settings)
    cotangents = [rng.standard_normal(y.shape) for y in values]
    for a in (*values, *cotangents):
        a.flags.writeable = False
    first = call(pullback, cotangents, args)
    copies = [g.copy() for g in first]
    again = call(pullback, cotangents, args)
    same(again, copies, 0)
    for a, b in combinations([*first, *again, *args, *values, *cotangents], 2):
        assert not np.shares_memory(a, b)


@each
@rules
def test_later_runs_change_nothing_of_a_live_one(tier: Tier, kind: str) -> None:
    """Runs of the same size, here and on another thread: neither its results nor its gradients."""
    args, other = (draw_args(kind, 40, 50, H=50) for _ in range(2))
    want_values, want_grads, cotangents = run(tier, kind, args)
    want_values = [y.copy() for y in want_values]
    want_grads = [g.copy() for g in want_grads]
    rule, settings = tier.rule(kind), KINDS[kind][3]
    values, pullback = rule(NUMPY, *args, **settings)
    threads = [threading.Thread(target=run, args=(tier, kind, other)) for _ in range(2)]
    for thread in threads:
        thread.start()
    _, other_pullback = rule(NUMPY, *other, **settings)
    run(tier, kind, other)
    grads = call(pullback, cotangents, args)
    call(other_pullback, cotangents, other)
    del pullback, other_pullback
    run(tier, kind, other)
    for thread in threads:
        thread.join()
    same(values, want_values, 0)
    same(grads, want_grads, 0)


@each
@rules
@LENGTHS
def test_what_new_memory_held_before_changes_nothing(
    tier: Tier, kind: str, lengths: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = draw_args(kind, 5, 4)
    values, grads, cotangents = run(tier, kind, args, lengths=lengths)

    def dirty(shape: Any, dtype: Any = float) -> np.ndarray:
        return np.full(shape, np.nan, dtype)

    def dirty_work_array(self: Any, xp: Any, shape: Any, dtype: Any) -> np.ndarray:
        return dirty(shape, dtype)

    monkeypatch.setattr(NUMPY, "empty", dirty)
    if HAS_FAST:
        monkeypatch.setattr(workspace.Workspace, "empty", dirty_work_array)
    got, got_grads, _ = run(tier, kind, args, cotangents, lengths=lengths)
    same(got + got_grads, values + grads, 0)


@each
@rules
@LENGTHS
def test_the_gradient_of_an_input_that_is_only_data_is_left_out(
    tier: Tier, kind: str, lengths: Any
) -> None:
    args = draw_args(kind, 5, 4)
    _, want, cotangents = run(tier, kind, args, lengths=lengths)
    settings = KINDS[kind][3] | {"lengths": lengths}
    _, pullback = tier.rule(kind)(NUMPY, *args, **settings)
    found = call(pullback, cotangents, args, x_needed=False)
    assert found[0] is None
    same(found[1:], want[1:], 0)
    leaves = [mg.Tensor(args[0]), *[mg.Tensor(a).requires_grad_() for a in args[1:]]]
    values = tier.op(kind)(*leaves, **settings)
    grads = mg.grad(values, leaves[1:], [mg.Tensor(g) for g in cotangents])
    same([g.array for g in grads], want[1:], 0)


@fast
def test_work_arrays_are_reused(tier: Tier) -> None:
    if tier.in_halves:
        pytest.skip("each thread keeps its own")

    def pooled() -> list[int]:
        pool = workspace.workspace.pool
        return [id(array) for arrays in pool.values() for array in arrays]

    args = draw_args("lstm", 40, 50, H=50, dtype=np.float32)
    for _ in range(2):  # at the end of the first run its results are still held
        run(tier, "lstm", args)
    before = pooled()
    for T in (40, 39, 40):
        run(tier, "lstm", [args[0][:T], *args[1:]])
    run(tier, "lstm", draw_args("lstm", 5, 4, dtype=np.float32))  # too small for the pool
    assert before and pooled() == before


def test_the_op_runs_in_the_tier_that_it_is_given(tier: Tier, monkeypatch: Any) -> None:
    """Without this, all of the above could compare one tier with itself."""
    calls = []
    if tier.chunk is not None:
        empty = workspace.Workspace.empty
        monkeypatch.setattr(
            workspace.Workspace, "empty", lambda *args: calls.append("fast") or empty(*args)
        )
    read = byhand.sequence.ReadingOrder.read
    monkeypatch.setattr(
        byhand.sequence.ReadingOrder, "read", lambda *args: calls.append("by hand") or read(*args)
    )
    run(tier, "lstm", draw_args("lstm", 3, 4))
    expected = {"definition": set(), "by hand": {"by hand"}}.get(tier.name, {"fast"})
    assert set(calls) == expected


# Sizes that do not fit


@each
@rules
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": (6, 3)}, r"expected x \(time, batch, input size\), got \(6, 3\)"),
        ({"w_ih": (9, 3)}, r"expected w_ih \(\d+, 3\), got \(9, 3\)"),
        ({"h0": (1, 4)}, r"expected h0 \(5, 4\), got \(1, 4\)"),
        ({"b_hh": None}, r"expected b_ih and b_hh both, or None for both"),
        ({"b_ih": (1,)}, r"expected b_ih \(\d+,\), got \(1,\)"),
        ({"lengths": [1]}, r"expected 5 lengths, got 1"),
    ],
)
def test_sizes_that_do_not_fit(tier: Tier, kind: str, changed: Any, message: str) -> None:
    states = KINDS[kind][2]
    names = ["x", *["h0", "c0"][:states], "w_ih", "w_hh", "b_ih", "b_hh"]
    args = dict(zip(names, draw_args(kind, 6, 5)))
    lengths = changed.get("lengths")
    for name in changed.keys() & args.keys():
        args[name] = None if changed[name] is None else np.zeros(changed[name])
    tensors = [None if a is None else mg.Tensor(a) for a in args.values()]
    with pytest.raises(ValueError, match=f"^{kind.split()[0]}: {message}"):
        tier.op(kind)(*tensors, lengths=lengths, **KINDS[kind][3])


# PyTorch: both directions, with packed sequences where there are lengths


class Twin:
    """A bidirectional layer of PyTorch, and the arguments of the two runs that it consists of."""

    def __init__(self, kind: str, bias: bool, lengths: Any):
        self.torch = torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        self.kind, self.lengths = kind, lengths
        _, _, self.states, settings = KINDS[kind]
        T, B, I, self.H = 6, 5, 3, 4
        self.args = [draw_args(kind, T, B, I, self.H, bias) for _ in range(2)]
        self.args[1][0] = self.args[0][0]  # both directions read the same x
        make = getattr(torch.nn, kind.split()[0].upper())
        self.layer = make(I, self.H, bias=bias, bidirectional=True, **settings).double()
        self.copy_weights()
        self.x = torch.tensor(self.args[0][0], requires_grad=True)
        self.initial_states = []
        for k in range(1, 1 + self.states):
            both = np.stack([args[k] for args in self.args])
            self.initial_states.append(torch.tensor(both, requires_grad=True))

    def weights(self, direction: int) -> list[Any]:
        """The layer's parameters of one direction."""
        parameters = list(self.layer.parameters())
        half = len(parameters) // 2
        return parameters[direction * half : (direction + 1) * half]

    def copy_weights(self) -> None:
        for direction, args in enumerate(self.args):
            ours = [a for a in args[1 + self.states :] if a is not None]
            for p, a in zip(self.weights(direction), ours, strict=True):
                p.data = self.torch.tensor(a)

    def forward(self) -> list[Any]:
        """hs (T,B,2H), and the last states (2,B,H)."""
        rnn = self.torch.nn.utils.rnn
        x = self.x
        if self.lengths:
            x = rnn.pack_padded_sequence(x, self.lengths, enforce_sorted=False)
        state = tuple(self.initial_states) if self.states == 2 else self.initial_states[0]
        hs, last = self.layer(x, state)
        if self.lengths:
            hs, _ = rnn.pad_packed_sequence(hs)
        return [hs, *(last if self.states == 2 else [last])]

    def of_direction(self, direction: int, outputs: list[Any]) -> list[Any]:
        """That direction's part of the outputs, or of their cotangents."""
        columns = slice(direction * self.H, (direction + 1) * self.H)
        hs = None if outputs[0] is None else outputs[0][:, :, columns]
        return [hs, *[None if y is None else y[direction] for y in outputs[1:]]]

    def run(self, tier: Tier, direction: int, cotangents: Any = None) -> Any:
        settings = {"lengths": self.lengths, "reverse": bool(direction)}
        return run(tier, self.kind, self.args[direction], cotangents, **settings)


pytorchs = [
    pytest.mark.parametrize("kind", ["rnn", "rnn relu", "gru", "lstm"]),
    pytest.mark.parametrize("bias", [True, False]),
    pytest.mark.parametrize("lengths", [None, [3, 6, 1, 6, 2]]),
]


def for_each_twin(test: Any) -> Any:
    for mark in pytorchs:
        test = mark(test)
    return test


@for_each_twin
@pytest.mark.parametrize("direction", [0, 1])
def test_values_are_pytorchs(
    tier: Tier, kind: str, bias: bool, lengths: Any, direction: int
) -> None:
    twin = Twin(kind, bias, lengths)
    want = twin.of_direction(direction, [y.detach().numpy() for y in twin.forward()])
    values, _, _ = twin.run(tier, direction)
    same(values, want, 1e-10)


@for_each_twin
@pytest.mark.parametrize("used", ["hs", "h_n", "c_n", "hs h_n", "hs c_n", "h_n c_n", "hs h_n c_n"])
def test_gradients_are_pytorchs(tier: Tier, kind: str, bias: bool, lengths: Any, used: str) -> None:
    """For every set of outputs that is used; where there is no c_n it is left out of the set."""
    twin = Twin(kind, bias, lengths)
    outputs = dict(zip(["hs", "h_n", "c_n"], twin.forward()))
    seeds = {name: rng.standard_normal(tuple(y.shape)) for name, y in outputs.items()}
    chosen = set(used.split()) & outputs.keys() or {"hs"}
    loss = sum((outputs[name] * twin.torch.tensor(seeds[name])).sum() for name in chosen)
    loss.backward()
    cotangents = [seed if name in chosen else None for name, seed in seeds.items()]
    dx = 0
    for direction in (0, 1):
        own_cotangents = twin.of_direction(direction, cotangents)
        _, grads, _ = twin.run(tier, direction, own_cotangents)
        dx = dx + grads[0]
        want = [state.grad[direction] for state in twin.initial_states]
        want += [p.grad for p in twin.weights(direction)]
        same(grads[1:], [g.numpy() for g in want], 1e-10)
    same([dx], [twin.x.grad.numpy()], 1e-10)
