"""minigrad beside PyTorch, and beside HIPS autograd, MyGrad, tinygrad and JAX where they are
installed.

    python -m benchmarks                      everything; writes RESULTS.md, results.json, figures
    python -m benchmarks --list               the names of the workloads
    python -m benchmarks --only layers        those whose name contains this
    python -m benchmarks --quick              small versions, to see that everything runs
    python -m benchmarks.gpu                  layers and training on an NVIDIA GPU: RESULTS_GPU.md

A workload is a function that sets up one `Contest`: a callable for each contestant, all from the
same numbers. `measure` first holds their results to one another and then times them in turn;
`goals` says what was to be reached, `report` and `draw` show what came out. The workloads:
`layers`, `training`, `overhead`, `small_ops`, `memory`, `scaling`, `parts`, `programs`, `imports`.
"""
