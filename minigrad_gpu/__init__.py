"""The room of a GPU: `kernels` launches what stands beside NumPy's lines in minigrad, `recurrent` is the time loop.

minigrad opens it where `device="cuda"` is used for the first time. Nobody who computes on a CPU needs it.
"""
