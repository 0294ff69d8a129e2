"""The lesson on LSTM and GRU networks as experiments: one script a section, each claim next to what
was measured.

    python -m demos               run all of them; figures, results.json and report.html go to out/
    python -m demos list          their names
    python -m demos s1 s6         some of them; or one as a script: python demos/s1_gates.py
    python -m demos.ledger        run what is undecided: the verdicts of RESULTS.md rest on its runs

A script is read from top to bottom and opens as a notebook where `# %%` divides cells. What scripts
share: `lab` (runs, figures, claims), `models`, `tasks`, `training`, `style` and `diagrams` (how
figures look), `store`, `report`. What would count for a claim is in claims.toml, `claims` reads it,
`rule` judges, `records` keeps what was measured, `verdicts` puts these together, and `results`
makes RESULTS.md of them. A cell headed `# %% shown` only tells and draws; the ledger leaves it out.
`engines` runs the same scripts on PyTorch.
"""

from demos import engines

engines.install()  # in a worker process, too
