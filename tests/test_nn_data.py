"""Datasets, samplers and loaders beside PyTorch's: the same items in the same batches."""

import collections
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch_twin import torch

import minigrad as mg
import nn

Point = collections.namedtuple("Point", "x y")
ITEMS: dict[str, list[Any]] = {
    "numbers": [1, 2, 3, 4, 5],
    "floats": [0.5, 1.5, 2.5],
    "booleans": [True, False, True],
    "words": ["ab", "c", "def"],
    "bytes": [b"ab", b"c", b"d"],
    "arrays": [np.arange(3.0), np.ones(3), np.zeros(3)],
    "pairs": [(1, "a"), (2, "b"), (3, "c")],
    "lists": [[1, 2.0], [3, 4.0], [5, 6.0]],
    "dicts": [{"x": i, "word": "ab"[i], "more": {"y": [i, "c"]}} for i in (0, 1)],
    "named": [Point(1, "a"), Point(2.0, "b")],
    "scalars": [np.float32(1), np.float32(2)],
    "integers": [np.int64(1), np.int64(2)],
}


def plain(value: Any) -> Any:
    """A batch as something that can be compared: tensors as their dtype and numbers."""
    if hasattr(value, "tolist"):
        return str(value.dtype).removeprefix("torch."), value.tolist()
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return type(value).__name__, [plain(part) for part in value]
    return value


LOADERS: list[dict[str, Any]] = [
    {},
    {"batch_size": 2},
    {"batch_size": 2, "drop_last": True},
    {"batch_size": None},
    {"batch_size": 2, "sampler": [1, 0]},
    {"batch_sampler": [[1, 0], [1]]},
    {"batch_size": 2, "collate_fn": lambda items: items[::-1]},
    {"batch_size": None, "collate_fn": lambda item: [item]},
]


@pytest.mark.parametrize("name", ITEMS)
@pytest.mark.parametrize("settings", LOADERS, ids=lambda settings: "-".join(settings))
def test_a_loader_gives_pytorchs_batches(name: str, settings: dict[str, Any]) -> None:
    items = ITEMS[name]
    ours = nn.data.DataLoader(items, **settings)
    theirs = torch.utils.data.DataLoader(items, **settings)
    assert [plain(batch) for batch in ours] == [plain(batch) for batch in theirs]
    assert len(ours) == len(theirs)


@pytest.mark.parametrize("settings", LOADERS[:6], ids=str)
def test_a_loader_of_tensors(settings: dict[str, Any]) -> None:
    found = []
    for library, data in ((mg, nn.data), (torch, torch.utils.data)):
        dataset = data.TensorDataset(library.arange(4), library.ones(4, 2))
        found.append([plain(batch) for batch in data.DataLoader(dataset, **settings)])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "settings", [*LOADERS, {"shuffle": True}, {"shuffle": True, "batch_size": None}]
)
def test_a_loader_shows_pytorchs_samplers(settings: dict[str, Any]) -> None:
    ours = nn.data.DataLoader(range(4), **settings)
    theirs = torch.utils.data.DataLoader(range(4), **settings)
    for word in ("sampler", "batch_sampler", "batch_size", "drop_last"):
        mine, its = getattr(ours, word), getattr(theirs, word)
        assert type(mine).__name__ == type(its).__name__ and (
            mine == its or hasattr(mine, "__iter__")
        )
    assert len(ours.sampler) == len(theirs.sampler)
    if "shuffle" in settings:
        mg.manual_seed(3)
        order = list(ours.sampler)
        mg.manual_seed(3)
        assert [int(number) for batch in ours for number in np.ravel(batch)] == order
    stream = nn.data.IterableDataset()
    assert isinstance(nn.data.DataLoader(stream).batch_sampler, nn.data.BatchSampler)
    with pytest.raises(
        ValueError, match="^RandomSampler: expected num_samples of at least 1, got 0"
    ):
        nn.data.DataLoader([], shuffle=True)


def test_a_dataset_of_ones_own_is_asked_item_by_item() -> None:
    found = []
    for library, data in ((mg, nn.data), (torch, torch.utils.data)):

        class Squares(data.TensorDataset):  # type: ignore[name-defined, misc]
            def __getitem__(self, index: int) -> Any:
                (x,) = super().__getitem__(index)
                return {"x": x * x, "i": index}

        found.append([plain(b) for b in data.DataLoader(Squares(library.arange(3)), 2)])
    assert found[0] == found[1] and found[0][1] == {"x": ("int64", [4]), "i": ("int64", [2])}


@pytest.mark.parametrize("of_parts", [False, True])
def test_a_dataset_gives_a_batch_at_once(of_parts: bool) -> None:
    found = []
    for data in (nn.data, torch.utils.data):
        asked = []

        class Rows(data.Dataset):  # type: ignore[name-defined, misc]
            def __len__(self) -> int:
                return 5

            def __getitem__(self, index: int) -> int:
                return -index

            def __getitems__(self, indices: list[int], asked: list[Any] = asked) -> list[int]:
                asked.append((type(indices), indices))
                return [10 * i for i in indices]

        rows = data.Subset(Rows(), [4, 2, 0]) if of_parts else Rows()
        batches = [plain(batch) for batch in data.DataLoader(rows, 2)]
        alone = [plain(item) for item in data.DataLoader(rows, batch_size=None)]
        by_sampler = data.DataLoader(rows, batch_sampler=[[1], [2, 0]])
        found.append([asked, batches, alone, [plain(batch) for batch in by_sampler]])
    assert found[0] == found[1]


def test_a_subset_of_ones_own_is_asked_item_by_item() -> None:
    class Doubled(nn.data.Subset):
        def __getitem__(self, index: Any) -> Any:
            return 2 * super().__getitem__(index)

    loader = nn.data.DataLoader(Doubled(range(5), [3, 1, 4]), 2)
    assert [batch.tolist() for batch in loader] == [[6, 2], [8]]
    with pytest.raises(IndexError, match="^Subset: index 3 is out of range for 2"):
        nn.data.Subset(range(5), [0, 1]).__getitems__([0, 3])


@pytest.mark.parametrize("batch_size", [None, 2, 5])
def test_a_stream_of_items(batch_size: Any) -> None:
    found = []
    for data in (nn.data, torch.utils.data):

        class Numbers(data.IterableDataset):  # type: ignore[name-defined, misc]
            def __iter__(self) -> Iterator[int]:
                return iter(range(5))

        loader = data.DataLoader(Numbers(), batch_size, drop_last=batch_size == 2)
        found.append([plain(batch) for batch in loader])
    assert found[0] == found[1]


def test_the_kinds_of_items_can_be_named() -> None:
    for data in (nn.data, torch.utils.data):

        class Words(data.Dataset[str]):  # type: ignore[name-defined, misc]
            def __getitem__(self, index: int) -> str:
                return "ab"[index]

            def __len__(self) -> int:
                return 2

        class Backwards(data.Sampler[int]):  # type: ignore[name-defined, misc]
            def __init__(self) -> None:
                pass

            def __iter__(self) -> Iterator[int]:
                return iter([1, 0])

            def __len__(self) -> int:
                return 2

        loader: data.DataLoader[str] = data.DataLoader(Words(), 2, sampler=Backwards())
        assert [list(batch) for batch in loader] == [["b", "a"]]


def test_parts_and_chains_of_datasets() -> None:
    found = []
    for library, data in ((mg, nn.data), (torch, torch.utils.data)):
        tensors = data.TensorDataset(library.arange(3))
        joined = tensors + data.TensorDataset(library.arange(2) * 10)
        part = data.Subset(joined, [4, 0])
        parts = [list(p) for p in data.random_split(range(10), [0.55, 0.45])]
        assert sorted(parts[0] + parts[1]) == list(range(10))
        sizes = [len(p) for p in data.random_split(range(10), [1 / 3] * 3)]
        found.append(
            [
                len(joined),
                joined.cumulative_sizes,
                [plain(joined[i]) for i in (0, 3, -1)],
                [plain(item) for item in part],
                [len(p) for p in parts],
                sizes,
                [len(p) for p in data.random_split(range(4), [3, 1, 0])],
            ]
        )
    assert found[0] == found[1]


@given(
    count=st.integers(1, 40),
    number=st.none() | st.integers(1, 100),
    replacement=st.booleans(),
    batch_size=st.integers(1, 9),
    drop_last=st.booleans(),
)
def test_a_pass_is_as_long_as_it_says(
    count: int, number: int | None, replacement: bool, batch_size: int, drop_last: bool
) -> None:
    """Of a sampler, its batches and a loader; without replacement the items take turns."""
    sampler = nn.data.RandomSampler(range(count), replacement, number)
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == (number or count) and set(drawn) <= set(range(count))
    if not replacement:
        times = np.bincount(drawn, minlength=count)
        assert times.max() - times.min() <= 1
    batches = nn.data.BatchSampler(drawn, batch_size, drop_last)
    sizes = [len(batch) for batch in batches]
    assert len(sizes) == len(batches) and set(sizes[:-1]) <= {batch_size}
    assert sum(sizes) == len(drawn) - len(drawn) % batch_size * drop_last
    loader = nn.data.DataLoader(
        range(count), batch_size, sampler=sampler, drop_last=drop_last, collate_fn=len
    )
    assert list(loader) == sizes and len(loader) == len(batches)


def test_the_order_of_samplers() -> None:
    for data in (nn.data, torch.utils.data):
        for _ in range(20):
            drawn = list(data.RandomSampler(range(5), num_samples=12))
            assert sorted(drawn[:5]) == sorted(drawn[5:10]) == list(range(5)) and len(drawn) == 12
            drawn = list(data.RandomSampler(range(3), replacement=True, num_samples=50))
            assert set(drawn) <= {0, 1, 2} and len(set(drawn)) > 1 and len(drawn) == 50
            assert sorted(data.SubsetRandomSampler([7, 3, 5])) == [3, 5, 7]
            weighted = data.WeightedRandomSampler([0.0, 1.0, 3.0], 2, replacement=False)
            assert sorted(weighted) == [1, 2] and len(weighted) == 2
        counts = np.bincount(list(data.WeightedRandomSampler([0.0, 1.0, 3.0], 4000)), minlength=3)
        np.testing.assert_allclose(counts / 4000, [0, 0.25, 0.75], atol=0.04)
        batches = data.BatchSampler(data.SequentialSampler(range(5)), 2, drop_last=True)
        assert list(batches) == [[0, 1], [2, 3]] and len(batches) == 2
        assert len(list(data.DataLoader(range(5), batch_sampler=batches))) == 2
    same = [
        list(nn.data.RandomSampler(range(9), generator=mg.Generator().manual_seed(4))) for _ in "ab"
    ]
    assert same[0] == same[1] and isinstance(same[0][0], int)
