"""The page that explain writes, in a real browser: Chromium without a window, driven through its
DevTools protocol."""

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_explain import classified, product, unrolled

import minigrad as mg

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


class Browser:
    """A Chromium in which one page is open."""

    def __init__(self, folder: Path) -> None:
        websocket = pytest.importorskip("websocket", reason="websocket-client drives the browser")
        quiet = [
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ]
        options = [
            "--headless",
            "--no-sandbox",
            "--no-first-run",
            "--remote-debugging-port=0",
            *quiet,
        ]
        self.process = subprocess.Popen(
            [
                str(CHROMIUM),
                *options,
                f"--user-data-dir={folder}",
                "--window-size=1300,850",
                "about:blank",
            ],
            stderr=subprocess.DEVNULL,
        )
        port, end = folder / "DevToolsActivePort", time.monotonic() + 60
        while not (port.exists() and port.read_text(encoding="utf-8").count("\n")):
            assert time.monotonic() < end, "Chromium did not start"
            time.sleep(0.05)
        with urllib.request.urlopen(
            f"http://localhost:{port.read_text(encoding='utf-8').split()[0]}/json"
        ) as answer:
            page = next(target for target in json.load(answer) if target["type"] == "page")
        self.socket = websocket.create_connection(
            page["webSocketDebuggerUrl"], timeout=60, suppress_origin=True
        )
        self.sent, self.faults = 0, []
        self.send("Runtime.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        self.sent += 1
        self.socket.send(json.dumps({"id": self.sent, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("method") == "Runtime.exceptionThrown":
                self.faults.append(message["params"]["exceptionDetails"])
            if message.get("id") == self.sent:
                return message["result"]

    def value(self, expression: str) -> Any:
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def open(self, path: Path) -> float:
        """Load a page; the seconds from the start of loading until it is drawn, by the browser's
        own clock."""
        self.send("Page.navigate", url=path.as_uri())
        end = time.monotonic() + 60
        while not self.value("document.body?.dataset.ready"):
            assert time.monotonic() < end, f"{path.name} was not drawn; {self.faults}"
            time.sleep(0.02)
        return float(self.value("document.body.dataset.ready")) / 1000

    def press(self, *keys: str) -> None:
        for key in keys:
            shift, name = key.startswith("Shift+"), key.removeprefix("Shift+")
            text = {"text": name} if len(name) == 1 else {}
            self.send(
                "Input.dispatchKeyEvent", type="keyDown", key=name, modifiers=8 * shift, **text
            )
            self.send("Input.dispatchKeyEvent", type="keyUp", key=name, modifiers=8 * shift)

    def panel(self) -> str:
        return str(self.value("document.getElementById('panel').innerText"))

    def count(self, condition: str = "true") -> int:
        """How many boxes there are, in sight or not, for which a condition on `b` holds."""
        return int(self.value(f"boxes.filter((b) => {condition}).length"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.socket.close()
    opened.process.terminate()
    opened.process.wait()


def test_keys_step_through_the_backward_pass(browser: Browser, tmp_path: Path) -> None:
    x, y, z = product()
    browser.open(mg.explain(z).save(tmp_path / "z.html"))
    assert browser.count() == 4 and browser.value("wires.length") == 4
    browser.press("ArrowRight")
    assert browser.value("document.body.dataset.active") == "add"
    assert "y = a + b," in browser.panel() and "def add(" in browser.panel()
    gradient = "[...document.querySelectorAll('.leaf')].map(g => g.lastChild.textContent).join('|')"
    assert browser.value(gradient) == "∂ 1|"  # x has what add sent; y nothing yet
    browser.press("ArrowRight")
    assert (
        browser.value("document.body.dataset.active") == "mul"
        and browser.value(gradient) == "∂ 4|∂ 2"
    )
    browser.press("ArrowLeft")
    assert browser.value(gradient) == "∂ 1|"
    browser.press("Escape")
    assert (
        browser.value("document.body.dataset.step") == "" and browser.value(gradient) == "∂ 4|∂ 2"
    )
    browser.press("?")
    assert browser.value("document.getElementById('help').open") is True
    browser.press("?")
    assert browser.value("document.getElementById('help').open") is False and not browser.faults


def test_groups_and_a_fused_op_open_and_fold(browser: Browser, tmp_path: Path) -> None:
    with mg.explain.trace():
        loss = classified()
    picture = mg.explain(loss)
    browser.open(picture.save(tmp_path / "byhand.html"))
    before = browser.count()
    lstm = next(i for i, node in enumerate(picture.nodes) if node["op"] == "lstm")
    browser.value(f"choose(top_.ops[{lstm}])")
    assert (
        "must equal a composition" in browser.panel() and "test_explain.py, line" in browser.panel()
    )
    browser.press("Enter")
    assert browser.count() > before and browser.count("b.open && b.described") == 1
    steps = int(browser.value("order.length"))
    assert steps == len(picture.nodes) + len(picture.nodes[lstm]["composed"]["nodes"])
    browser.press("End")
    assert browser.value("document.body.dataset.step") == str(steps)
    browser.press("Home", "Shift+ArrowRight", "Shift+ArrowRight")
    browser.press("c")
    assert browser.count("b.open") == 0
    browser.press("o")
    assert browser.count("b.open") >= 5 and browser.count() >= before
    assert not browser.faults


def test_two_thousand_nodes_load_within_two_seconds(browser: Browser, tmp_path: Path) -> None:
    with mg.explain.trace():
        loss = unrolled(154)
    picture = mg.explain(loss)
    assert len(picture.nodes) == 2004
    assert browser.open(picture.save(tmp_path / "long.html")) < 2
    assert browser.count() < 20
    browser.press("o")
    assert browser.count("b.described") == 2004
    browser.press("ArrowRight")
    began = time.monotonic()
    browser.press(*["ArrowRight"] * 10)
    assert time.monotonic() - began < 5 and browser.value("document.body.dataset.step") == "11"
    assert not browser.faults


def test_two_thousand_nodes_of_which_none_repeat_load_within_two_seconds(
    browser: Browser, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    pool = [mg.randn(3, requires_grad=True) for _ in range(5)]
    while len(pool) < 2000:
        a, b = (pool[-1 - int(rng.integers(min(len(pool), 20)))] for _ in "ab")
        pool.append(
            [mg.sub, mg.maximum, lambda a, b: mg.tanh(a), lambda a, b: mg.sigmoid(b)][
                rng.integers(4)
            ](a, b)
        )
    total = mg.stack(pool[5:]).sum()
    picture = mg.explain(total)
    assert len(picture.nodes) > 1990
    assert browser.open(picture.save(tmp_path / "wild.html")) < 2
    assert browser.count() > 1900 and not browser.faults
