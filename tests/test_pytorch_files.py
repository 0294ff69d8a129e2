"""Files that PyTorch wrote, state dicts and whole modules, read under nn.as_torch."""

import re
import zipfile
from pathlib import Path

import pytest
from test_whole_objects import written
from under_pytorch import Run

MODULES = """
    nn.AdaptiveAvgPool2d(2) ; nn.AvgPool1d(2) ; nn.AvgPool2d(2) ; nn.BatchNorm1d(3)
    nn.BatchNorm2d(3)
    nn.Conv1d(3, 4, 2, stride=2) ; nn.Conv2d(3, 4, 2, bias=False) ; nn.ConvTranspose1d(3, 2, 2)
    nn.ConvTranspose2d(3, 2, 2, stride=2) ; nn.Dropout(0.3) ; nn.ELU(0.5) ; nn.Flatten() ; nn.GELU()
    nn.GroupNorm(1, 3) ; nn.Identity() ; nn.LayerNorm(6) ; nn.LayerNorm(6, elementwise_affine=False)
    nn.LeakyReLU(0.2) ; nn.Linear(6, 2) ; nn.Linear(6, 2, bias=False) ; nn.LogSoftmax(dim=-1)
    nn.MaxPool1d(2) ; nn.MaxPool2d(2, stride=1) ; nn.PReLU() ; nn.RMSNorm(6) ; nn.ReLU()
    nn.ReLU(inplace=True) ; nn.SELU() ; nn.Sigmoid() ; nn.SiLU() ; nn.Softmax(dim=1) ; nn.Softplus()
    nn.Tanh() ; nn.Upsample(scale_factor=2.0) ; nn.ModuleList([nn.Tanh(), nn.Linear(2, 2)])
    nn.ModuleDict({"a": nn.Linear(6, 2)}) ; nn.ParameterList([torch.ones(2)])
    nn.Sequential(nn.Conv1d(3, 2, 1), nn.Tanh()) ; nn.Sequential() ; nn.MSELoss(reduction="sum")
    nn.CrossEntropyLoss(torch.tensor([1.0, 2.0]), label_smoothing=0.1) ; nn.BCEWithLogitsLoss()
    nn.LSTM(6, 4, 2, bidirectional=True) ; nn.GRU(6, 4, bias=False) ; nn.RNN(6, 4, dropout=0.0)
    nn.RNN(6, 4, nonlinearity="relu", batch_first=True) ; nn.LSTMCell(6, 4) ; nn.GRUCell(6, 4)
    nn.RNNCell(6, 4) ; nn.Embedding(5, 3, padding_idx=0) ; nn.MultiheadAttention(6, 2, bias=False)
    nn.TransformerEncoderLayer(6, 2, 8, batch_first=True) ; nn.TransformerDecoderLayer(6, 2, 8)
    nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 8), 2, enable_nested_tensor=False)
    nn.Transformer(6, 2, 1, 1, 8, activation="gelu")
"""
TEXTS = [one.strip() for line in MODULES.strip().splitlines() for one in line.split(";")]
WITH_EACH = f"""
    import torch
    from torch import nn
    MODULES = {TEXTS}

    def value(module):
        x = torch.linspace(-1, 1, 3 * 2 * 6).view(2, 3, 6)
        kind = type(module).__name__
        if kind.startswith(("Module", "Parameter")):
            return sum([p.sum() for p in module.parameters()])
        if "2d" in kind or kind == "Upsample":
            x = x.view(1, 3, 2, 6)
        if "Loss" in kind:
            return module(x[0, :, :2], x[1, :, :2].abs())
        if "Cell" in kind:
            x = x[0]
        if kind == "Embedding":
            x = torch.arange(5)
        if kind == "MultiheadAttention":
            return module(x, x, x)[0]
        y = module(x, x) if kind in ("TransformerDecoderLayer", "Transformer") else module(x)
        return y[0] if isinstance(y, tuple) else y
"""
SAVES = f"""{WITH_EACH}
    torch.manual_seed(0)
    saved = []
    for text in MODULES:
        module = eval(text).eval()
        saved.append((text, module, value(module).detach()))
    torch.save(saved, "modules.pt")
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(2, 3)
            self.second = self.first
            self.register_buffer("mask", torch.eye(2), persistent=False)
            self.size = torch.Size([2, 3])
            self.dtype, self.device = torch.float64, torch.device("cpu")
            self.first.weight.tag = {{"mine"}}
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    net.first(net.mask).sum().backward()
    optimizer.step()
    torch.save(net, "net.pt")
    states = {{"net": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}}
    torch.save(states, "states.pt")
    x = torch.arange(6.0, dtype=torch.float64)
    leaf = torch.ones(1, requires_grad=True)
    parts = [x, x[2:].view(2, 2).t(), torch.tensor([True]), x[:0]]
    torch.save([*parts, leaf, nn.Parameter(x), torch.tensor(3)], "tensors.pt")
    torch.save(torch.ones(2, dtype=torch.bfloat16), "halves.pt")
    torch.save({{"a": torch.ones(2)}}, "old.pt", _use_new_zipfile_serialization=False)
    hooked = nn.Linear(2, 2)
    hooked.register_forward_hook(print)
    torch.save(hooked, "hooked.pt")
    torch.save(optimizer, "optimizer.pt")
    torch.save(torch.optim.lr_scheduler.StepLR(optimizer, 1), "scheduler.pt")
    torch.save(torch.utils.data.TensorDataset(torch.arange(3)), "dataset.pt")
    torch.save(nn.utils.rnn.pack_sequence([torch.arange(3.0)]), "packed.pt")
    torch.save(nn.Conv1d(1, 1, 1, padding_mode="reflect"), "reflect.pt")
"""
READS = f"""{WITH_EACH}
    for text, module, expected in torch.load("modules.pt", weights_only=False):
        assert repr(module) == repr(eval(text)), (module, text)
        assert not module.training, text
        assert torch.allclose(value(module), expected, rtol=1e-5, atol=1e-6), text
        module.train().zero_grad()
        assert list(module.state_dict()) == list(eval(text).state_dict()), text
    class Net(nn.Module):
        pass
    net = torch.load("net.pt", weights_only=False)
    print(net.second is net.first, list(net.state_dict()), net.mask.tolist(), net.training)
    print(net.size, net.dtype, net.device, net.first.weight.tag, net.first.weight.requires_grad)
    states = torch.load("states.pt", map_location="cpu")
    print(net.load_state_dict(states["net"]), states["epoch"])
    optimizer = torch.optim.Adam(net.parameters())
    optimizer.load_state_dict(states["optimizer"])
    x, part, *others = torch.load("tensors.pt")
    part[0, 0] = 9
    print(x, part, others)
    print(torch.load("dataset.pt", weights_only=False)[1], *torch.load("packed.pt", None, "pickle"))
    with torch.serialization.safe_globals([Net, nn.Linear]):
        print(type(torch.load("net.pt")))
    for name in ("net", "modules", "halves", "old", "hooked", "reflect", "script", "cut", "other",
                 "optimizer", "scheduler"):
        for trusted in (False, True):
            try:
                torch.load(f"{{name}}.pt", weights_only=not trusted)
            except Exception as error:
                print(name, trusted, type(error).__name__, error)
"""
# What is in archives that torch.save does not write, the first one as in those of torch.jit
OTHER_ARCHIVES = {"script": ["script/data.pkl", "script/constants.pkl"], "other": ["a.txt"]}
REFUSED = {
    "net False": "UnpicklingError .*such as __main__.Net; if you trust it, pass weights_only=False",
    "modules False": r"UnpicklingError .*such as torch\.nn\.modules\.pooling\.AdaptiveAvgPool2d",
    "halves False": "NotImplementedError .*of a torch.BFloat16Storage, a dtype that is not supp",
    "halves True": "NotImplementedError .*of a torch.BFloat16Storage, a dtype that is not supp",
    "old False": "NotImplementedError .*is a bare pickle, as PyTorch wrote before version 1.6",
    "old True": "NotImplementedError .*is a bare pickle, as PyTorch wrote before version 1.6",
    "hooked False": r"UnpicklingError .*such as torch\.nn\.modules\.linear\.Linear",
    "hooked True": "NotImplementedError .*has hooks of a Linear, which are not supported",
    "reflect False": r"UnpicklingError .*such as torch\.nn\.modules\.conv\.Conv1d",
    "reflect True": "NotImplementedError Conv1d: padding_mode",
    "script False": "ValueError .*is damaged, or no file of PyTorch's: it was not written by",
    "script True": "ValueError .*is damaged, or no file of PyTorch's: it was not written by",
    "cut False": "ValueError .*is damaged, or no file of PyTorch's",
    "cut True": "ValueError .*is damaged, or no file of PyTorch's",
    "other False": "ValueError .*is damaged, or no file of PyTorch's: it was not written by",
    "other True": "ValueError .*is damaged, or no file of PyTorch's: it was not written by",
    "optimizer False": r"UnpicklingError .*such as torch\.optim\.adam\.Adam",
    "optimizer True": "NotImplementedError .*holds a whole Adam of PyTorch's, which is not",
    "scheduler False": r"UnpicklingError .*such as torch\.optim\.lr_scheduler\.StepLR",
    "scheduler True": "NotImplementedError .*holds a whole Adam of PyTorch's, which is not",
}


@pytest.mark.filterwarnings("ignore")
def test_files_of_pytorch_are_read(tmp_path: Path, under_pytorch: Run, under_as_torch: Run) -> None:
    under_pytorch(written(SAVES, tmp_path / "saves.py"))
    (tmp_path / "cut.pt").write_bytes((tmp_path / "states.pt").read_bytes()[:-100])
    for archive, names in OTHER_ARCHIVES.items():
        with zipfile.ZipFile(tmp_path / f"{archive}.pt", "w") as other:
            for name in names:
                other.writestr(name, "some text")
    lines = under_as_torch(written(READS, tmp_path / "reads.py")).splitlines()
    assert lines[: -len(REFUSED)] == [
        "True ['first.weight', 'first.bias', 'second.weight', 'second.bias'] "
        "[[1.0, 0.0], [0.0, 1.0]] True",
        "torch.Size([2, 3]) torch.float64 cpu {'mine'} True",
        "<All keys matched successfully> 3",
        "tensor([0., 1., 9., 3., 4., 5.], dtype=torch.float64) tensor([[9., 4.],",
        "        [3., 5.]], dtype=torch.float64) [tensor([True]), tensor([], dtype=torch.float64), "
        "tensor([1.], requires_grad=True), Parameter containing:",
        "tensor([0., 1., 9., 3., 4., 5.], dtype=torch.float64, requires_grad=True), tensor(3)]",
        "(tensor(1),) tensor([0., 1., 2.]) tensor([1, 1, 1]) None None",
        "<class '__main__.Net'>",
    ]
    for line, (start, expected) in zip(lines[-len(REFUSED) :], REFUSED.items(), strict=True):
        assert re.match(f"{start} {expected}", line), line
