"""The room of a GPU: `kernels` launches what stands in C beside NumPy's lines, `recurrent` is the time loop of a layer.

minigrad opens it where `device="cuda"` is first used. What CuPy does otherwise than NumPy, and where that is met:

    an index out of range wraps                     Kernels.check and check_index find it, and say so later
    of places named twice in x[i] += g one wins     `add_at` in minigrad.array: CuPy's add.at, by atomic additions
    float(x), a mask as an index, nonzero wait      none of them in a training step; a test counts them
    a reduction gives an array, also of 0-d         rules take both: on a CPU it is a number
    arrays of the host are no operands              minigrad.errors names both devices, and .to(...)
    an array is no index of a list, no range        Tensor.__index__ brings it to the host
    np.asarray(x) is refused                        `to_numpy` in minigrad.array is the one way to the host
    Generator lacks normal, permutation, shuffle    minigrad.random draws on the host, masks of dropout by a kernel
    errstate is missing, and nothing ever warns     no rule divides by 0 on purpose; Adam looks for what is not finite
    results may be in another order in memory       a kernel takes contiguous arrays, and is given them
"""
