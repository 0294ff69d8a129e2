"""What the repository says of results is what the committed data say."""

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="the demos need the extra demos")
pytest.importorskip("joblib", reason="the demos need the extra demos")

from demos import results

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    return results.load()


def test_the_page_is_made_from_the_data(kept: dict[str, Any]) -> None:
    assert results.PAGE.read_text("utf-8") == results.page(kept)


def test_it_is_a_full_run_over_five_seeds(kept: dict[str, Any]) -> None:
    assert kept["made"]["seeds"] >= 5 and not any(section["quick"] for section in kept["sections"])
    assert len(kept["claims"]) >= 30
    assert all(claim["verdict"] and claim["measured"]["text"] for claim in kept["claims"])


def test_every_figure_of_the_page_is_there_and_no_other(kept: dict[str, Any]) -> None:
    shown = re.findall(r"\(results/(\S+\.png)\)", results.PAGE.read_text("utf-8"))
    assert sorted(shown) == sorted(path.name for path in results.FOLDER.glob("*.png"))


def test_a_claims_words_are_its_numbers(kept: dict[str, Any]) -> None:
    told = [
        value for claim in kept["claims"] for value in (claim["measured"], claim["baseline"] or {})
    ]
    numbers = [value for value in told if "value" in value]
    assert len(numbers) > 30
    for value in numbers:
        assert value["low"] <= value["value"] <= value["high"]
        if value["runs"] > 1:
            assert re.search(rf"\(\S+ to \S+, {value['runs']} runs\)", value["text"]), value


def test_the_readme_says_what_the_data_say(kept: dict[str, Any]) -> None:
    assert results.counts(kept) in " ".join(README.split())
    assert results.highlights(kept) in README
