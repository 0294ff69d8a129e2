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
VALIDATION = """
    import torch
    import torch.distributions as D
    from torch.distributions import constraints as C
    T, nan = torch.tensor, float("nan")
    half, none, one, two = T(0.5), T(nan), T(1.0), T([0.5, 0.5])
    pair = D.Independent(D.Normal(torch.zeros(2), torch.ones(2)), 1)
    plane = D.MultivariateNormal(torch.zeros(2), torch.eye(2))
    logits = T([0.0, -float("inf"), 1.0])

    class Even(C.Constraint):
        def check(self, value):
            return value % 2 == 0

    class Own(D.Distribution):
        arg_constraints = {"rate": C.positive}
        support = Even()

        def __init__(self, rate, validate_args=None):
            self.rate = rate
            super().__init__(rate.shape, validate_args=validate_args)

        def log_prob(self, value):
            if self._validate_args:
                self._validate_sample(value)
            return value * self.rate

    made = [
        lambda: D.Normal(none, one), lambda: D.Normal(one, none), lambda: D.Normal(0.0, -1.0),
        lambda: D.Normal(0.0, 0.0), lambda: D.Normal(none, -one, validate_args=False),
        lambda: D.Categorical(T([-0.5, 0.5])), lambda: D.Categorical(T([nan, 0.5])),
        lambda: D.Categorical(torch.zeros(2)), lambda: D.Categorical(logits=T([nan, 0.5])),
        lambda: D.Categorical(logits=logits), lambda: D.Bernoulli(T(1.5)),
        lambda: D.Bernoulli(none), lambda: D.Bernoulli(logits=none), lambda: D.Bernoulli(one),
        lambda: D.Uniform(one, half), lambda: D.Uniform(one, half, validate_args=False),
        lambda: D.MultivariateNormal(T([nan, 0.0]), torch.eye(2)), lambda: Own(-one),
    ]
    probabilities = [
        lambda: D.Normal(0.0, 1.0).log_prob(none), lambda: D.Normal(0.0, 1.0).log_prob(0.5),
        lambda: D.Normal(0.0, 1.0).cdf(none), lambda: D.Normal(two, 1.0).log_prob(torch.ones(3)),
        lambda: D.Categorical(two).log_prob(T(2)), lambda: D.Categorical(two).log_prob(T(-1)),
        lambda: D.Categorical(two).log_prob(half), lambda: D.Categorical(two).log_prob(one),
        lambda: D.Categorical(logits=logits).log_prob(T([0, 1, 2])),
        lambda: D.Categorical(logits=logits).log_prob(torch.ones(2, 3)),
        lambda: D.Bernoulli(half).log_prob(half), lambda: D.Bernoulli(half).log_prob(one),
        lambda: D.Bernoulli(half, validate_args=False).log_prob(half),
        lambda: D.Uniform(0.0, 1.0).log_prob(T(2.0)), lambda: D.Uniform(0.0, 1.0).log_prob(none),
        lambda: D.Uniform(0.0, 1.0).cdf(T(2.0)), lambda: D.Uniform(0.0, 1.0).log_prob(half),
        lambda: pair.log_prob(T([nan, 0.0])), lambda: pair.log_prob(two),
        lambda: plane.log_prob(T([nan, 0.0])), lambda: plane.log_prob(torch.zeros(3)),
        lambda: plane.log_prob(two), lambda: Own(one).log_prob(T(3.0)),
        lambda: Own(one).log_prob(T(4.0)), lambda: Own(one, False).log_prob(T(3.0)),
    ]
    for asked in (True, False):
        D.Distribution.set_default_validate_args(asked)
        for make in made:
            try:
                print(make().batch_shape)
            except ValueError:
                print("refused")
    D.Distribution.set_default_validate_args(True)
    for probability in probabilities:
        try:
            print((probability() * 1e4).round())
        except ValueError:
            print("refused")
    print(pair.event_shape, D.Categorical(two).support, D.Bernoulli(half).support)
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "program", [QR, CONSTRAINTS, VALIDATION], ids=["qr", "constraints", "validation"]
)
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
