"""Small errors, made on purpose: every one that a rule of this file makes in the text of a
module."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

OTHER_OPERATOR = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Mod: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
OTHER_COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
COMMUTE = {"add", "multiply", "maximum", "min", "max"}
# a call that gives another kind of thing than its argument: without it nothing runs at all
NEEDED = {
    "isinstance",
    "hasattr",
    "len",
    "range",
    "zip",
    "slice",
    "enumerate",
    "list",
    "tuple",
    "dict",
    "set",
    "map",
    "type",
    "vars",
    "plain",
    "zeros",
    "empty",
    "sum_of",
    "partial",
}


class Mutant(NamedTuple):
    file: str
    line: int
    function: str  # the function or class at the top of the file that it is in
    before: str  # the lines that change, as they are
    after: str
    source: str  # the whole file with the change

    @property
    def name(self) -> str:
        return f"{self.file}: {self.before} -> {self.after}"


def mutants(file: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a file, once, in the order of its lines."""
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    found = []
    for top in ast.parse(source).body:
        for node in within(top):
            for place, text in variants(node):
                start = starts[place.lineno - 1] + place.col_offset
                end = starts[place.end_lineno - 1] + place.end_col_offset
                found.append(
                    (start, end, text, place.lineno, place.end_lineno, getattr(top, "name", ""))
                )
    seen = set()
    for start, end, text, first, last, function in sorted(found):
        whole = source.encode()
        changed = whole[:start] + text.encode() + whole[end:]
        before = squeezed(whole[starts[first - 1] : starts[last]])
        after = squeezed(changed[starts[first - 1] : len(changed) - len(whole) + starts[last]])
        if changed not in seen and before != after:
            seen.add(changed)
            yield Mutant(file, first, function, before, after, changed.decode())


def squeezed(text: bytes) -> str:
    return " ".join(text.decode().split())


def within(node: ast.AST) -> Iterator[ast.AST]:
    """What is worth changing: no imports, types, decorators, docstrings, or texts of errors."""
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.JoinedStr)):
        return
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    if (
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.BinOp)
        and isinstance(node.value.op, ast.BitOr)
    ):
        return  # a name for a type
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return  # of a zip
    yield node
    if isinstance(node, ast.Raise):
        return
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from within(child)


def variants(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """The texts that may stand in the place of a node, or of a part of it."""
    if isinstance(node, ast.If):
        yield from ((node.test, truth) for truth in ("True", "False"))
    elif isinstance(node, ast.For):
        yield node.iter, "()"
    for variant in changed(node):
        text = ast.unparse(variant) if isinstance(variant, ast.AST) else variant
        yield (
            node,
            f"({text})" if isinstance(node, ast.expr) and not isinstance(node, ast.Slice) else text,
        )


def changed(node: ast.AST) -> Iterator[ast.AST | str]:
    match node:
        case ast.BinOp(left, ast.MatMult(), right):
            yield ast.BinOp(right, ast.MatMult(), left)
        case ast.BinOp(left, op, right):
            yield ast.BinOp(left, OTHER_OPERATOR[type(op)](), right)
            yield from (left, right)
        case ast.UnaryOp(ast.USub() | ast.Not() | ast.Invert(), operand):
            yield operand
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.And() if isinstance(op, ast.Or) else ast.Or(), values)
            yield from (
                ast.BoolOp(op, rest) if len(rest) > 1 else rest[0] for rest in without_one(values)
            )
        case ast.Compare(left, ops, comparators):
            for i, op in enumerate(ops):
                for other in OTHER_COMPARISONS[type(op)]:
                    yield ast.Compare(left, [*ops[:i], other(), *ops[i + 1 :]], comparators)
        case ast.IfExp(_, body, orelse):
            yield from (body, orelse)
        case ast.Constant(bool(value)):
            yield repr(not value)
        case ast.Constant(int(value) | float(value)):
            yield repr(value + 1)
        case ast.Slice(lower, upper, step):
            for part in ("lower", "upper", "step"):
                if getattr(node, part):
                    yield ast.Slice(**{"lower": lower, "upper": upper, "step": step, part: None})
        case ast.Attribute(value, "T" | "real"):
            yield value
        case ast.Call():
            yield from changed_call(node)
        case ast.AugAssign(target, op, value):
            yield ast.AugAssign(target, OTHER_OPERATOR[type(op)](), value)
            yield ast.Assign([target], value, lineno=0)
            yield "pass"
        case ast.Expr(ast.Call()) | ast.Raise() | ast.Assign([ast.Subscript()]):
            yield "pass"
        case ast.Assign([ast.Name(name)], value) if name in {
            n.id for n in ast.walk(value) if isinstance(n, ast.Name)
        }:
            yield "pass"


def changed_call(call: ast.Call) -> Iterator[ast.AST]:
    """Two arguments exchanged; a keyword left out; the call left out, so that its (first) argument
    remains."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in NEEDED:
        return
    for keywords in without_one(call.keywords):
        yield ast.Call(call.func, call.args, keywords)
    if len(call.args) == 2 and name not in COMMUTE:
        yield ast.Call(call.func, call.args[::-1], call.keywords)
    if call.args and not isinstance(call.args[0], (ast.Starred, ast.Constant, ast.GeneratorExp)):
        yield call.args[0]
    elif isinstance(call.func, ast.Attribute) and name != "append":
        yield call.func.value


def without_one(items: list) -> Iterator[list]:
    return (items[:i] + items[i + 1 :] for i in range(len(items)))
