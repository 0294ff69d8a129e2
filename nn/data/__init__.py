"""Batches: datasets, samplers and the DataLoader, under the names of torch.utils.data."""

from .collate import collate
from .dataset import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset, random_split
from .loader import DataLoader
from .sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

default_collate = collate

__all__ = [
    "BatchSampler",
    "collate",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "default_collate",
    "IterableDataset",
    "random_split",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
]
