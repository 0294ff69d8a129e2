"""The command line that all demos share."""

from __future__ import annotations

import argparse
import difflib
import io
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from demos import engines

HERE = Path(__file__).parent
KINDS = "sxp"  # sections, exercises, papers
SCRIPTS = {
    path.stem.split("_")[0]: path
    for kind in KINDS
    for path in sorted(HERE.glob(f"{kind}[0-9]*_*.py"))
}  # name -> script
DATA = {  # the reader's own data: option -> the demos that read it, what it is called, what it is
    "text": (("x2", "x5"), "FILE", "a text to model, UTF-8"),
    "csv": (("x3",), "FILE", "a table with a first line of names, a row for each time"),
    "column": (("x3",), "NAME", "the column of --csv to forecast"),
    "train": (
        ("x4",),
        "FILE",
        "sentences in CoNLL format: a word and its tag on a line, an empty line between",
    ),
    "test": (("x4",), "FILE", "more of them, to test on"),
    "pairs": (("x7",), "FILE", "a source, a tab and its target on each line"),
}


@dataclass(frozen=True)
class Options:
    """How to run: what `--help` says."""

    names: tuple[str, ...] = ()
    quick: bool = False
    seeds: int = 1
    jobs: int = os.cpu_count() or 1
    device: str = "cpu"
    out: Path = Path("out")
    backend: str = "loky"
    scheduler: str | None = None
    engine: str = "minigrad"  # as records name it
    ledger: tuple[int, int] | None = None  # seeds of dear and of cheap runs, for demos.ledger
    records: Path = HERE / "records"
    text: Path | None = None
    csv: Path | None = None
    column: str | None = None
    train: Path | None = None
    test: Path | None = None
    pairs: Path | None = None


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one sentence, with the nearest word that would have been
    right."""

    def parse_args(self, args: Sequence[str]) -> argparse.Namespace:
        """An option that is none is named first: else the value after it would be taken for a
        demo's name."""
        for word in args:
            option = word.partition("=")[0]
            if option.startswith("--") and option not in ("--", *self._option_string_actions):
                self.error(f"unrecognized arguments: {option}")
        return super().parse_args(args)

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r"unrecognized arguments: (\S+)", message)
        if unknown:
            message = f"there is no option {unknown[1]}"
            message += nearest(unknown[1], self._option_string_actions)
            if unknown[1] == "--engine":
                message = "--engine is for python -m demos, not for a script that is run alone"
        wrong = re.match(r"(.*): invalid choice: (.*) \(choose from (.*)\)", message)
        if wrong:
            choices = " or ".join(re.findall(r"\w+", wrong[3]))
            message = f"{wrong[1]}: expected {choices}, got {wrong[2]}"
        message = message.removeprefix("argument ").removeprefix("NAME: ")
        message += "" if message.endswith("?") else "."
        print(f"{self.prog}: {message} ({self.prog} --help shows what there is.)", file=sys.stderr)
        sys.exit(2)


def nearest(word: str, words: Iterable[str]) -> str:
    """A question with the one of `words` that is most like `word`, or ""; dashes do not count."""
    by_letters = {known.strip("-"): known for known in words}
    close = difflib.get_close_matches(word.strip("-"), list(by_letters), n=1)
    return f": did you mean {by_letters[close[0]]}?" if close else ""


def script_name(text: str) -> str:
    """s6 for s6, s6_copy_task and demos/s6_copy_task.py; list for list."""
    known = {"list": "list"} | {
        word: name for name, path in SCRIPTS.items() for word in (name, path.stem)
    }
    if Path(text).stem not in known:
        raise argparse.ArgumentTypeError(
            "there is no demo "
            f"{text!r}{nearest(text, known) or '; there are ' + ', '.join(SCRIPTS)}"
        )
    return known[Path(text).stem]


def count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def device(text: str) -> str:
    import minigrad as mg

    if text.split(":")[0] not in ("cpu", "cuda"):
        raise argparse.ArgumentTypeError(f"expected cpu, cuda or cuda:1, got {text!r}")
    if text != "cpu" and not mg.cuda.is_available():
        raise argparse.ArgumentTypeError(f"{text}: CuPy finds no GPU here; leave the option out")
    return text


def file(text: str) -> Path:
    if not os.path.isfile(text):
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return Path(text)


def folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("expected the name of a folder, got ''")
    if os.path.exists(text) and not os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"{text} is a file; name a folder")
    return Path(text)


def parse(arguments: Sequence[str], prog: str, with_names: bool = False) -> Options:
    """Options from the words of a command line; ends the program with one sentence where a word is
    wrong."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a file on Windows that has no σ gets a "?"
    parser = parser_of(prog, with_names)
    given = {
        name: value
        for name, value in vars(parser.parse_args(arguments)).items()
        if value is not None
    }
    if given.get("engine") == "torch":
        given.setdefault("out", Path("out/torch"))
    chosen = Options(**{**given, "names": tuple(dict.fromkeys(given.get("names", ())))})
    refuse_what_has_no_use(parser, chosen, given)
    return chosen


def parser_of(prog: str, with_names: bool) -> Parser:
    """What reads the command line of all demos, or of one."""
    parser = Parser(
        prog=prog,
        allow_abbrev=False,
        description="Run the lesson's experiments and report what they show.",
    )
    if with_names:
        parser.add_argument(
            "names",
            nargs="*",
            type=script_name,
            metavar="NAME",
            help="demos to run, or: list (default: all)",
        )
        parser.add_argument(
            "--engine",
            choices=engines.ENGINES,
            help="what computes; torch runs the same experiments on PyTorch, by default into "
            "out/torch (default: minigrad)",
        )
    parser.add_argument(
        "--quick", action="store_true", help="small versions, to see that everything runs"
    )
    parser.add_argument(
        "--seeds",
        type=count,
        metavar="N",
        help="independent runs of each experiment, or more where they are cheap (default: 1)",
    )
    parser.add_argument(
        "--jobs", type=count, metavar="N", help="runs at a time, one core each (default: all cores)"
    )
    parser.add_argument("--device", type=device, help="cpu or cuda (default: cpu)")
    parser.add_argument(
        "--out", type=folder, metavar="DIR", help="where everything is written (default: out)"
    )
    parser.add_argument(
        "--backend",
        choices=("loky", "dask"),
        help="joblib's engine for independent runs (default: loky, processes)",
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a running Dask cluster, with --backend dask"
    )
    for option, (users, metavar, what) in DATA.items():
        if with_names or prog.split("_")[0] in users:
            kind = str if option == "column" else file
            of = f"{', '.join(users)}: " if with_names else ""
            parser.add_argument(f"--{option}", type=kind, metavar=metavar, help=f"{of}{what}")
    return parser


def refuse_what_has_no_use(parser: Parser, chosen: Options, given: dict[str, object]) -> None:
    for option, (users, *_) in DATA.items():
        if option in given and chosen.names and not set(users) & set(chosen.names):
            parser.error(
                f"--{option} is for {' and '.join(users)}, not for {' '.join(chosen.names)}"
            )
    for one, other in [("csv", "column"), ("train", "test")]:
        if (one in given) != (other in given):
            parser.error(f"--{one} and --{other} go together")
    if chosen.engine == "torch" and (chosen.device != "cpu" or chosen.backend == "dask"):
        parser.error(
            "--engine torch runs on the CPU of this machine: leave out --device, --backend"
        )
    if (chosen.backend == "dask") != (chosen.scheduler is not None):
        parser.error("--backend dask and --scheduler ADDRESS go together")


def ending(error: BaseException) -> str:
    """What to say where a Ctrl-C, or a file that could not be written, ends a demo; else ""."""
    if isinstance(error, KeyboardInterrupt):
        return "\nStopped. Every finished run is kept: the same command goes on from here."
    if isinstance(error, OSError) and "could not be written" in str(error):  # see nn.io.write
        return (
            f"\n{error}. Every finished run is kept: with room there, the same command goes on "
            "from here."
        )
    return ""


def say_the_ending(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """`sys.excepthook` of a script that is run alone."""
    sentence = ending(error)
    if not sentence:
        sys.__excepthook__(kind, error, trace)
        return
    sys.exit(sentence)
