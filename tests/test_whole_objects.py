"""Whole modules, optimizers and other objects in files of `torch.save`, in pickles and in copies.

The programs print the same under PyTorch.
"""

import copy
import itertools
import pickle
import re
import textwrap
from pathlib import Path
from typing import Any

from under_pytorch import Run

import minigrad as mg
import nn
from minigrad import hooks as hooks_module

PROGRAM = """
    import copy
    import io
    import pickle
    from collections import OrderedDict, namedtuple
    import numpy as np
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_sequence

    Pair = namedtuple("Pair", "first second")

    def double(module, inputs, output):
        return 2 * output

    def before(module, inputs):
        return (inputs[0] + 1,)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Embedding(3, 4)
            self.rnn = nn.LSTM(4, 4, num_layers=2, bidirectional=True)
            self.decoder = nn.Linear(4, 3, bias=False)
            self.decoder.weight = self.encoder.weight
            self.frozen = nn.Parameter(torch.arange(2.0), requires_grad=False)
            self.register_buffer("mask", torch.ones(3, 3).tril())
            self.register_buffer("steps", torch.tensor(7), persistent=False)
            self.rows = [self.mask[0], self.mask]
            self.names = {"vocabulary": ["a", "b"], "pair": Pair(1, torch.ones(2))}
            self.encoder.register_forward_hook(double)
            self.encoder.register_forward_pre_hook(lambda_free)

        def forward(self, x):
            h, _ = self.rnn(self.encoder(x))
            return self.decoder(h[..., :4])

    def lambda_free(module, inputs):
        return None

    def through_file(obj, **settings):
        buffer = io.BytesIO()
        torch.save(obj, buffer)
        buffer.seek(0)
        return torch.load(buffer, **settings)

    def trusted(obj):
        return through_file(obj, weights_only=False)

    def pickled(obj):
        return pickle.loads(pickle.dumps(obj))

    x = torch.tensor([[0, 1], [2, 0]])
    for again in (trusted, pickled, copy.deepcopy):
        net = Net().eval()
        net.decoder.weight.tag = "tied"
        twin = again(net)
        print(type(twin) is Net, twin.training, torch.equal(twin(x), net(x)))
        print(twin.decoder.weight is twin.encoder.weight, twin.frozen.requires_grad)
        print([(name, p.requires_grad) for name, p in twin.named_parameters()])
        print([name for name, _ in twin.named_buffers()], list(twin.state_dict())[-1])
        print(twin.names, twin.steps, twin.names["pair"].second)
        twin.train()
        with torch.no_grad():
            twin.encoder.weight.zero_()
        print(twin(x).abs().sum().item(), net.training, net.decoder.weight.abs().sum() > 0)
        twin.encoder.register_forward_hook(double)  # the others stay
        with torch.no_grad():
            twin.encoder.weight.fill_(1)
        print(twin.encoder(torch.tensor([0])).tolist())

        model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
        def step(model, optimizer, scheduler):
            optimizer.zero_grad()
            model(torch.eye(2)).pow(2)[0].sum().backward()
            optimizer.step()
            scheduler.step()
        step(model, optimizer, scheduler)
        parts = again({"model": model, "optimizer": optimizer, "scheduler": scheduler, "epoch": 3})
        step(model, optimizer, scheduler)
        step(parts["model"], parts["optimizer"], parts["scheduler"])
        print(parts["epoch"], parts["scheduler"].get_last_lr(), parts["model"][0].weight.grad.shape)
        print(torch.allclose(parts["model"][0].weight, model[0].weight))
        alone = again(optimizer)
        print(alone.param_groups[0]["params"][0] is model[0].weight, len(alone.state))

        leaf = torch.ones(2, requires_grad=True)
        leaf.tag = "mine"
        found = again([leaf, nn.Parameter(torch.ones(1)), torch.Size([1, 2]), torch.float64,
                       torch.device("cpu"), torch.arange(3)])
        print(found, found[0].is_leaf, type(found[1]))
        packed = again(pack_sequence([torch.arange(3.0), torch.ones(1)]))
        print(type(packed).__name__, packed.data, packed.batch_sizes, packed.sorted_indices)
        source = torch.Generator().manual_seed(3)
        torch.rand(2, generator=source)
        other = again(source)
        same = torch.rand(3, generator=source) == torch.rand(3, generator=other)
        print(other.initial_seed(), same.all())
        print(again(leaf).tag, again(nn.Parameter(torch.ones(2))).grad, again(Pair(1, 2)))
        print(again(torch.arange(6.0).view(2, 3).t()).tolist())
        print(again(torch.ones(1, 2).expand(3, 2)).tolist(), again(torch.zeros(0, 3)).shape)

    class Box:
        pass

    box = Box()
    box.complex, box.objects = np.array([1 + 2j]), np.array(["a", None], dtype=object)
    box.every_second, box.strided = torch.arange(12.0).view(3, 4)[:, ::2], np.arange(6.0)[::2]
    fortran = torch.from_numpy(np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    box.views = [fortran, fortran[:, 1:], fortran[0]]
    box.apart = torch.from_numpy(np.arange(10.0)[::2])
    box.part = box.apart[1:]
    box.key = {(1, "a"): 2, 3.5: torch.ones(1), Box: 1}
    box.itself = box
    found = trusted(box)
    found.views[1][0, 0] = found.part[0] = 9
    print(found.complex, found.objects, found.every_second, found.strided, found.views)
    print(found.apart, found.key, found.itself is found, type(trusted([box])[0]) is Box)
    cycle = []
    cycle.append(cycle)
    found = trusted(cycle)
    print(found[0] is found, trusted({(1, "a"): 2, 3.5: torch.ones(1)}), trusted({Pair: 1}))

    # Memory that was shared is shared again.
    net = trusted(Net())
    net.rows[0].fill_(9)
    print(net.rows[1], net.mask is net.rows[1])
    total = (net.encoder.weight * 2).sum()
    print(trusted({"loss": total, "class": Net})["loss"].requires_grad, trusted(total).is_leaf)

    for weights_only in (None, True):
        for obj in (net, {"epoch": 1, "model": net}, Pair(1, 2), Net):
            try:
                through_file(obj, weights_only=weights_only)
            except pickle.UnpicklingError as error:
                print("refused")
    with torch.serialization.safe_globals([Pair]):
        print(through_file(Pair(1, torch.ones(2))), Pair in torch.serialization.get_safe_globals())
    print(Pair in torch.serialization.get_safe_globals())
    torch.serialization.add_safe_globals([(Pair, "__main__.Pair")])
    print(through_file({"pair": Pair(1, 2)}))
    torch.serialization.clear_safe_globals()
    print(torch.serialization.get_safe_globals())
    plain = through_file({"weight": nn.Parameter(torch.ones(1)), "shape": torch.Size([2])})
    print(plain, isinstance(plain["shape"], torch.Size))
    try:
        through_file([1], weights_only=True, pickle_module=pickle)
    except RuntimeError:
        print("a pickle_module and weights_only")
    print(through_file(Pair(1, 2), pickle_module=pickle))
    for obj in (lambda: 1, nn.Sequential(nn.Tanh(), nn.Softmax(dim=1)).append(nn.Tanh())):
        try:
            if isinstance(obj, nn.Module):
                obj[0].register_forward_hook(lambda *arguments: None)
            torch.save(obj, "never.pt")
        except (pickle.PicklingError, AttributeError):
            print("not pickled")
"""


def written(program: str, path: Path) -> Path:
    """A program in a file, which runs in the folder of that file."""
    start = f"import os\nos.chdir({str(path.parent)!r})\n"
    path.write_text(start + textwrap.dedent(program), "utf-8")
    return path


def test_whole_objects_come_back_as_under_pytorch(
    tmp_path: Path, under_pytorch: Run, under_as_torch: Run
) -> None:
    program = written(PROGRAM, tmp_path / "program.py")
    ours = under_as_torch(program)
    assert ours.count("refused") == 8 and not (tmp_path / "never.pt").exists()
    assert ours == under_pytorch(program)


SAVES = """
    import torch
    class Net(torch.nn.Linear):
        pass
    net = Net(2, 1)
    torch.nn.init.ones_(net.weight)
    torch.nn.init.zeros_(net.bias)
    torch.save(net, "net.pt")
"""
LOADS = """
    import torch
    def attempt(**settings):
        try:
            print(torch.load("net.pt", **settings)(torch.ones(1, 2)).item())
        except Exception as error:
            print(type(error).__name__, error)
    attempt(weights_only=False)
    class Net(torch.nn.Linear):
        pass
    attempt(weights_only=False)
    attempt(weights_only=False, map_location="cpu")
    attempt()
    os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"
    attempt()
    content = open("net.pt", "rb").read()
    for broken in (content[:-1], content[:40], content[:-9] + b"!" + content[-8:]):
        open("net.pt", "wb").write(broken)
        attempt(weights_only=False)
"""


def test_another_program_reads_a_module_if_it_has_the_class(
    tmp_path: Path, under_as_torch: Run
) -> None:
    under_as_torch(written(SAVES, tmp_path / "saves.py"))
    lines = under_as_torch(written(LOADS, tmp_path / "loads.py")).splitlines()
    lacking, found, placed, refused, forced, *broken = lines
    assert lacking.startswith("AttributeError torch.load: 'net.pt' needs __main__.Net, which")
    assert found == placed == forced == "2.0"
    assert refused == (
        "UnpicklingError torch.load: 'net.pt' holds whole objects: reading it would run code that "
        "it names, such as __main__.Net; if you trust it, pass weights_only=False, or say what may "
        "be run: torch.serialization.add_safe_globals([Net])"
    )
    assert len(broken) == 3
    for line in broken:
        assert line.startswith("ValueError load: 'net.pt' is damaged, or no file of tensors")


ATTACKS = """
    import collections, pickle, zipfile
    import numpy as np
    import torch
    from nn import io

    def reduced(function, *arguments):
        class Attack:
            def __reduce__(self):
                return function, arguments
        return pickle.dumps(Attack())

    known = b"cminigrad.convert\\n_rebuild\\n"
    attacks = {
        "a call": reduced(os.system, "touch attacked"),
        "a built-in": reduced(eval, "open('attacked', 'w')"),
        "an import": reduced(__import__, "attacked"),
        "an attribute": reduced(getattr, torch.ones(1), "backward"),
        "a dotted name": b"\\x80\\x04\\x8c\\x10minigrad.convert\\x8c\\x07_rebuild.x\\x93.",
        "a class is changed": b"ccollections\\nOrderedDict\\n}(Vupdate\\nK\\x01ub.",
        "a function is changed": known + b"}(Vx\\nK\\x01ub.",
        "no tensor": known + b"(ccollections\\nCounter\\nK\\x01I00\\ntR.",
        "other memory": b"(K\\x00K\\x40(K\\x08t(K\\x08ttQ.",
        "memory that is not there": b"(K\\x07K\\x00(t(ttQ.",
        "an extension": b"\\x80\\x02\\x82\\x01.",
        "cut off": pickle.dumps([1, 2])[:-3],
        "nothing": b"",
    }
    for name, content in attacks.items():
        arrays = [np.ones(3)]
        saved = {"pickle": np.frombuffer(content, np.uint8), "arrays": arrays}
        io.save({"torch.save: pickled": saved}, "attack.pt")
        with zipfile.ZipFile("archive.pt", "w") as archive:  # as PyTorch writes
            archive.writestr("archive/data.pkl", content)
        for file in ("attack.pt", "archive.pt"):
            try:
                print(name, torch.load(file))
            except (pickle.UnpicklingError, ValueError) as error:
                print(name, type(error).__name__, error)
    print(collections.OrderedDict.update)
"""


def test_a_file_that_is_not_trusted_runs_nothing(tmp_path: Path, under_as_torch: Run) -> None:
    *lines, last = under_as_torch(written(ATTACKS, tmp_path / "attacks.py")).splitlines()
    assert len(lines) == 26 and "method 'update'" in last
    for line in lines:
        assert re.search(r"(UnpicklingError|ValueError) torch\.load: '\w+\.pt' ", line), line
    assert not (tmp_path / "attacked").exists()


def hook(module: nn.Module, inputs: tuple[mg.Tensor], output: mg.Tensor) -> mg.Tensor:
    """Twice the output."""
    return 2 * output


def test_a_pickled_module_keeps_its_hooks_beside_new_ones() -> None:
    layer = nn.Identity()
    layer.register_forward_hook(hook)
    for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        hooks = twin._module_hooks().hooks["after"]
        (number,) = hooks
        hooks_module.numbers = itertools.count(number)  # as in another process
        twin.register_forward_hook(hook)
        assert twin(mg.ones(1)).item() == 4 and layer(mg.ones(1)).item() == 2


class Versioned(nn.Linear):
    """A layer whose older pickles lack an attribute."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.scale = vars(self).get("scale", 1.0)


def test_a_subclass_adds_to_what_is_unpickled() -> None:
    layer = Versioned(2, 2)
    again = pickle.loads(pickle.dumps(layer))
    assert again.scale == 1.0 and mg.equal(again.weight, layer.weight)


def test_a_pickled_tensor_keeps_what_a_user_gave_it() -> None:
    x = mg.ones(2, requires_grad=True)
    x.grad = mg.ones(2)
    x.tag = ["mine"]
    again = pickle.loads(pickle.dumps(x))
    assert again.tag == ["mine"] and again.grad is None and again.requires_grad
