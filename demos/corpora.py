"""Sentences with marked names that need no download: composed from templates, and taken from
Python's own library."""

from __future__ import annotations

import ast
import io
import sysconfig
import tokenize
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from demos.tagging import Sentence, read_conll


class Corpus(NamedTuple):
    """Three parts, and for each word of the test part what tells the kind of its name: "left",
    "right" or ""."""

    training: list[Sentence]
    validation: list[Sentence]
    test: list[Sentence]
    evidence: list[list[str]]


def corpus(name: str, seed: int, count: int, train: str = "", test: str = "") -> Corpus:
    """ "templates", "Python source", or "your files": `count` sentences to learn from, a fifth as
    many to choose by, and half as many to report (of files all that are in them, a tenth of `train`
    to choose by)."""
    if name == "templates":
        return from_templates(seed, count)
    if name == "Python source":
        return from_python(seed, count)
    sentences = read_conll(train)
    chosen = np.random.default_rng(seed).permutation(len(sentences)).tolist()
    first, rest = chosen[: len(chosen) // 10 + 1], chosen[len(chosen) // 10 + 1 :]
    if len(rest) < 20:
        raise SystemExit(f"{train}: expected 30 or more sentences, got {len(sentences)}.")
    return Corpus([sentences[i] for i in rest], [sentences[i] for i in first], read_conll(test), [])


# ---- templates

PEOPLE = """Anna Boris Carla Dmitri Elena Farid Greta Hassan Irina Jonas Karim Lena Marta Nadia
Oskar Petra Rosa Stefan Tariq Ursula Viktor Wanda Yusuf Zoe Amir Birgit Cesar Dora Emil
Fatima""".split()
PLACES = """Lisbon Oslo Nairobi Quito Hanoi Warsaw Tunis Lima Dakar Seoul Riga Havana Cairo Bergen
Malaga Izmir Lagos Perth Turin Ghent Osaka Accra Bogota Minsk Split Tartu Porto Basel Graz
Lviv""".split()
FIRMS = """Nokia Siemens Toyota Philips Bosch Danone Samsung Volvo Pirelli Nestle Ericsson Hitachi
Renault Unilever Sony Michelin Bayer Fujitsu Skoda Olivetti Canon Lufthansa Adidas Ikea Lego Fiat
Henkel Shell Intel Thales""".split()
# May be a person, a place or a firm.
ANY = """Jordan Austin Florence Georgia Sydney Victoria Madison Charlotte Lincoln Washington Chelsea
Paris Morgan Carter Dallas Houston Kent Lorraine Preston Savannah Troy Vienna Wells Bradford Logan
Camden Clifton Dalton Sheffield
Brooklyn""".split()
POOLS = {"PER": PEOPLE, "LOC": PLACES, "ORG": FIRMS}
TAILS = {
    "PER": ["Miller", "Novak", "Rossi"],
    "LOC": ["River", "Bay", "County"],
    "ORG": ["Motors", "Bank", "Group"],
}

OPENINGS = [
    "",
    "Yesterday",
    "Last week",
    "They say that",
    "This year",
    "It seems that",
    "As we know ,",
    "At noon",
]
# Between a name and what tells its kind.
INSERTS = ["", "", "", "once more", ", we hear ,", ", to the surprise of all ,"]
AFTER = {  # tells the kind of the name before it
    "PER": [
        "smiled and left .",
        "wrote a letter to {PER} .",
        "was born in {LOC} .",
        "plays the piano .",
        "married a teacher from {LOC} .",
        "fell asleep on the train .",
        "works for {ORG} .",
    ],
    "LOC": [
        "has two million inhabitants .",
        "was flooded .",
        "lies on the way to {LOC} .",
        "is the oldest town .",
        "attracts many tourists .",
        "was painted by {PER} .",
        "celebrates the harvest .",
    ],
    "ORG": [
        "hired a hundred engineers .",
        "cut its prices .",
        "opened a factory in {LOC} .",
        "was bought by {ORG} .",
        "published its annual report .",
        "appointed {PER} as chairman .",
        "sells trucks .",
    ],
}
BEFORE = {  # tells the kind of the name after it
    "PER": ["We asked Dr", "The singer", "A letter came from her uncle", "We had dinner with"],
    "LOC": ["The road to", "The mayor of", "The old bridge in", "The weather in"],
    "ORG": ["The shareholders of", "The chief engineer of", "A subsidiary of", "The customers of"],
}
ENDINGS = ["again .", "today .", "for the first time .", "as usual .", "of course ."]


@lru_cache(maxsize=8)  # every model learns from the same few
def from_templates(seed: int, count: int) -> Corpus:
    """Half of the names stand in the training part alone, the others are split among the other two.

    In half of the sentences the first name is told by what follows it alone, in the others by what
    precedes it.
    """
    random = np.random.default_rng(seed)
    pools = {kind: random.permutation(pool) for kind, pool in {**POOLS, "any": ANY}.items()}
    parts = []
    for number, share in enumerate([slice(0, 15), slice(15, 20), slice(20, 30)]):
        known = {kind: pool[share].tolist() for kind, pool in pools.items()}
        parts.append(
            [composed(random, known) for _ in range((count, count // 5, count // 2)[number])]
        )
    training, validation, test = ([sentence for sentence, _ in part] for part in parts)
    return Corpus(training, validation, test, [evidence for _, evidence in parts[2]])


def composed(
    random: np.random.Generator, known: dict[str, list[str]]
) -> tuple[Sentence, list[str]]:
    """A sentence, and for each word of a name on which side of the name is what tells its
    kind."""
    words: list[str] = []
    tags: list[str] = []
    evidence: list[str] = []

    def add(word: str, tag: str, told: str) -> None:
        words.append(word)
        tags.append(tag)
        evidence.append(told)

    def one_of(choices: Sequence[str]) -> str:
        return choices[random.integers(len(choices))]  # a fifth of the time of random.choice

    kind = one_of([*POOLS])
    told = one_of(["left", "right"])
    start, end = (OPENINGS, AFTER[kind]) if told == "right" else (BEFORE[kind], ENDINGS)
    insert = one_of(INSERTS) if told == "right" else ""
    for piece in f"{one_of(start)} {{{kind}}} {insert} {one_of(end)}".split():
        if piece[0] != "{":
            add(piece, "O", "")
            continue
        kind = piece[1:-1]
        name = [one_of(known["any" if random.random() < 0.5 else kind])]
        name += [one_of(TAILS[kind])] * (random.random() < 0.3)
        for i, word in enumerate(name):
            add(word, f"{'I' if i else 'B'}-{kind}", told)
        told = "left"  # of every further name
    return Sentence(words, tags), evidence


# ---- Python's source

LONGEST = 50  # words; the tables of data that are longer are left out
# A keyword or bracket to the left tells these kinds of names.
INTRODUCED = ["function", "class", "argument", "import"]


@lru_cache(maxsize=8)
def from_python(seed: int, count: int) -> Corpus:
    """Whole modules go to one part or another; a line that is also in the training part is not
    tested on."""
    folder = Path(sysconfig.get_path("stdlib"))
    files = sorted(folder.glob("*.py"))
    if len(files) < 50:
        raise SystemExit(
            f"{folder}: expected the sources of Python's library, got {len(files)} modules; "
            "use a Python that has them."
        )
    random = np.random.default_rng(seed)
    order = iter(random.permutation(len(files)).tolist())
    parts: list[list[Sentence]] = []
    for wanted in (count, count // 5, count // 2):
        known = {tuple(sentence.words) for sentence in parts[0]} if parts else set()
        part: list[Sentence] = []
        while len(part) < wanted:
            lines = statements(files[next(order)].read_text("utf-8-sig"))
            part += [line for line in lines if tuple(line.words) not in known]
        parts.append(part[:wanted])
    evidence = [
        ["left" if tag[2:] in INTRODUCED else "right" if tag != "O" else "" for tag in line.tags]
        for line in parts[2]
    ]
    return Corpus(*parts, evidence)


def statements(source: str) -> list[Sentence]:
    """The logical lines of a Python source that hold a name, each name tagged with what it is
    there, as `ast` has it.

    function, class, argument, import: where such a name is introduced; keyword: before the = in a
    call; call, attribute, target, variable: where a name or dotted names are called, read, assigned
    to, read without a dot. Strings and numbers are all the same word. Names within f-strings, after
    global and in match patterns are not tagged.
    """
    words = tokens(source)
    tags = ["O"] * len(words)
    for begin, end, kind in named(ast.parse(source), words, source):
        tags[begin:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - begin - 1)]
    found, begin = [], 0
    for at, word in enumerate(words):
        if word.type == tokenize.NEWLINE:
            line, marks = words[begin:at], tags[begin:at]
            if len(line) <= LONGEST and any(mark != "O" for mark in marks):
                found.append(Sentence([text(word) for word in line], marks))
            begin = at + 1
    return found


def text(token: tokenize.TokenInfo) -> str:
    return {tokenize.STRING: '"..."', tokenize.NUMBER: "0"}.get(token.type, token.string)


def tokens(source: str) -> list[tokenize.TokenInfo]:
    """The tokens that are words or end a line; an f-string is one of them, also where Python takes
    it apart (3.12)."""
    silent = (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    opening, closing = (
        [getattr(tokenize, f"{c}STRING_{end}", -1) for c in "FT"] for end in ("START", "END")
    )
    found, depth = [], 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in opening:
            depth += 1
            if depth == 1:
                found.append(token._replace(type=tokenize.STRING))
        elif depth:
            depth -= token.type in closing
        elif token.type not in silent:
            found.append(token)
    return found


class Places:
    """Where the nodes of a syntax tree stand among the words of its source."""

    def __init__(self, words: Sequence[tokenize.TokenInfo], source: str):
        self.words = words
        self.lines = source.splitlines(keepends=True)
        self.starts = {word.start: i for i, word in enumerate(words)}
        self.ends = {word.end: i for i, word in enumerate(words)}

    def first(self, node: Any) -> int:
        """The place of a node's first word."""
        return self.starts[self.position(node.lineno, node.col_offset)]

    def last(self, node: Any) -> int:
        """The place of its last word."""
        return self.ends[self.position(node.end_lineno, node.end_col_offset)]

    def position(self, line: int, byte: int) -> tuple[int, int]:
        """As tokenize has it, which counts characters, where ast counts bytes."""
        return line, len(self.lines[line - 1].encode()[:byte].decode())

    def after(self, i: int, word: str) -> int:
        """The place after the next such word."""
        return next(j for j in range(i, len(self.words)) if self.words[j].string == word) + 1

    def next_name(self, i: int) -> int:
        """The place of the next word that is a name or a keyword."""
        return next(j for j in range(i, len(self.words)) if self.words[j].type == tokenize.NAME)

    def joined_by_dots(self, node: ast.expr) -> list[ast.expr]:
        """A name and its attributes, as a.b.c: c's node first, and as far inwards as only dots lie
        between them."""
        parts, begin = [node], self.last(node)
        while isinstance(node, ast.Attribute):
            node, begin = node.value, begin - 2
            if not isinstance(node, ast.Name | ast.Attribute) or self.last(node) != begin:
                break  # another expression, or in brackets: (a).b
            parts.append(node)
        return parts


def named(
    tree: ast.AST, words: Sequence[tokenize.TokenInfo], source: str
) -> Iterator[tuple[int, int, str]]:
    """(begin, end, kind), places in `words`, of each name in a syntax tree."""
    at = Places(words, source)
    nodes = list(outside_strings(tree))
    called = {node.func for node in nodes if isinstance(node, ast.Call)}
    within: set[ast.AST] = set()  # parts of longer dotted names
    for node in nodes:  # from the outside inwards
        if not isinstance(node, ast.Name | ast.Attribute):
            yield from introduced(node, at)
        elif node not in within:
            parts = at.joined_by_dots(node)
            within.update(parts)
            read = "attribute" if isinstance(node, ast.Attribute) else "variable"
            kind = "call" if node in called else read
            if not isinstance(node.ctx, ast.Load):
                kind = "target"
            end = at.last(node) + 1
            yield end - (2 * len(parts) - 1), end, kind


def introduced(node: ast.AST, at: Places) -> Iterator[tuple[int, int, str]]:
    """The same of the names that a node of another kind holds itself."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            i = at.after(at.first(node), "def")
            yield i, i + 1, "function"
        case ast.ClassDef():
            yield at.first(node) + 1, at.first(node) + 2, "class"
        case ast.arg():
            yield at.first(node), at.first(node) + 1, "argument"
        case ast.keyword(arg=str()):
            yield at.first(node), at.first(node) + 1, "keyword"
        case ast.alias() if node.name != "*":
            end = at.first(node) + words_of(node.name)
            yield at.first(node), end, "import"
            if node.asname:
                yield end + 1, end + 2, "import"
        case ast.ImportFrom(module=str()):
            i = at.next_name(at.first(node) + 1)
            yield i, i + words_of(node.module), "import"
        case ast.ExceptHandler(name=str()):
            i = at.after(at.last(node.type), "as")
            yield i, i + 1, "target"


def words_of(dotted_name: str) -> int:
    """How many words it is: a.b.c is five."""
    return 2 * dotted_name.count(".") + 1


def outside_strings(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a syntax tree, parents before children, without what is in f-strings."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if type(child).__name__ not in ("JoinedStr", "TemplateStr"):
            yield from outside_strings(child)
