"""nn.as_torch: a PyTorch program runs with nothing changed, and what is missing says its name.

`import torch` gives other modules wherever nn.as_torch is imported, so each test runs a program in
a process of its own.
"""

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from under_pytorch import Run

ROOT = Path(__file__).resolve().parent.parent


def python(*arguments: str, folder: Path = ROOT, code: int = 0) -> str:
    """What Python prints, errors included; it must end with this exit code."""
    command = [sys.executable, *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def run(program: str, folder: Path, *arguments: str, code: int = 0) -> str:
    """What a PyTorch program prints under `python -m nn.as_torch`."""
    path = folder / "program.py"
    path.write_text(textwrap.dedent(program), "utf-8")
    return python("-m", "nn.as_torch", str(path), *arguments, folder=folder, code=code)


def test_a_program_sees_itself_as_python_would_run_it(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("import torch\nlayer = torch.nn.Linear(2, 3)\n", "utf-8")
    program = """
        import sys
        import torch
        from beside import layer
        print(__name__, sys.argv[1:], isinstance(layer, torch.nn.Module), layer.weight.shape)
        sys.exit(3)
    """
    printed = run(program, tmp_path, "--lr", "0.1", code=3)
    assert printed == "__main__ ['--lr', '0.1'] True torch.Size([3, 2])\n"


def test_all_ways_to_import_give_the_same_modules(tmp_path: Path) -> None:
    program = """
        import torch, torch.nn as nn, torch.nn.functional as F, torch.optim as optim
        import torch.nn.utils.rnn, torch.optim.lr_scheduler, torch.utils.data as data
        import torch.backends.cudnn as cudnn, torch.nn.init as init
        from torch import Tensor, cuda, nn as again, optim as optim_again
        from torch.autograd import Variable, grad
        from torch.nn import Parameter, functional, init as init_again
        from torch.nn.modules import Module
        from torch.nn.parameter import Parameter as parameter_again
        from torch.nn.utils import clip_grad_norm_
        from torch.nn.utils.rnn import pad_sequence
        from torch.optim import Adam
        from torch.optim.lr_scheduler import StepLR
        from torch.utils.data import DataLoader
        assert nn is again is torch.nn and F is functional is nn.functional
        assert optim is optim_again and optim.Adam is Adam and init is init_again
        assert Parameter is parameter_again is nn.Parameter and Module is nn.Module
        assert torch.optim.lr_scheduler.StepLR is StepLR and data.DataLoader is DataLoader
        assert nn.utils.rnn.pad_sequence is pad_sequence
        assert nn.utils.clip_grad_norm_ is clip_grad_norm_
        from torch.utils.data.dataloader import DataLoader as loader_again
        assert loader_again is DataLoader and torch.functional.stack is torch.stack
        weight = nn.Parameter(torch.ones(2, 2))
        init.xavier_uniform(weight)
        weight.sum().backward()
        assert nn.utils.clip_grad_norm([weight], 1.0).item() == 2.0
        assert torch.accelerator.current_accelerator() is None and not weight.is_cuda
        cudnn.deterministic = True
        assert torch.backends.cudnn.deterministic and not torch.cuda.is_available()
        torch.backends.cuda.matmul.allow_tf32 = True
        kinds = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
        assert weight.dtype == kinds["float32"] != kinds["bfloat16"]
        assert torch.promote_types(torch.int64, torch.float32) == torch.float32
        assert torch.promote_types(torch.bool, torch.uint8) == torch.uint8
        assert not torch.is_complex(weight)
    """
    assert run(program, tmp_path) == ""


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("torch.jit", "torch.jit"),
        ("from torch import nonsense", "torch.nonsense"),
        ("import torch.nonsense as dist", "torch.nonsense"),
        ("from torch.cuda.amp import custom_fwd", "torch.cuda.amp.custom_fwd"),
        ("from torch.nn import Conv3d", "torch.nn.Conv3d"),
        ("torch.fft.rfft(torch.ones(3))", "torch.fft"),
        ("torch.nn.Conv3d(3, 3, 3)", "torch.nn.Conv3d"),
        ("torch.nn.functional.conv3d", "torch.nn.functional.conv3d"),
        ("import torch.onnx; torch.onnx.export()", "torch.onnx.export"),
        ("torch.ones(2).erfinv()", "torch.Tensor.erfinv"),
    ],
)
def test_what_is_missing_is_named_at_once(line: str, name: str, tmp_path: Path) -> None:
    printed = run(f"import torch\n{line}", tmp_path, code=1).splitlines()
    assert printed[-1].split(": ")[1].startswith(f"{name} is not supported"), printed
    assert "NotImplementedError" in "".join(printed) or "Missing" in printed[-1]


def test_what_is_missing_can_be_asked_for(tmp_path: Path) -> None:
    program = """
        import torch
        assert not hasattr(torch, "jit") and getattr(torch.nn, "Conv3d", None) is None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            SummaryWriter = None
        for missing in ("torch.jit", "torch.nn.Conv3d"):
            try:
                exec(missing)
            except NotImplementedError as error:
                assert str(error).startswith(missing)
    """
    assert run(program, tmp_path) == ""


def test_importing_it_by_its_own_name() -> None:
    program = """
import sys
import nn.as_torch as torch
assert "torch" not in sys.modules
import nn.as_torch.nn.functional as F
from nn.as_torch import optim
import nn
assert F.relu is nn.functional.relu and optim.Adam is nn.optim.Adam and F is torch.nn.functional
try:
    from nn.as_torch import nonsense
except NotImplementedError as error:
    assert str(error).startswith("torch.nonsense")
import torch as imported
assert imported.nn is torch.nn and imported.Tensor is torch.Tensor
"""
    assert python("-c", program) == ""


def test_a_pytorch_that_is_imported_stays() -> None:
    pytest.importorskip("torch")
    program = """
import warnings
import torch
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import nn.as_torch as ours
import torch.fft
from torch import jit
import torch as again
assert again is torch and torch.nn.Linear is not ours.nn.Linear
print(caught[0].message)
"""
    assert python("-c", program).startswith("nn.as_torch: PyTorch is imported already")


LEGACY = """
    import numpy as np
    import torch
    def show(x):
        filled = x.numel() and x.shape[0] == 2 and x.dim() == 2
        print(str(x.dtype).replace("torch.", ""), tuple(x.shape), "" if filled else x.tolist())
    size = torch.ones(2, 1).shape
    for make in (torch.Tensor, torch.FloatTensor, torch.DoubleTensor, torch.LongTensor,
                 torch.IntTensor, torch.BoolTensor):
        for data in ((2, 3), ([1, 2],), ([],), ([[1, 0], [3, 4]],), (np.zeros((1, 2)),), (size,),
                     (range(3),), (np.arange(2, dtype=np.int32),), ()):
            show(make(*data))
    show(torch.Tensor(torch.zeros(1).double()))
    show(torch.Tensor([torch.tensor(1.0), torch.tensor(2.0)]))
    x = torch.ones(1)
    for value in (x, x.long(), x.double(), x > 0, 1.0):
        print([isinstance(value, kind) for kind in (torch.Tensor, torch.FloatTensor,
               torch.DoubleTensor, torch.LongTensor, torch.BoolTensor, torch.cuda.FloatTensor)])
    for data in (3.5, None, "ab", x.long()):
        try:
            torch.FloatTensor(data)
            print("accepted")
        except TypeError:
            print("TypeError")
"""


def test_the_old_constructors_are_pytorchs(tmp_path: Path, under_pytorch: Run) -> None:
    ours = run(LEGACY, tmp_path)
    assert ours == under_pytorch(tmp_path / "program.py")


SAVING = """
    import io
    import numpy as np
    import torch
    from torch import nn
    model = nn.LSTM(2, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model(torch.ones(2, 1, 2))[0].sum().backward()
    optimizer.step()
    states = {"epoch": 3, "array": np.arange(3), "names": ["a", ("b", None)],
              "model": model.state_dict(),
              "optimizer": optimizer.state_dict()}
    torch.save(states, "some.pt")
    buffer = io.BytesIO()
    torch.save(states, buffer)
    buffer.seek(0)
    for found in (torch.load("some.pt", map_location=torch.device("cpu"), weights_only=True),
                  torch.load(buffer, map_location=lambda storage, loc: storage)):
        assert isinstance(found["array"], np.ndarray) and found["array"].tolist() == [0, 1, 2]
        assert found["names"] == ["a", ("b", None)] and found["epoch"] == 3
        other = nn.LSTM(2, 3)
        print(other.load_state_dict(found["model"]))
        assert all(torch.equal(p, q) for p, q in zip(model.parameters(), other.parameters()))
        torch.optim.Adam(other.parameters()).load_state_dict(found["optimizer"])
"""


def test_saving_and_loading(tmp_path: Path) -> None:
    assert run(SAVING, tmp_path) == "<All keys matched successfully>\n" * 2


PLAIN_VALUES = """
    from argparse import Namespace
    from collections import Counter, deque
    from pathlib import Path
    from types import SimpleNamespace
    import io
    import numpy as np
    import torch

    def saved_and_loaded(obj):
        buffer = io.BytesIO()
        torch.save(obj, buffer)
        buffer.seek(0)
        return torch.load(buffer, weights_only=False)

    for value in (
        Namespace(data=Path("a/b"), lr=0.1, layers=[1, 2]),
        SimpleNamespace(names={"a", "b"}),
        frozenset([(1, 2)]),
        b"bytes",
        1 + 2j,
        Counter("aab"),
        torch.float64,
        torch.device("cpu"),
        {"builtins.set": [1]},
        {"builtins.dict": {"numpy.ndarray": [1]}},
    ):
        found = saved_and_loaded({"value": [value]})["value"][0]
        assert found == value and isinstance(found, type(value)), (found, value)
    queue = saved_and_loaded(deque([1, torch.ones(2)], 3))
    assert queue.maxlen == 3 and queue[1].tolist() == [1.0, 1.0]
    assert saved_and_loaded({"names": Namespace(t=torch.ones(2))})["names"].t.sum() == 2
    for size in range(300):  # a header of some of these sizes starts as a pickle does
        assert saved_and_loaded({"text": "a" * size}) == {"text": "a" * size}
    print("whole")
"""


def test_plain_values_are_saved_and_come_back(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    assert run(PLAIN_VALUES, tmp_path) == python(str(tmp_path / "program.py")) == "whole\n"


def test_a_parameter_pickled_here_is_refused_beside_pytorch(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    saving = """
        import pickle
        import torch
        print(pickle.loads(pickle.dumps(torch.ones(2))))
        with open("some.pkl", "wb") as file:
            pickle.dump(torch.nn.Parameter(torch.ones(2)), file)
    """
    assert run(saving, tmp_path) == "tensor([1., 1.])\n"
    loading = tmp_path / "loading.py"
    loading.write_text("import pickle\npickle.loads(open('some.pkl', 'rb').read())", "utf-8")
    last = python("-W", "ignore", str(loading), folder=tmp_path, code=1).splitlines()[-1]
    assert last.startswith(
        "TypeError: pickle: expected a class of minigrad's, got one of PyTorch's"
    )


def test_what_pytorch_reads_of_a_saved_file(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    run("import torch\ntorch.save(torch.nn.Linear(2, 3).state_dict(), 'some.pt')", tmp_path)
    torch.nn.Linear(2, 3).load_state_dict(load_file(tmp_path / "some.pt"))


FUNCTIONS = """
import torch
from torch.autograd import Function


class Exp(Function):
    @staticmethod
    def forward(ctx, x, k=2.0):
        y = (x * k).exp()
        ctx.k = k
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        print(ctx.needs_input_grad, x.requires_grad)
        return g * y * ctx.k, None


class Several(Function):
    @staticmethod
    def forward(ctx, a, b):
        larger = a > b
        ctx.mark_non_differentiable(larger)
        return a * 2, b * 3, larger

    @staticmethod
    def backward(ctx, ga, gb, gm):
        print(ga.tolist(), gb.tolist(), tuple(gm.shape))
        return ga * 2, gb * 3


class StraightThrough(Function):
    @staticmethod
    def forward(x):
        return x.sign()

    @staticmethod
    def setup_context(ctx, inputs, output):
        (ctx.x,) = inputs

    @staticmethod
    def backward(ctx, g):
        return g * ctx.x


class TooFew(Several):
    @staticmethod
    def backward(ctx, ga, gb, gm):
        return ga


x = torch.tensor([0.5, 1.0], requires_grad=True)
y = Exp.apply(x, 3.0)
print(y.requires_grad, y.is_leaf)
y.sum().backward()
print([round(g, 3) for g in x.grad.tolist()])
a, b = torch.ones(2, requires_grad=True), torch.zeros(2, requires_grad=True)
p, q, larger = Several.apply(a, b)
print(p.requires_grad, q.requires_grad, larger.requires_grad, larger.tolist())
(p * 5).sum().backward()
print(a.grad.tolist(), b.grad.tolist())
x.grad = None
StraightThrough.apply(x - 1).sum().backward()
print(x.grad.tolist())
with torch.no_grad():
    print(Exp.apply(x, 2.0).requires_grad)
try:
    TooFew.apply(a, b)[0].sum().backward()
except RuntimeError:
    print("RuntimeError")
"""


def test_functions_with_a_backward_of_their_own(tmp_path: Path, under_pytorch: Run) -> None:
    ours = run(FUNCTIONS, tmp_path)
    assert ours == under_pytorch(tmp_path / "program.py")
    second = (
        FUNCTIONS.partition("x = torch")[0]
        + """
x = torch.ones(2, requires_grad=True)
torch.autograd.grad(Exp.apply(x).sum(), x, create_graph=True)
"""
    )
    assert "Exp: a second derivative through a torch.autograd.Function" in run(
        second, tmp_path, code=1
    )


def test_a_writer_of_summaries_writes_lines(tmp_path: Path) -> None:
    program = """
        import torch
        from torch.utils.tensorboard import SummaryWriter
        with SummaryWriter(log_dir="here") as writer:
            writer.add_scalar("loss", torch.tensor(0.5), 3)
            writer.add_scalars("both", {"a": 1, "b": 2}, 4)
    """
    assert run(program, tmp_path) == ""
    written = (tmp_path / "here" / "scalars.jsonl").read_text("utf-8").splitlines()
    lines = [json.loads(line) for line in written]
    found = [(line["tag"], line["step"], line["value"]) for line in lines]
    assert found == [("loss", 3, 0.5), ("both/a", 4, 1.0), ("both/b", 4, 2.0)]


OTHER_WORDS = """
    import math
    import torch
    import torch.utils.benchmark
    from torch import nn

    print(torch.finfo(torch.float32).min, torch.finfo().eps, torch.iinfo(torch.int64).max)
    print(torch.inf, torch.pi, torch.nan, torch.e)
    print(torch.zeros(2).type(torch.LongTensor), torch.ByteTensor([0, 1]))
    print(torch.zeros(2).type(torch.FloatTensor).type(), torch.ones(1).new(2, 3).shape)
    model = nn.DataParallel(nn.Linear(2, 1))
    print(model, list(model.state_dict()), model(torch.zeros(3, 2)).shape)
    with torch.inference_mode():
        print(model(torch.ones(1, 2)).requires_grad)
    print(torch.is_tensor(3), torch.is_tensor(torch.ones(1)), torch.numel(torch.ones(2, 3)))
    print(torch.linalg.norm(torch.tensor([3.0, 4.0])), torch.linalg.vector_norm(torch.ones(4), 1))
    torch.set_default_tensor_type("torch.DoubleTensor")
    print(torch.ones(1).double() is not None, torch.Tensor([1]).sum())
    torch.set_default_tensor_type(torch.FloatTensor)
    torch.set_default_dtype(torch.float32)
    for jacobian in (torch.func.jacrev, torch.func.jacfwd):
        print(jacobian(lambda x: x * x)(torch.arange(2.0)))
    both = torch.func.jacrev(lambda x, y: x * y.sum(), (0, 1))(torch.arange(2.0), torch.ones(3))
    print(both, torch.func.hessian(lambda x: x**3)(torch.arange(2.0)))
    times = torch.utils.benchmark.Timer("x + 1", globals={"x": torch.ones(1)}).timeit(3)
    print(times.number_per_run, len(times.times), times.mean == times.median > 0)
    print(torch.utils.benchmark.Timer("1 + 1").blocked_autorange().median < 1)
    print(torch.func.grad_and_value(lambda x: (x * x).sum())(torch.ones(2)))
    print(torch.vmap(torch.dot, (0, None))(torch.ones(2, 3), torch.arange(3.0)))
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    state = torch.get_rng_state()
    first = torch.rand(3)
    torch.set_rng_state(state)
    print(torch.equal(first, torch.rand(3)))
    torch.autograd.backward([(model(torch.ones(1, 2)) * 2).sum()])
    w = nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    v = nn.Parameter(torch.tensor([5.0]))
    flat = nn.utils.parameters_to_vector([w, v])
    flat.sum().backward()
    nn.utils.vector_to_parameters(flat.detach() * 2, [w, v])
    print(w.tolist(), v.tolist(), w.grad.tolist())
"""


def test_other_words_of_torch(tmp_path: Path, under_pytorch: Run) -> None:
    ours = run(OTHER_WORDS, tmp_path)
    assert ours == under_pytorch(tmp_path / "program.py")


def test_anomalies_are_detected_until_it_is_switched_off(tmp_path: Path) -> None:
    program = """
        import torch
        x = torch.zeros(2, requires_grad=True)
        with torch.autograd.set_detect_anomaly(True):
            try:
                x / x
            except FloatingPointError as error:
                print(error)
        torch.autograd.set_detect_anomaly(True)
        torch.autograd.set_detect_anomaly(False)
        import warnings
        warnings.simplefilter("ignore")
        x / x
    """
    assert run(program, tmp_path).startswith("div: the value has 2 NaN")


def test_ways_to_call_it(tmp_path: Path) -> None:
    (tmp_path / "part.py").write_text("import sys, torch\nprint(__name__, sys.argv[1:])", "utf-8")
    command = ("-m", "nn.as_torch")
    assert python(*command, "-m", "part", "a", folder=tmp_path) == "__main__ ['a']\n"
    assert "there is no such file" in python(*command, "none.py", folder=tmp_path, code=2)
    assert "usage" in python(*command, code=2) and "--check" in python(*command, "-h")
    assert "none.py" in python(*command, "--check", "none.py", folder=tmp_path, code=2)
    (tmp_path / "broken.py").write_text("def", "utf-8")
    assert "invalid syntax" in python(*command, "--check", "broken.py", folder=tmp_path, code=2)


PRINTED = """
    import math
    import torch

    T = torch.tensor
    examples = [
        T([1.0, 2.5, -3.25]), T(3.14159265), T([1.0, 2.0, 3.0]), T([1e-5, 1.0]), T([1e9, 1.0]),
        T([0.0, 0.0]), T([math.nan, 1.5]), T([math.inf, -1.0]), T([[1.0, 2.0], [3.0, 40.0]]),
        T([1, 20, -3]), T([True, False]), torch.zeros(0), torch.zeros(2, 0), torch.zeros(0).long(),
        T([1.5]).double(), T([[1.5, 2.0]], requires_grad=True), torch.arange(2000),
        torch.arange(2000.0).reshape(4, 500) / 7, torch.arange(24.0).reshape(2, 3, 4) / 3,
        torch.arange(60.0) / 9, torch.arange(3000.0).reshape(10, 10, 30) / 7,
        torch.arange(40) * 1000, T([1e-3, 999.0]), T([123456.0, 1.0]), T(5), T(5.0),
        T([[1e-8, 2.0]]).double(), torch.zeros(2, 3, dtype=torch.int32), T([100.5, -2.0]),
        T([1e4, 2.25, 1e-2]), torch.nn.Parameter(torch.arange(3.0)), T([[math.nan] * 2]),
        T([[math.inf, 2.0]]), torch.nn.Parameter(T(2.5)), torch.ones(3, 25, requires_grad=True),
    ]
    for example in examples:
        print(example)
        print(f"{example}")
    print(f"{T(2.5):.3f} {T(2.5)} {T(7)} {T(1.0).requires_grad_()}", "{:5d}".format(T(3)))
    for options in ({"precision": 2}, {"profile": "full"}, {"sci_mode": True}, {"profile": "short"},
                    {"linewidth": 40, "edgeitems": 1}):
        torch.set_printoptions(**options)
        print(torch.arange(1100.0) / 4, T([1.0, 2.5]), T([1.2345]))
"""


def test_tensors_are_printed_as_pytorchs(tmp_path: Path, under_pytorch: Run) -> None:
    ours = run(PRINTED, tmp_path)
    assert ours == under_pytorch(tmp_path / "program.py")


REFUSED = {
    "from torch import jit\njit.script(3)": "torch.jit.script is .* nothing is compiled here",
    "from torch.jit import script\n@script\ndef f(x): return x": "torch.jit.script is not supp",
    "import torch.fx.passes as p\nclass A(p.b.C): pass": "torch.fx.passes.b is not supported",
    "from torch.fx import Node\nclass A(Node): pass": "torch.fx.Node is not supported",
    "from torch.profiler import profile\nwith profile: pass": "torch.profiler.profile is not",
    "from torch.hub import load\nif load: pass": "torch.hub.load is not supported",
    "import torch\n@torch.jit.script\ndef f(x): return x": "torch.jit.* is not supported",
    "import torchvision": "torchvision is not supported: .* read the data with NumPy",
    "from torchtext.data import Field": "torchtext is not supported",
    "from torch.cuda.amp import custom_bwd": "torch.cuda.amp.* is not supported: .* leave it out",
    "import torch\ntorch.autocast('cpu')": "torch.amp.autocast is not supported; leave it out",
    "import torch\ntorch.amp.GradScaler('cpu')": "torch.amp.GradScaler is not supported; leave",
    "import torch\ntorch.nn.Tanh().register_backward_hook(print)": "; use register_full_backward",
    "import torch\ntorch.nn.Tanh().half()": "torch.nn.Module.half is not supported",
    "import torch\nw = torch.ones(1)\ntorch.optim.SGD([w]).register_step_post_hook(print)": (
        "torch.optim.Optimizer.register_step_post_hook is not supported"
    ),
    "import torch\ntorch.ones(1).logit()": "torch.Tensor.logit is not supported",
    "import torch\ntorch.det(torch.zeros(2, 2, requires_grad=True))": "^det: the gradient of",
    "import torch\ntorch.optim.SparseAdam([])": "SparseAdam .*; use torch.optim.Adam",
    "import torch\ntorch.sparse.FloatTensor(2)": "torch.sparse .*; use a dense matrix",
    "import torch\ntorch.ones(2).to_sparse()": "to_sparse .*; leave it out",
    "import torch\ntorch.ones(2, dtype=torch.float16)": "torch.float16 .*; use torch.float32",
    "import torch\ntorch.ones(2).to(torch.bfloat16)": "torch.bfloat16 .*; use torch.float32",
    "import torch\ntorch.nn.Linear(1, 1, dtype=torch.half)": "torch.half .*; use torch.float32",
    "import torch\ntorch.ones(2).reinforce(1)": "torch.Tensor.reinforce .*Categorical",
    "import torch.distributed as dist\ndist.init_process_group()": "group is .* in one process",
    "import torch\ntorch.onnx.export()": "torch.onnx.export is .* --check program.py",
}


def test_what_is_not_there_is_refused_in_a_sentence(tmp_path: Path) -> None:
    attempts = f"""
        for program in {list(REFUSED)}:
            try:
                exec(program)
            except NotImplementedError as error:
                print(error)
            else:
                print("taken")
    """
    lines = run(attempts, tmp_path).splitlines()
    for line, (program, expected) in zip(lines, REFUSED.items(), strict=True):
        assert re.search(expected, line), f"{program}: {line}"


IMPORTED_AND_NOT_USED = """
    import torch.distributed as dist, torch.multiprocessing, torch.utils.data.distributed
    import torch.nn.parallel
    from torch import fx, jit
    from torch.jit import ScriptModule, script, trace
    from torch.nn.parallel import DistributedDataParallel
    from torch.optim.adam import Adam
    from torch.utils.checkpoint import checkpoint
    from torch.utils.data.distributed import DistributedSampler
    import torch

    model = torch.nn.Linear(2, 2)
    print(isinstance(model, DistributedDataParallel), isinstance(model, ScriptModule))
    print(torch.nn.parallel.DataParallel is torch.nn.DataParallel)
    print(Adam is torch.optim.Adam, torch.distributed.is_initialized() or dist.is_initialized())
"""


def test_what_is_not_there_can_be_imported(tmp_path: Path, under_pytorch: Run) -> None:
    ours = run(IMPORTED_AND_NOT_USED, tmp_path)
    assert ours == under_pytorch(tmp_path / "program.py")


MIXED_PRECISION = """
    import torch
    from torch.cuda.amp import GradScaler, autocast

    model = torch.nn.Linear(2, 1)
    torch.nn.init.ones_(model.weight), torch.nn.init.zeros_(model.bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for scaler in (GradScaler(), GradScaler(enabled=False), torch.amp.GradScaler(enabled=False)):
        scaler.load_state_dict(scaler.state_dict())
        with autocast(), torch.autocast("cuda", dtype=torch.float32):
            loss = (model(torch.ones(3, 2)) ** 2).mean()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        print(loss.dtype, loss.item(), scaler.is_enabled(), scaler.get_scale())

    @torch.autocast("cpu", enabled=False)
    def double(x):
        return 2 * x

    print(double(model.weight).tolist())
"""


def test_mixed_precision_is_switched_off_where_there_is_no_gpu(
    tmp_path: Path, under_pytorch: Run
) -> None:
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(MIXED_PRECISION), "utf-8")
    ours = python("-W", "ignore", "-m", "nn.as_torch", str(path))
    assert ours == under_pytorch(path)


INTO_A_TENSOR = """
    import torch

    x = torch.arange(6.0).reshape(2, 3)
    product, empty = torch.zeros(2, 2), torch.empty(0)
    print(torch.matmul(x, x.T, out=product) is product, product)
    print(torch.add(x, 1, out=empty) is empty, empty.shape, empty.tolist())
    wide = torch.zeros(2, 3, dtype=torch.float64)
    print(torch.mul(x, 0.5, out=wide), torch.cat([x, x], out=torch.empty(0)).shape)
    print(torch.sub(x, 1, out=None).shape)
    w = torch.ones(3, requires_grad=True)
    for function in (
        lambda: torch.exp(w, out=torch.empty(3)),
        lambda: torch.exp(x, out=w),
        lambda: torch.mul(x, 0.5, out=torch.zeros(2, 3, dtype=torch.int64)),
        lambda: torch.sum(x, 1, out=3),
    ):
        try:
            print(function())
        except (RuntimeError, TypeError) as error:
            print(type(error).__name__)
"""


def test_a_value_is_written_into_a_given_tensor(tmp_path: Path, under_pytorch: Run) -> None:
    ours = run(INTO_A_TENSOR, tmp_path)
    assert ours == under_pytorch(tmp_path / "program.py")
    program = "import torch\ntorch.exp(torch.ones(3), out=torch.ones(2))"
    refused = run(program, tmp_path, code=1)
    assert "exp: expected out of shape (3,), got torch.float32(2,)" in refused


GRAPH = """
    import torch

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (x * 3).exp().sum()
    print(y.grad_fn.name(), y.grad_fn == y.grad_fn, y.grad_fn == x.exp().grad_fn)
    function, place = y.grad_fn.next_functions[0]
    print(function.name(), place, function.next_functions[0][0].name())
    (leaf, place), constant = function.next_functions[0][0].next_functions
    print(leaf.name(), place, constant, leaf.variable is x, leaf.next_functions)
    print(str(leaf).split(" at ")[0], str(function).split(" at ")[0])
    parts = torch.ones(4, requires_grad=True).exp().split(2)
    print((parts[1] * 1).grad_fn.next_functions[0][1], len({leaf, function}))
    w = (x * 2).mul_(torch.ones(2)).grad_fn
    print(w.next_functions[0][0].name(), w.next_functions[0][0].next_functions[0][0] == leaf)
"""


def test_the_graph_behind_a_value(tmp_path: Path, under_pytorch: Run) -> None:
    ours = run(GRAPH, tmp_path)
    assert ours == under_pytorch(tmp_path / "program.py")


def test_a_stand_in_beside_a_program_is_taken(tmp_path: Path) -> None:
    (tmp_path / "torchvision.py").write_text("digits = [3, 1]", "utf-8")
    assert run("import torchvision\nprint(torchvision.digits)", tmp_path) == "[3, 1]\n"


SECOND_NAMES = """
import copy
import pickle

import torch
from torch.distributions import Bernoulli, Categorical, Normal, kl_divergence
from torch.distributions.bernoulli import Bernoulli as TheSame
from torch.distributions.distribution import Distribution
from torch.distributions.kl import kl_divergence as the_same
from torch.functional import F
from torch.nn.modules.linear import Linear, NonDynamicallyQuantizableLinear
from torch.nn.modules.rnn import LSTM
from torch.optim.lr_scheduler import _LRScheduler
from torch.optim.optimizer import Optimizer

x = torch.zeros(2, dtype=torch.float64)
print(x.dtype, [x.dtype], f"{x.dtype}", x, type(x.dtype), torch.get_default_dtype())
print(x.dtype == torch.float64, x.dtype is torch.double, isinstance(x.dtype, torch.dtype))
print({torch.float32: 1}[torch.zeros(1).dtype], torch.float32.is_floating_point, torch.long)
print(x.to(torch.float32).dtype, x.type(torch.long).dtype, torch.tensor([1]).to(x.dtype).dtype)
print(copy.deepcopy(torch.float32) is torch.float32)
print(pickle.loads(pickle.dumps(torch.int64)) is torch.int64)
print(torch.finfo(torch.float32), torch.iinfo(torch.int64))
parameter = torch.nn.Parameter(x)
print(type(x), type(parameter), type(pickle.loads(pickle.dumps(parameter))), type(x.sum()))

x = torch.ones(2, 3, requires_grad=True)
results = [x + 1, x * 2, x.sum(), x @ x.detach().t(), x.view(-1), x[0], x.unsqueeze(0), -x, x.exp()]
results += [x.relu(), torch.cat([x, x]), x.tanh(), x**2, x - 1, torch.stack([x, x])]
for y in results:
    print(y, str(y.grad_fn).split()[0].strip("<>"))
print(x.grad_fn, x.detach().grad_fn)

ones = torch.ones(2)
print(torch.zeros(2).add(2, ones), torch.add(ones, 3, ones), torch.zeros(2).sub_(2, ones))
print(torch.zeros(2).add_(ones, alpha=2), torch.sub(ones, ones, alpha=2), ones.add(1))
print(torch.dist(torch.ones(2, 2), torch.zeros(2, 2)), ones.dist(torch.zeros(2), 1))
print(ones.new().resize_((4, 1)).shape, torch.arange(6).resize_(2, 2))
for refused in (torch.ones(2, requires_grad=True), torch.ones(2, 2)[0].detach()):
    try:
        refused.resize_(3) if refused.requires_grad else print("a view")
    except RuntimeError:
        print("RuntimeError")

layer = torch.nn.LazyLinear(4)
print(layer, list(layer.parameters()))
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
with torch.no_grad():
    layer(torch.ones(2, 3))
print(layer, layer.weight.shape, type(layer) is Linear)
layer(torch.ones(2, 3)).sum().backward()
before = layer.bias.detach().clone()
optimizer.step()
print(before - layer.bias.detach())
print(torch.nn.LazyConv1d(3, 2), torch.nn.LazyConv2d(3, 2)(torch.ones(1, 2, 5, 5)).shape)
print(torch.nn.LazyBatchNorm1d()(torch.ones(4, 3)).shape)
print(NonDynamicallyQuantizableLinear(1, 2).bias.shape)

lstm = LSTM(2, 3, 2, bidirectional=True)
print(lstm._flat_weights_names, lstm._all_weights, torch.nn.GRU(2, 3, bias=False)._all_weights)
print([[tuple(w.shape) for w in run] for run in lstm.all_weights])
print(lstm.__getattr__("bias_hh_l1_reverse").shape, hasattr(lstm, "weight"))
print(torch.nn.init._calculate_fan_in_and_fan_out(torch.zeros(3, 4, 5)))
print(isinstance(torch.nn.BatchNorm2d(2), torch.nn.modules.batchnorm._BatchNorm))
print(isinstance(torch.nn.Conv1d(2, 2, 1), torch.nn.modules.conv._ConvNd))
print(Optimizer is torch.optim.Optimizer)
print(issubclass(_LRScheduler, torch.optim.lr_scheduler.LRScheduler))
print(torch.nn.functional.dropout2d(torch.ones(2, 3), training=False))

probs = torch.tensor([[0.2, 0.3, 0.5], [0.5, 0.5, 1.0]], requires_grad=True)
c = Categorical(probs)
print(c.log_prob(torch.tensor([1, 2])).detach(), c.entropy().detach(), c.sample().shape)
print(c.sample((5, 4)).shape, c.sample((5,)).dtype, c.logits.detach(), c.probs.detach())
(c.log_prob(torch.tensor([1, 2])).sum() + c.entropy().sum()).backward()
print(probs.grad)
c = Categorical(logits=torch.tensor([1.0, 2.0, 3.0]))
print(c.log_prob(torch.tensor([[1], [2]])), c.entropy(), c.sample().shape)
n = Normal(0.0, torch.tensor([1.0, 2.0]))
print(n.log_prob(torch.tensor([0.5, 1.0])), n.entropy(), n.sample((3,)).shape, n.variance)
print(n.cdf(torch.tensor([0.5, -1.0])))
print(kl_divergence(n, Normal(torch.ones(2), torch.ones(2))), Normal(0.0, 1.0).rsample().shape)
print(TheSame is Bernoulli, the_same is kl_divergence, issubclass(Normal, Distribution))
print(torch.softmax(probs, 1, torch.float64), probs.softmax(0, torch.float64))
print(torch.nn.PReLU().state_dict(), F is torch.nn.functional)
b = Bernoulli(torch.tensor([0.3, 0.9]))
print(b.log_prob(torch.tensor([0.0, 1.0])), b.entropy(), b.sample((3,)).shape)
print(kl_divergence(b, Bernoulli(logits=torch.tensor([0.5, 1.0]))))
for wrong in (dict(), dict(probs=ones, logits=ones), dict(probs=torch.tensor([-1.0, 2.0]))):
    try:
        Categorical(**wrong)
    except ValueError:
        print("ValueError")
"""


def test_second_names_lazy_layers_and_distributions(tmp_path: Path, under_pytorch: Run) -> None:
    ours = run("import warnings\nwarnings.simplefilter('ignore')\n" + SECOND_NAMES, tmp_path)
    assert ours == under_pytorch(tmp_path / "program.py")


DISTRIBUTIONS = """
import torch
from torch.distributions import MultivariateNormal, Uniform

torch.manual_seed(0)
a = torch.tensor([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.5]], requires_grad=True)
mean = torch.tensor([0.5, -1.0, 2.0], requires_grad=True)
d = MultivariateNormal(mean, a)
value = torch.tensor([[0.1, 0.2, 0.3], [1.0, 2.0, 3.0]])
print(d, d.batch_shape, d.event_shape, d.log_prob(value).detach(), d.entropy().detach())
(d.log_prob(value).sum() + d.entropy() + d.scale_tril.sum()).backward()
print(a.grad, mean.grad)
print(d.mean.detach(), d.variance.detach(), d.covariance_matrix.detach())
print(d.sample().shape, d.sample((5, 2)).shape, d.rsample().requires_grad, d.sample().requires_grad)
many = MultivariateNormal(torch.zeros(4, 2), torch.eye(2))
print(many.batch_shape, many.log_prob(torch.ones(2)), many.sample((3,)).shape, many.entropy())
lower = MultivariateNormal(torch.zeros(2), scale_tril=torch.tensor([[1.0, 0.0], [0.5, 2.0]]))
print(lower.log_prob(torch.ones(3, 2)), lower.covariance_matrix)
m = torch.tensor([[0.0, 2.0, 1.0], [3.0, 0.5, -1.0], [1.0, 1.0, 4.0]], requires_grad=True)
print(torch.det(m).detach(), torch.inverse(m).detach(), torch.linalg.inv(m.detach()[None]))
(m.det() * torch.linalg.det(m * m) / 500 + m.inverse().exp().sum()).backward()
print(m.grad, torch.det(torch.ones(2, 4, 4)), torch.det(-torch.eye(3).flip(0)))
for wrong in (torch.ones(2, 3), torch.ones(2, 2)):
    try:
        print(torch.inverse(wrong))
    except RuntimeError:
        print("RuntimeError")
u = Uniform(torch.tensor([0.0, 1.0]), 3.0)
print(u.log_prob(torch.tensor([0.0, 2.0])), u.entropy(), u.mean, u.variance)
print(u.cdf(torch.tensor([1.0, 2.5])), u.sample((4,)).shape, Uniform(0.0, 2.0).rsample().shape)
free = Uniform(0.0, 1.0, validate_args=False)
print(free.log_prob(torch.tensor([-1.0, 0.5, 1.0])), free.cdf(torch.tensor([-1.0, 2.0])))
for wrong in (
    lambda: MultivariateNormal(torch.zeros(2)),
    lambda: MultivariateNormal(torch.zeros(2), torch.eye(2), scale_tril=torch.eye(2)),
    lambda: MultivariateNormal(torch.zeros(2), -torch.eye(2)),
    lambda: MultivariateNormal(torch.zeros(2), scale_tril=-torch.eye(2)),
    lambda: MultivariateNormal(torch.tensor(0.0), torch.eye(2)),
    lambda: Uniform(1.0, 0.0),
    lambda: Uniform(0.0, 1.0).log_prob(torch.tensor(2.0)),
):
    try:
        print(wrong())
    except ValueError:
        print("ValueError")
"""


FLOWS = """
import torch
from torch.distributions import MultivariateNormal, Normal, TransformedDistribution, Uniform
from torch.distributions.transforms import (
    AffineTransform, ComposeTransform, ExpTransform, SigmoidTransform, TanhTransform, Transform
)

loc = torch.tensor([0.5, -1.0], requires_grad=True)
log_scale = torch.tensor([0.1, 0.3], requires_grad=True)
base = Normal(torch.zeros(2), torch.ones(2))
affine = AffineTransform(loc, log_scale.exp())
values = torch.tensor([[0.2, 0.7], [0.9, 0.4]])
for transforms in (
    affine,
    [affine, ExpTransform()],
    [affine, TanhTransform(cache_size=1)],
    [affine, SigmoidTransform()],
    [ComposeTransform([affine, TanhTransform()]), AffineTransform(0.5, 2.0)],
    [SigmoidTransform().inv, affine],
    [ExpTransform().inv.inv],
    [],
):
    d = TransformedDistribution(base, transforms)
    p = d.log_prob(values)
    print(d.batch_shape, d.event_shape, p.detach(), d.sample((3,)).shape, d.rsample().requires_grad)
    p.sum().backward(retain_graph=True) if p.requires_grad else None
print(loc.grad, log_scale.grad)
parts = [SigmoidTransform().inv, AffineTransform(1.0, 2.0)]
logistic = TransformedDistribution(Uniform(0.0, 1.0), parts)
print(logistic.log_prob(torch.tensor([0.0, 1.0, 5.0])))
flow = TransformedDistribution(MultivariateNormal(torch.zeros(2), torch.eye(2)), [affine])
print(flow.batch_shape, flow.event_shape, flow.log_prob(values).detach(), flow.sample((4,)).shape)

class Cube(Transform):
    bijective = True

    def _call(self, x):
        return x**3

    def _inverse(self, y):
        return y.sign() * y.abs() ** (1 / 3)

    def log_abs_det_jacobian(self, x, y):
        return (3 * x**2).log()

cube = Cube()
print(cube.inv(cube(values)), cube.inv.log_abs_det_jacobian(values, cube.inv(values)))
normal = Normal(torch.tensor([20.0]), torch.tensor([0.1]))
actor = TransformedDistribution(normal, TanhTransform(cache_size=1))
action = actor.rsample()
print(action, torch.isfinite(actor.log_prob(action)))
both = ComposeTransform([affine, ExpTransform()])
print(both.inv(both(values)).detach(), both.log_abs_det_jacobian(values, both(values)).detach())
"""


def test_transformed_distributions(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    ours = run(FLOWS.replace("bijective = True", "domain = codomain = None"), tmp_path)
    program = tmp_path / "program.py"
    program.write_text(
        FLOWS.replace(
            "bijective = True",
            "bijective = True; domain = codomain = torch.distributions.constraints.real",
        ),
        "utf-8",
    )
    assert ours == python("-W", "ignore", str(program))
    program.write_text(REFUSED_FLOWS, "utf-8")
    assert run(REFUSED_FLOWS, tmp_path).splitlines() == [
        "AffineTransform: event_dim is not supported; sum log_prob over those dimensions",
        "TransformedDistribution: a transform that widens the shape is not supported; give the "
        "base distribution that shape",
        "TransformedDistribution: expected a list of transforms, got 3",
        "TransformedDistribution: expected a distribution, got 3",
        "ExpTransform: expected cache_size 0 or 1, got 2",
    ]


REFUSED_FLOWS = """
import torch
from torch.distributions import Normal, TransformedDistribution
from torch.distributions.transforms import AffineTransform, ExpTransform
for wrong in (
    lambda: AffineTransform(0.0, 1.0, event_dim=1),
    lambda: TransformedDistribution(Normal(0.0, 1.0), AffineTransform(torch.zeros(3), 1.0)),
    lambda: TransformedDistribution(Normal(0.0, 1.0), 3),
    lambda: TransformedDistribution(3, ExpTransform()),
    lambda: ExpTransform(cache_size=2),
):
    try:
        print(wrong())
    except (TypeError, ValueError, NotImplementedError) as error:
        print(error)
"""


def test_distributions_over_vectors_and_intervals(tmp_path: Path, under_pytorch: Run) -> None:
    ours = run(DISTRIBUTIONS, tmp_path)
    assert ours == under_pytorch(tmp_path / "program.py")
    program = """
        import torch
        from torch.distributions import MultivariateNormal
        MultivariateNormal(torch.zeros(2), precision_matrix=torch.eye(2))
    """
    assert "precision_matrix is not supported; give its inverse" in run(program, tmp_path, code=1)


INDEPENDENT = """
import torch
from torch.distributions import Bernoulli, Independent, MultivariateNormal, Normal, kl_divergence
from torch.distributions import TransformedDistribution, Uniform
from torch.distributions.independent import Independent as Same
from torch.distributions.transforms import AffineTransform

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
print(Same is Independent)
loc = torch.linspace(-1, 1, 12).view(2, 3, 2).requires_grad_()
scale = torch.linspace(0.5, 2, 12).view(2, 3, 2)
other = Normal(torch.zeros(2, 3, 2), torch.ones(2, 3, 2))
value = torch.linspace(-2, 2, 12).view(2, 3, 2)
for count in (0, 1, 2, 3):
    d = Independent(Normal(loc, scale), count)
    print(d.batch_shape, d.event_shape, d.reinterpreted_batch_ndims, d.log_prob(value).detach())
    print(d.entropy().detach(), kl_divergence(d, Independent(other, count)).detach())
    loc.grad = None
    (d.log_prob(value) ** 2).sum().backward()
    print(loc.grad)
    print(d.sample((4,)).shape, d.sample().requires_grad, d.rsample((4, 1)).requires_grad)
print(torch.equal(d.mean, loc), torch.equal(d.variance, scale**2), torch.equal(d.stddev, scale))
print(Independent(Bernoulli(torch.full((3, 2), 0.3)), 1).log_prob(torch.ones(3, 2)))
rows = Independent(MultivariateNormal(torch.zeros(4, 2), torch.eye(2)), 1)
print(rows.batch_shape, rows.event_shape, rows.log_prob(torch.ones(4, 2)), rows.sample().shape)
twice = Independent(Independent(Uniform(torch.zeros(3, 2), 2.0), 1), 1)
print(twice.event_shape, twice.log_prob(torch.ones(5, 3, 2)))
base = Independent(Normal(torch.zeros(3), 1.0), 1)
flow = TransformedDistribution(base, AffineTransform(1.0, 2.0))
print(flow.log_prob(torch.ones(4, 3)))
for wrong in (
    lambda: Independent(other, 4),
    lambda: Independent(Bernoulli(torch.ones(2) / 2), 1).rsample(),
    lambda: kl_divergence(Independent(other, 1), Independent(other, 2)),
    lambda: kl_divergence(Independent(other, 1), other),
):
    try:
        print(wrong())
    except (NotImplementedError, ValueError) as error:
        print(type(error).__name__)
"""


def test_independent_numbers_as_one_sample(tmp_path: Path, under_pytorch: Run) -> None:
    ours = run(INDEPENDENT, tmp_path)
    assert ours == under_pytorch(tmp_path / "program.py")
    program = """
        import torch
        from torch.distributions import Independent, Normal
        for base, count in ((3, 1), (Normal(torch.zeros(2), 1.0), -1), (Normal(0.0, 1.0), 1)):
            try:
                Independent(base, count)
            except (TypeError, ValueError) as error:
                print(error)
        print(Independent(Normal(torch.zeros(2), 1.0), 1))
    """
    assert run(program, tmp_path).splitlines() == [
        "Independent: expected a distribution as base, got 3",
        "Independent: expected reinterpreted_batch_ndims of at least 0, got -1",
        "Independent: expected reinterpreted_batch_ndims up to 0, the base's dimensions, got 1",
        "Independent(Normal(batch_shape: (2,)), 1)",
    ]


BAGS = """
import torch
import torch.nn as nn
import torch.nn.functional as F
weights = torch.linspace(-2, 3, 21).sin().view(7, 3)
ids, offsets = torch.tensor([1, 2, 2, 4, 6, 5]), torch.tensor([0, 2, 2, 5])
factors = torch.tensor([1.0, 2.0, 0.5, -1.0, 3.0, 1.0])
for mode in ("sum", "mean", "max"):
    for padding in (None, 2):
        w = weights.clone().requires_grad_()
        y = F.embedding_bag(ids, w, offsets, mode=mode, padding_idx=padding)
        (y * torch.arange(12.0).view(4, 3)).sum().backward()
        print(mode, padding, y.detach(), w.grad)
        print(F.embedding_bag(ids.view(2, 3), w, mode=mode, padding_idx=padding).detach())
print(F.embedding_bag(ids, weights, offsets, mode="sum", per_sample_weights=factors))
print(F.embedding_bag(ids, weights, torch.tensor([0, 2, 6]), include_last_offset=True))
print(F.embedding_bag(ids, weights.clone(), offsets, max_norm=1.0))
layer = nn.EmbeddingBag(7, 3, sparse=True, mode="sum")
layer.weight.data.copy_(weights)
print(layer, layer(ids, offsets).detach(), list(layer.state_dict()))
print(nn.EmbeddingBag(7, 3, padding_idx=1))
fixed = nn.EmbeddingBag.from_pretrained(weights, True, 1.0, mode="sum")
print(fixed, fixed.weight.requires_grad, fixed(ids.view(2, 3)))
for wrong in ((ids, weights), (ids.view(2, 3), weights, offsets), (ids, weights, offsets + 1)):
    try:
        F.embedding_bag(*wrong)
    except (ValueError, RuntimeError):
        print("refused")
"""


def test_bags_of_embeddings(tmp_path: Path, under_pytorch: Run) -> None:
    ours = run(BAGS, tmp_path)
    assert ours == under_pytorch(tmp_path / "program.py")


CHECKED = """
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim, jit
from torch.nn import Conv3d as Convolution
from torch.utils import data
from beside import helper

for data in ():
    data.to("cpu")

class Model(nn.Module):
    def forward(self, x):
        x = F.relu(x.view(-1)).erfinv_()
        return torch.fft.rfft(x) + nn.functional.conv3d(x, x)
"""


def test_check_lists_what_is_missing(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(CHECKED, "utf-8")
    (tmp_path / "beside.py").write_text("from torch.distributed import init\nhelper = 1", "utf-8")
    printed = python("-m", "nn.as_torch", "--check", str(program), code=1).splitlines()
    missing = [line.split()[1] for line in printed if line.startswith("missing")]
    expected = """
        Tensor.erfinv_ torch.distributed.init torch.fft.rfft torch.jit torch.nn.Conv3d
        torch.nn.functional.conv3d
    """
    assert missing == expected.split()
    assert "ok       torch.nn.functional.relu                     program.py:15" in printed
    assert printed[-1].endswith("6 of them are missing")
    program.write_text("import torch\ntorch.zeros(2).sum()", "utf-8")
    assert "0 of them are missing" in python("-m", "nn.as_torch", "--check", str(program))


def test_check_reads_a_notebook(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["torch.nonsense"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import torch\n", "!ls"]},
        {"cell_type": "code", "source": "if True:\n    %time\n    torch.fft.fft(torch.ones(2))"},
    ]
    notebook = tmp_path / "some.ipynb"
    notebook.write_text(json.dumps({"cells": cells}), "utf-8")
    printed = python("-m", "nn.as_torch", "--check", str(notebook), code=1)
    assert "missing  torch.fft.fft" in printed and "nonsense" not in printed
    refused = python("-m", "nn.as_torch", str(notebook), code=2)
    assert "got a notebook; write `import nn.as_torch` in its first cell" in refused


def test_its_doctests() -> None:
    assert (
        python("-c", "import doctest, nn.as_torch as t; assert doctest.testmod(t) == (0, 2)") == ""
    )
