"""The kernels' own source under the sanitizers of g++: no address outside an array, no overflow, no
undefined shift."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
RUNTIMES = ["libasan.so", "libubsan.so"]
PAST_THE_END = '''
import numpy as np
import strict_device
from minigrad.array import backend
from minigrad.fast.gpu.source import Kernel

class Touch(Kernel):
    def source(self, dtype):
        return """extern "C" void touch(long long n, double *x, long long past)
        {{ for (long long i = 0; i < n; i++) x[i + past] = 1; }}"""

xp = backend(strict_device.NAME).xp
x = xp.zeros(100, dtype=np.float64)
xp.kernels.launch(Touch("", "touch"), x.dtype, 100, x, {past})
print("done")
'''


def runtime(name: str) -> str:
    """Where g++ has a runtime of its sanitizers; its bare name where it has none."""
    command = ["g++", f"-print-file-name={name}"]
    return (
        subprocess.run(command, capture_output=True, encoding="utf-8").stdout.strip()
        if shutil.which("g++")
        else name
    )


paths = [runtime(name) for name in RUNTIMES]
pytestmark = pytest.mark.skipif(
    not all(map(os.path.isabs, paths)), reason="g++ has no sanitizers here"
)


def sanitized(*arguments: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "LD_PRELOAD": " ".join(paths),
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONPATH": str(HERE.parent),
    }
    env["KERNEL_CHECKS"] = "-fsanitize=address,undefined -fno-sanitize-recover=all -O0"
    return subprocess.run(
        [sys.executable, *arguments], cwd=HERE, env=env, capture_output=True, encoding="utf-8"
    )


def test_kernels_keep_to_their_arrays() -> None:
    which = (
        "test_a_layer_is_its_composition or test_a_layer_is_its_definition or test_an_optimizer or "
        "test_every_layout or test_a_mask or "
        "test_what_is_in_range or test_cross_entropy or clipped or test_an_embedding"
    )
    done = sanitized(
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "test_cuda.py",
        "test_cuda_one_launch.py",
        "-k",
        which,
    )
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(("past", "found"), [(0, False), (1, True), (-1, True)])
def test_one_past_the_end_is_found(past: int, found: bool) -> None:
    done = sanitized("-c", PAST_THE_END.format(past=past))
    assert ("AddressSanitizer" in done.stderr) == found == (done.stdout != "done\n"), done.stderr
