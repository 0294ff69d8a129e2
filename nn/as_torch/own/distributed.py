"""`torch.distributed`, for programs that ask whether there is more than this process."""

__all__ = ["is_available", "is_initialized"]


def is_available() -> bool:
    """False: training is in one process."""
    return False


def is_initialized() -> bool:
    """False: training is in one process."""
    return False
