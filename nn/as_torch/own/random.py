"""`torch.random`: the seed and the state of the random numbers."""

from minigrad.random import manual_seed

from .words import get_rng_state, initial_seed, seed, set_rng_state

__all__ = ["get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]
