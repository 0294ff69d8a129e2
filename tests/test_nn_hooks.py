"""Hooks of tensors and modules beside PyTorch's: what they see, when, and what they change."""

from typing import Any

import pytest
from torch_twin import torch

import minigrad as mg
import nn

BOTH = ((mg, nn), (torch, torch.nn))


def plain(value: Any) -> Any:
    """Tensors as lists, also inside tuples."""
    if isinstance(value, tuple):
        return tuple([plain(part) for part in value])
    return value.tolist() if hasattr(value, "tolist") else value


def linear(library: Any, modules: Any) -> Any:
    layer = modules.Linear(2, 2)
    with library.no_grad():
        layer.weight.copy_(library.tensor([[1.0, 2.0], [3.0, 4.0]]))
        layer.bias.zero_()
    return layer


def test_a_hook_of_a_tensor_sees_and_replaces_its_gradient() -> None:
    logs = []
    for library, _ in BOTH:
        log: list[Any] = []
        x = library.tensor([1.0, 2.0], requires_grad=True)
        y = x * 2
        total = (y * y * y).sum() + y.sum()
        handle = y.register_hook(lambda g, log=log: log.append(("y", g.tolist())))
        y.register_hook(lambda g: g * 10)
        x.register_hook(lambda g, log=log: log.append(("x", g.tolist())))
        x.register_hook(lambda g: g + 1)
        y.retain_grad()
        total.backward(retain_graph=True)
        log += [x.grad.tolist(), y.grad.tolist()]
        handle.remove()
        grad = library.grad if library is mg else torch.autograd.grad
        log += [grad(total, t, retain_graph=True)[0].tolist() for t in (x, y)]
        logs.append(log)
    assert logs[0] == logs[1] and logs[0][0] == ("y", [13.0, 49.0])


def test_a_hook_and_the_second_derivative() -> None:
    found = []
    for library, _ in BOTH:
        grad = library.grad if library is mg else torch.autograd.grad
        a = library.tensor(2.0, requires_grad=True)
        b = a * a
        b.register_hook(lambda g: g * 3)
        (slope,) = grad(b * a, a, create_graph=True)
        found.append((slope.item(), grad(slope, a)[0].item()))
    assert found[0] == found[1] == (28.0, 36.0)


def test_a_hook_may_keep_what_it_sees() -> None:
    kept = []
    w = nn.Parameter([1.0, 2.0])
    w.register_hook(kept.append)
    for _ in range(2):
        (w * w).sum().backward()
    w.grad.zero_()
    assert [g.tolist() for g in kept] == [[2.0, 4.0]] * 2


def test_what_a_hook_of_a_tensor_refuses() -> None:
    x = mg.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="^register_hook: expected a tensor that requires a gra"):
        mg.ones(2).register_hook(print)
    with pytest.raises(TypeError, match="^register_hook: expected a function, got a int"):
        x.register_hook(3)
    for wrong, error in ((lambda g: 3, TypeError), (lambda g: mg.ones(3), RuntimeError)):
        with x.register_hook(wrong), pytest.raises(error, match="^register_hook: expected a "):
            (x * 2).sum().backward()
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_hooks_of_a_module_are_called_as_pytorchs() -> None:
    logs = []
    for library, modules in BOTH:
        log: list[Any] = []
        layer = linear(library, modules)

        def see(name: str, log: list[Any] = log) -> Any:
            return lambda module, *seen: log.append((name, type(module).__name__, plain(seen)))

        def more(module: Any, args: Any, kwargs: Any) -> Any:
            return (args[0] + 1,), kwargs

        handles = [
            layer.register_forward_pre_hook(see("before")),
            layer.register_forward_hook(see("after")),
            layer.register_forward_hook(lambda module, args, y: y * 2, prepend=True),
            layer.register_forward_pre_hook(lambda module, args: args[0] * 3),
            layer.register_forward_pre_hook(more, with_kwargs=True),
            layer.register_forward_hook(see("with keywords"), with_kwargs=True),
        ]
        layer.register_full_backward_hook(see("back"))
        x = library.tensor([[1.0, 1.0]], requires_grad=True)
        layer(x).sum().backward()
        log.append([plain(x.grad), plain(layer.weight.grad)])
        for handle in handles:
            handle.remove()
        last = layer.register_full_backward_hook(lambda module, gi, go: (gi[0] * 10,))
        layer(x).sum().backward()
        last.remove()
        log.append(plain(x.grad))
        with layer.register_forward_hook(see("for a while")):
            layer(x)
        layer(x)
        logs.append(log)
    assert logs[0] == logs[1] and len(logs[0]) == 8


@pytest.mark.filterwarnings("ignore:Full backward hook")
def test_a_hook_on_the_way_back_of_several_inputs_and_outputs() -> None:
    logs = []
    for library, modules in BOTH:
        log: list[Any] = []

        class Several(modules.Module):  # type: ignore[name-defined, misc]
            def forward(self, a: Any, b: Any, factor: float) -> Any:
                return a * factor, b.detach() + 1, b + a.detach(), "a word"

        module = Several()
        module.register_full_backward_hook(lambda module, *seen, log=log: log.append(plain(seen)))
        a, b = (library.tensor([x, x], requires_grad=True) for x in (1.0, 2.0))
        first, second, third, _ = module(a, b, 2.0)
        log.append([first.requires_grad, second.requires_grad, third.requires_grad])
        (first * 3).sum().backward()
        log.append([plain(a.grad), plain(b.grad)])
        layer = linear(library, modules)
        layer.register_full_backward_hook(lambda m, *seen, log=log: log.append(plain(seen)))
        layer(library.tensor([[1.0, 1.0]])).sum().backward()
        logs.append(log)
    assert logs[0] == logs[1]


def test_hooks_on_the_way_back_of_an_output_that_is_a_dict_are_not_called() -> None:
    for library, modules in BOTH:

        class Named(modules.Module):  # type: ignore[name-defined, misc]
            def forward(self, x: Any) -> Any:
                return {"twice": 2 * x}

        module = Named()
        seen: list[Any] = []
        module.register_full_backward_hook(lambda *found, seen=seen: seen.append(found))
        x = library.tensor([1.0], requires_grad=True)
        with pytest.warns(UserWarning, match="(?i)backward hooks .* output .* tensor or a tuple"):
            output = module(x)
        output["twice"].backward()
        assert seen == [] and x.grad.tolist() == [2.0]


def test_a_hook_of_a_recurrent_layer_and_what_is_refused() -> None:
    layer = nn.LSTM(2, 3)
    shapes = []
    layer.register_forward_hook(lambda module, args, out: shapes.append(tuple(out[0].shape)))
    layer(mg.ones(4, 1, 2))
    assert shapes == [(4, 1, 3)]
    with pytest.raises(NotImplementedError, match="^LSTM.register_forward_hook: always_call=True"):
        layer.register_forward_hook(print, always_call=True)
    with pytest.raises(TypeError, match="forward_pre_hook: expected a function as hook, got None"):
        layer.register_forward_pre_hook(None)


def test_members_of_a_module_are_found_and_taken_out_as_in_pytorch() -> None:
    for library, modules in BOTH:
        layer = modules.Linear(2, 3)
        model = modules.Sequential(layer)
        model.register_buffer("steps", library.ones(1))
        assert model.get_submodule("0") is layer and model.get_submodule("") is model
        assert model.get_parameter("0.bias") is layer.bias
        assert model.get_buffer("steps") is model.steps
        for method, path in (
            (model.get_submodule, "0.weight"),
            (model.get_parameter, "0"),
            (model.get_buffer, "0.none"),
        ):
            with pytest.raises(AttributeError):
                method(path)
        weight = layer._parameters["weight"]
        del layer._parameters["weight"]
        layer.weight = weight * 2  # as programs do that drop weights
        layer.register_parameter("raw", modules.Parameter(weight.data))
        assert [name for name, _ in layer.named_parameters()] == ["bias", "raw"]
        assert layer._parameters.pop("bias").shape == (3,)
        layer.bias = None
        assert layer(library.ones(1, 2)).shape == (1, 3)
        model._modules["1"] = modules.Tanh()
        del model._modules["0"]
        assert len(model) == 1
        model._buffers.update(seen=library.ones(1), steps=library.ones(2))
        assert [name for name, _ in model.named_buffers()] == ["steps", "seen"]
        assert model._buffers.popitem()[0] == "seen" and not hasattr(model, "seen")
        model._modules.clear()
        assert list(model.state_dict()) == ["steps"]
