"""Where random numbers come from: one generator for each thread, on the host.

CuPy's generator has another stream and lacks half of the methods; and so a run on a GPU can be held
against the same run on a CPU. Only a mask of dropout is drawn on the GPU itself, from 64 bits of
this source: so nothing is copied to the device in a training step, and `manual_seed` and a
checkpoint fix the masks there too.
"""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np

from minigrad import errors
from minigrad.array import NAMESPACES, Array, device_of, to_device
from minigrad.faster import run_fastest

local = threading.local()  # what one thread draws changes nothing in another


def generator() -> np.random.Generator:
    """The source of this thread's random numbers, made at first use: the import takes a while."""
    return getattr(local, "generator", None) or manual_seed()


def check_seed(seed: Any) -> None:
    """Raise TypeError if a seed is not an integer, ValueError if it is below 0."""
    if not errors.is_integer(seed):
        raise TypeError(f"manual_seed: expected an integer, got {errors.describe(seed)}")
    if seed < 0:
        raise ValueError(f"manual_seed: expected an integer of at least 0, got {seed}")


def manual_seed(seed: int | None = None) -> np.random.Generator:
    """Start this thread's random numbers again from `seed`, an integer; from OS entropy if None.

    A process made by fork does not repeat its parent: it starts from OS entropy, as Python's
    `random` does; give it a seed of its own for numbers that can be repeated. Raises TypeError for
    what is not an integer, ValueError below 0.
    """
    if seed is not None:
        check_seed(seed)
    local.generator = np.random.default_rng(seed)
    return generator()


def forget_generator() -> None:
    """Let this thread's next random number come from OS entropy."""
    local.__dict__.clear()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=forget_generator)


def generator_at(state: Any) -> np.random.Generator:
    """A new source in the state of another one, `source.bit_generator.state`.

    Raises ValueError if it is none, or one from which the same number would come for ever.
    """
    source = np.random.default_rng(0)
    try:
        source.bit_generator.state = state
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"expected the state of a random generator, got {state!r:.200}") from error
    if source.bit_generator.state != state or state["state"]["inc"] % 2 == 0:
        # The period is full for an odd increment: O'Neill 2014, PCG, section 4.
        raise ValueError(
            f"expected the state of a random generator that can occur, got {state!r:.200}"
        )
    return source


class Generator:
    """A source of random numbers of its own, for what takes `generator=`.

    >>> Generator().manual_seed(3).initial_seed()
    3
    """

    def __init__(self, device: Any = "cpu"):
        self.device = errors.as_device("Generator", device)
        self.seed()

    def manual_seed(self, seed: int) -> Generator:
        """Start again from `seed`, an integer of at least 0. Raises as minigrad.manual_seed."""
        check_seed(seed)
        self.first_seed = int(seed)
        self.source = np.random.default_rng(self.first_seed)
        return self

    def seed(self) -> int:
        """Start again from a seed of the operating system's, which is returned."""
        chosen = int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
        return self.manual_seed(chosen).first_seed

    def initial_seed(self) -> int:
        """The seed that it was started from."""
        return self.first_seed


def source_of(name: str, given: Any) -> np.random.Generator:
    """The source behind `generator=`, None for this thread's. Raises TypeError for others."""
    if given is None:
        return generator()
    if not isinstance(given, Generator):
        got = type(given).__name__
        raise TypeError(f"{name}: expected generator to be a minigrad.Generator, got a {got}")
    return given.source


def dropout_mask(x: Array, shape: tuple[int, ...], p: float) -> Array:
    """A mask of `shape`, 0 with probability p, else 1 / (1 - p); with x's dtype and device."""
    return run_fastest("dropout_mask", draw_on_host, NAMESPACES[type(x)].kind, x, shape, p)


def draw_on_host(x: Array, shape: tuple[int, ...], p: float) -> Array:
    """`dropout_mask`, drawn on the host and copied to the device."""
    scale = 1 / ((1 - p) or 1)
    kept = generator().random(shape, dtype=np.float32) >= p
    mask = np.asarray(kept).astype(x.dtype)  # NumPy draws a number for the shape ()
    mask *= scale
    return to_device(mask, device_of(x))
