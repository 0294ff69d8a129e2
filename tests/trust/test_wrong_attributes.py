"""Each settable public attribute in turn becomes each wrong thing, or is deleted, and its owner is
then used (tests/wrong_attributes.py): what is not taken is refused in a sentence, what PyTorch
refuses is refused, and what both take gives the same numbers.

In the suite one change in thirty; all of them with TRUST=long.
"""

import collections
import zlib
from pathlib import Path
from typing import Any

import pytest
from judged_calls import judged, limits
from wrong_attributes import (
    Attribute,
    attributes,
    changes,
    default_state,
    is_known_to_torch,
    is_same,
    result_of,
    torch_world,
)
from wrong_calls import TooLong, made, world

ATTRIBUTES = list(attributes())
GROUPS = collections.defaultdict(list)
for one in ATTRIBUTES:
    GROUPS[one.owner[0]].append(one)
FOREIGN = ("foreign", "foreign, named", "no name", "too long")
# What is taken where PyTorch refuses it, each with its reason
TAKEN = {
    ("deleted", "sparse"): "the setting is never read",
    ("deleted", "bias"): "the weights say whether there is a bias",
    ("deleted", "dropout"): "of one layer it is never read",
    ("deleted", "track_running_stats"): "the buffers say it",
    ("another device", "data"): "PyTorch's meta device holds no numbers, the stand-in does",
    ("another device", "mean"): "PyTorch's meta device holds no numbers, the stand-in does",
    ("True", "weight_decay"): "True is 1, as for the constructor",
    ("True", "lr"): "True is 1, as for the constructor",
    ("True", "num_workers"): "it starts no workers",
    ("deleted", "min_val"): "of ReLU6 it is never read",
    ("deleted", "max_val"): "of ReLU6 it is never read",
    ("deleted", "batch_first"): "of a Transformer it is never read; its layers have their own",
    ("deleted", "num_workers"): "it starts no workers",
    ("None", "collate_fn"): "None stands for the default, as for the constructor",
}
LONG_IN_TORCH = ("huge", "beyond int64")  # which it may try to hold, or count to


def tried(attribute: Attribute, label: str, in_torch: bool = False) -> tuple[str, Any]:
    """("taken", the result) or ("refused", the error)."""
    try:
        with limits():
            return "taken", result_of(attribute, label, torch_world() if in_torch else world())
    except (Exception, TooLong) as error:
        return "refused", error


def is_gone(attribute: Attribute, label: str, error: BaseException) -> bool:
    """Whether Python says that a deleted attribute is not there, as it does of PyTorch's."""
    is_missing = isinstance(error, AttributeError | KeyError)
    return label == "deleted" and is_missing and attribute.word in str(error)


def is_free(attribute: Attribute, label: str) -> bool:
    """Whether the numbers of a use are drawn, or not comparable for another known reason."""
    is_drawn = any([word in attribute.owner for word in ("Dropout", "Transformer")])
    is_drawn = is_drawn or attribute.word in ("dropout", "p")
    return is_drawn or label == "a module"


@pytest.mark.filterwarnings("ignore")
def test_every_attribute_has_a_use_that_works(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(ATTRIBUTES) > 400
    for attribute in ATTRIBUTES:
        w = world()
        w["own"] = made(attribute.source)(w)
        attribute.use(w["own"], w)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("group", GROUPS)
def test_a_wrong_attribute_is_refused_in_a_sentence_or_gives_pytorchs_numbers(
    group: str, tmp_path: Path, monkeypatch: Any, many: Any, say: Any
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    every = many(30, 1)
    counted: collections.Counter[str] = collections.Counter()
    found = []
    for attribute in GROUPS[group]:
        name = f"{attribute.owner}.{attribute.word}"
        known = None
        for label in changes():
            if zlib.crc32(f"{attribute} {label}".encode()) % every:
                continue
            outcome, result = tried(attribute, label)
            default_state()
            kind = outcome
            if outcome == "refused":
                kind = "gone" if is_gone(attribute, label, result) else judged(name, result)
            elif label not in LONG_IN_TORCH and (label, attribute.word) not in TAKEN:
                known = is_known_to_torch(attribute) if known is None else known
                theirs, numbers = tried(attribute, label, True) if known else ("unknown", None)
                torch.set_grad_enabled(True)
                if theirs == "refused":
                    kind = "refused by PyTorch"
                elif known and not is_free(attribute, label) and not is_same(result, numbers):
                    kind = "another number"
            counted[kind] += 1
            if kind in (*FOREIGN, "refused by PyTorch", "another number"):
                found.append(f"{attribute}, {label}: {kind}: {result!r:.200}")
    say(f"wrong attributes of {group}: {counted.total():,} changes, {dict(counted)}")
    assert not found, "\n".join(found[:20])
