"""The lesson on LSTM and GRU networks as experiments: one script a section, each claim next to what
was measured.

    python -m demos               run all of them; figures, results.json and report.html go to out/
    python -m demos list          their names
    python -m demos s1 s6         some of them; or one as a script: python demos/s1_gates.py

A script is read from top to bottom and opens as a notebook where `# %%` divides cells. What scripts
share: `lab` (runs, figures, claims), `models`, `tasks`, `training`, `style` and `diagrams` (how
figures look), `store`, `report`. `engines` runs the same scripts on PyTorch.
"""

from demos import engines

engines.install()  # in a worker process, too
