"""Words that only PyTorch programs ask for: each program prints the same under PyTorch."""

from pathlib import Path

import pytest
from test_whole_objects import written
from under_pytorch import Run

QR = """
    import torch
    torch.manual_seed(0)

    def shown(x):
        return (x.detach() * 1e4).round().long().tolist()

    for shape in [(3, 3), (5, 3), (3, 5), (1, 1), (1, 4), (4, 1), (2, 4, 3), (2, 1, 2, 2)]:
        a = torch.arange(1.0, 1 + torch.Size(shape).numel(), dtype=torch.float64)
        a = (a * a * 0.37).sin()
        a = a.view(shape)
        for x in (a, -a.abs(), a.triu(), -torch.ones_like(a).tril().triu()):
            x = x.clone().requires_grad_()
            Q, R = torch.linalg.qr(x)
            print(shape, shown(Q), shown(R), shown(Q @ R - x))
            if x is not a and (R.diagonal(dim1=-2, dim2=-1) != 0).all():
                ((Q * Q.detach().cos()).sum() + (R * R).sum()).backward()
                print(shown(x.grad))
    found = torch.qr(torch.eye(2) * 2)
    print(found.Q.abs().tolist(), found.R.abs().tolist(), torch.eye(2).qr()[1].abs().tolist())
    print(shown(torch.linalg.qr(torch.zeros(2, 2)).R))
    for shape in [(1, 1), (3, 3), (6, 6), (3, 2, 4, 4)]:
        a = torch.arange(1.0, 1 + torch.Size(shape).numel(), dtype=torch.float64)
        a = (a * a * 0.37).sin().view(shape)
        for x in (a, -a, a.triu(), torch.eye(shape[-1], dtype=torch.float64).flip(0) - 0 * a):
            x = x.clone().requires_grad_()
            sign, log = torch.slogdet(x)
            log.sum().backward()
            print(shown(sign), shown(log), shown(x.grad))
    singular = torch.linalg.slogdet(torch.tensor([[0.0, 1.0], [0.0, 2.0]]))
    print(singular.sign.abs().item(), singular.logabsdet.item(), torch.eye(2).slogdet().sign.item())
    for wrong in (torch.ones(2), torch.ones(2, 2).long(), 3):
        try:
            torch.linalg.qr(wrong)
        except (RuntimeError, ValueError, TypeError):
            print("refused")
"""
CONSTRAINTS = """
    import torch
    from torch.distributions import constraints as C
    ends = [float("nan"), float("inf"), -float("inf")]
    x = torch.tensor([[-1.0, 0.0, 0.25], [0.5, 1.0, 2.0], ends, [0.2, 0.3, 0.5]])
    for c in (C.boolean, C.nonnegative_integer, C.positive_integer, C.real, C.positive,
              C.nonnegative, C.greater_than(0.25), C.greater_than_eq(0.25), C.less_than(0.5),
              C.interval(-1.0, 1.0), C.half_open_interval(0, 1), C.unit_interval,
              C.integer_interval(0, 1), C.simplex, C.real_vector):
        print(c.check(x).tolist(), c.is_discrete, c.event_dim, c)
    bounded = C.interval(-1.0, 2.0)
    print(bounded.lower_bound, bounded.upper_bound, isinstance(C.real, C.Constraint), C.dependent)
    try:
        C.dependent.check(x)
    except ValueError:
        print("refused")

    class Own:
        arg_constraints = {"loc": C.real, "scale": C.positive}
        n = 3

        @C.dependent_property
        def support(self):
            return C.interval(0, self.n)

        @C.dependent_property(is_discrete=True, event_dim=0)
        def places(self):
            return C.integer_interval(0, self.n)

    print(Own().support, Own().places)
    import torch.distributions.constraints, torch.distributions as pyd
    print(pyd.constraints is C)
    # The squashed normal of public agents
    import math
    import torch.nn.functional as F

    class TanhTransform(pyd.transforms.Transform):
        domain = pyd.constraints.real
        codomain = pyd.constraints.interval(-1.0, 1.0)
        bijective = True
        sign = +1

        def __init__(self, cache_size=1):
            super().__init__(cache_size=cache_size)

        def _call(self, x):
            return x.tanh()

        def _inverse(self, y):
            return 0.5 * (y.log1p() - (-y).log1p())

        def log_abs_det_jacobian(self, x, y):
            return 2.0 * (math.log(2.0) - x - F.softplus(-2.0 * x))

    normal = pyd.Normal(torch.zeros(2), torch.ones(2))
    squashed = pyd.transformed_distribution.TransformedDistribution(normal, [TanhTransform()])
    print((squashed.log_prob(torch.tensor([0.1, -0.7])) * 1e4).round())
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", [QR, CONSTRAINTS], ids=["qr", "constraints"])
def test_a_program_prints_what_it_prints_under_pytorch(
    program: str, tmp_path: Path, under_pytorch: Run, under_as_torch: Run
) -> None:
    path = written(program, tmp_path / "program.py")
    assert under_as_torch(path) == under_pytorch(path)


REFUSED = """
    import torch
    qr = torch.linalg.qr
    x = torch.ones(2, 2)
    for call in ("qr(x, 'complete')", "x.qr(False)", "qr(x[:0])", "qr(x[0])", "x[:1].slogdet()"):
        try:
            eval(call)
        except (NotImplementedError, ValueError) as error:
            print(error)
"""


def test_what_qr_refuses(tmp_path: Path, under_as_torch: Run) -> None:
    assert under_as_torch(written(REFUSED, tmp_path / "program.py")).splitlines() == [
        "torch.linalg.qr: mode='complete' is not supported; leave it out",
        "torch.linalg.qr: mode='complete' is not supported; leave it out",
        "torch.linalg.qr: expected matrices that are not empty, got shape (0, 2)",
        "torch.linalg.qr: expected matrices that are not empty, got shape (2,)",
        "torch.linalg.slogdet: expected square matrices, got shape (1, 2)",
    ]
