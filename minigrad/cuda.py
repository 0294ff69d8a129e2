"""CUDA devices through CuPy: the same rules, on a GPU."""

from __future__ import annotations

from typing import Any


def is_available() -> bool:
    """Whether CuPy is installed and finds a GPU."""
    try:
        import cupy
    except ImportError:
        return False
    return bool(cupy.is_available())  # getDeviceCount would raise where there is no driver


def library() -> Any:
    """CuPy. Raises RuntimeError if no GPU can be used."""
    if not is_available():
        raise RuntimeError(
            "device 'cuda': no GPU can be used here; install CuPy (pip install '.[cuda12]') on a "
            "machine with an NVIDIA driver, or use device='cpu'"
        )
    import cupy

    return cupy
