"""The machine that a GPU is in: what it is, and, where no GPU can be used, why."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess
import sys
from typing import Any

import numpy as np

PACKAGES = "cupy", "cuda", "nvidia", "numpy", "torch", "pytest", "hypothesis"  # how they begin
PROGRAMS = "nvidia-smi", "nvcc", "compute-sanitizer", "pip"


def why_unusable() -> str:
    """Why CuPy can use no GPU here, in one line; "" where it can."""
    try:
        import cupy

        if cupy.is_available():
            return ""
        cupy.cuda.runtime.getDeviceCount()  # raises, and says what the driver lacks
    except Exception as error:
        return f"{type(error).__name__}: {one_line(error)}"
    return "CuPy finds no device"


def one_line(said: Any) -> str:
    """The first line of a message: a compiler's log has hundreds."""
    return str(said).strip().split("\n")[0][:300]


def diagnosis(why: str) -> str:
    """Why nothing was measured, and what is installed: what has to be known to mend it."""
    programs = [f"{name}: {shutil.which(name) or 'not found'}" for name in PROGRAMS]
    return "\n".join(
        [
            f"no GPU is usable: {why}",
            f"Python {platform.python_version()}, {sys.executable}",
            *programs,
            *packages(),
            output_of("nvidia-smi"),
        ]
    )


def packages() -> list[str]:
    """The installed packages that matter, each with its version."""
    found = set()
    for package in importlib.metadata.distributions():
        name = package.metadata["Name"] or ""  # missing where an installation was broken off
        if name.lower().startswith(PACKAGES):
            found.add(f"{name} {package.version}")
    return sorted(found)


def output_of(*command: str) -> str:
    """What a program prints; "" where it is missing."""
    if not shutil.which(command[0]):
        return ""
    return subprocess.run(command, capture_output=True, encoding="utf-8").stdout.strip()


def device_conditions(cuda: Any) -> dict[str, str]:
    """The device, its driver and memory; `cuda` is cupy.cuda."""
    runtime, name = cuda.runtime, cuda.runtime.getDeviceProperties(0)["name"]
    driver, toolkit = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    return {
        "device": (
            f"{name.decode() if isinstance(name, bytes) else name}, "
            f"{runtime.memGetInfo()[1] / 2**30:.0f} GiB"
        ),
        "driver": f"{driver_version()}for CUDA {driver // 1000}.{driver % 1000 // 10}",
        "CUDA": f"{toolkit // 1000}.{toolkit % 1000 // 10}",
    }


def driver_version() -> str:
    """The number of the driver itself, which only nvidia-smi says."""
    query = "nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"
    return (output_of(*query).split("\n")[0] + " ").lstrip()


def versions(torch: Any) -> str:
    """Those of Python and of what takes part."""
    found = [f"Python {platform.python_version()}", f"NumPy {np.__version__}"]
    found += [line for line in packages() if line.startswith("cupy")]
    if torch is not None:
        found.append(f"PyTorch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}")
    return ", ".join(found)
