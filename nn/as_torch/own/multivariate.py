"""`MultivariateNormal` of torch.distributions, with the linear algebra that it needs.

Both of its steps are written as they are in a textbook, one element or column after the other, and
differentiated as any other composition: for a few dimensions, not for hundreds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import minigrad
from minigrad import Tensor
from minigrad.errors import shown

from ... import functional as F
from . import constraints
from .distributions import Reparametrized

__all__ = ["MultivariateNormal"]


def cholesky(a: Tensor) -> Tensor:
    """The lower triangular L with L Lᵀ = a, for a symmetric a (.., n, n): column by column.

    L_ij = (a_ij - Σ_k<j L_ik L_jk) / L_jj. Raises ValueError if a is not positive definite.
    """
    a = (a + a.mT) / 2
    columns: list[Tensor] = []
    for j in range(a.shape[-1]):
        rest = a[..., j:, j]  # (.., n - j)
        for column in columns:
            rest = rest - column[..., j:] * column[..., j : j + 1]
        square = rest[..., :1]  # of L_jj
        if not bool((square.detach() > 0).all()):
            raise ValueError(f"cholesky: expected a positive definite matrix, got {shown(a)}")
        columns.append(F.pad(rest / square.sqrt(), (j, 0)))
    return minigrad.stack(columns, -1)


def solve_lower(L: Tensor, b: Tensor) -> Tensor:
    """z with L z = b, for a lower triangular L (.., n, n) and b (.., n): element by element.

    z_i = (b_i - Σ_k<i L_ik z_k) / L_ii.
    """
    z: list[Tensor] = []
    for i in range(L.shape[-1]):
        rest = b[..., i]
        for k, known in enumerate(z):
            rest = rest - L[..., i, k] * known
        z.append(rest / L[..., i, i])
    return minigrad.stack(z, -1)


class MultivariateNormal(Reparametrized):
    """The normal distribution over (n,) with the mean `loc` (.., n) and a covariance Σ (.., n, n).

    Σ is given as covariance_matrix, or as scale_tril, the lower triangular L with Σ = L Lᵀ. Raises
    ValueError if not one of them is given, if shapes do not fit, or Σ is not positive definite;
    NotImplementedError for precision_matrix.
    """

    arg_constraints: ClassVar = {"loc": constraints.real_vector}
    support = constraints.real_vector

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: None = None,
        scale_tril: Tensor | None = None,
        validate_args: Any = None,
    ):
        name = "MultivariateNormal"
        if precision_matrix is not None:
            raise NotImplementedError(
                f"{name}: precision_matrix is not supported; give its inverse as covariance_matrix"
            )
        if (covariance_matrix is None) == (scale_tril is None):
            got = "none" if scale_tril is None else "both"
            raise ValueError(f"{name}: expected covariance_matrix or scale_tril, got {got}")
        given = scale_tril if covariance_matrix is None else covariance_matrix
        self.given = "scale_tril" if covariance_matrix is None else "covariance_matrix"
        n = loc.shape[-1] if loc.ndim else 0
        if given is None or n == 0 or tuple(given.shape[-2:]) != (n, n):
            raise ValueError(
                f"{name}: expected loc (.., n) and a matrix (.., n, n), got {shown(loc)} and "
                f"{shown(given)}"
            )
        L = given if covariance_matrix is None else cholesky(given)
        if not bool((L.detach().diagonal(0, -2, -1) > 0).all()):
            raise ValueError(f"{name}: expected scale_tril with a diagonal above 0, got {shown(L)}")
        batch = minigrad.broadcast_tensors(loc[..., 0], L[..., 0, 0])[0].shape
        self.loc = loc.expand(*batch, n)
        self.scale_tril = L.expand(*batch, n, n)
        super().__init__(batch, (n,), validate_args)

    @property
    def mean(self) -> Tensor:
        """loc."""
        return self.loc

    @property
    def covariance_matrix(self) -> Tensor:
        """Σ = L Lᵀ."""
        return self.scale_tril @ self.scale_tril.mT

    @property
    def variance(self) -> Tensor:
        """The diagonal of Σ."""
        return (self.scale_tril**2).sum(-1)

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        """A sample with its graph: loc + L · noise."""
        shape = (*sample_shape, *self.batch_shape, *self.event_shape)
        noise = minigrad.randn(*shape, dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + (self.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """-½ (|z|² + n log 2π) - log det L, with L z = value - loc."""
        self._check_value(value)
        z = solve_lower(self.scale_tril, value - self.loc)
        constant = self.event_shape[0] * math.log(2 * math.pi)
        return -0.5 * ((z**2).sum(-1) + constant) - self.log_det()

    def entropy(self) -> Tensor:
        constant = self.event_shape[0] * (1 + math.log(2 * math.pi))
        return 0.5 * constant + self.log_det()

    def log_det(self) -> Tensor:
        """log det L."""
        return self.scale_tril.diagonal(0, -2, -1).log().sum(-1)

    def __repr__(self) -> str:
        matrix = f"{self.given}: {self.scale_tril.shape}"
        return f"MultivariateNormal(loc: {self.loc.shape}, {matrix})"
