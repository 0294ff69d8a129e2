"""What is there for speed alone."""

from minigrad.fast import optimizers
