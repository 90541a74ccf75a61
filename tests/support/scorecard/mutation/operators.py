"""Small changes to a source file, each of which makes it another circuit or one that cannot be built.

A change replaces some characters, so that line numbers and everything else stay as they are.
"""

import ast
import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

__all__ = ["Change", "changes"]

COMPARISONS = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="),
}  # fmt: skip
BINARY = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&"), ast.BitXor: ("^", "|"),
    ast.LShift: ("<<", ">>"), ast.RShift: (">>", "<<"), ast.Mult: ("*", "+"), ast.FloorDiv: ("//", "*"),
}  # fmt: skip
METHODS = {"any": "all", "all": "any"}
BRANCHES = ("If", "Elif")


@dataclass(frozen=True, order=True)
class Change:
    """Characters of a text that are replaced.

    Parameters
    ----------
    start, end : int
        Which characters.
    new : str
        What they become.
    line : int
        Where they begin, from 1.
    operator : str
        What kind of change it is.
    """

    start: int
    end: int
    new: str
    line: int
    operator: str

    def applied(self, text: str) -> str:
        """Return the text with the change."""
        return text[: self.start] + self.new + text[self.end :]


def changes(text: str) -> list[Change]:
    """Return all changes of a source file, in the order of their places."""
    return sorted(set(_Finder(text).found()))


class _Finder:
    def __init__(self, text: str):
        self.text = text
        self.lines = text.splitlines(keepends=True)
        self.starts = [0, *accumulate(len(line) for line in self.lines)]

    def found(self) -> Iterator[Change]:
        for node in ast.parse(self.text).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                yield from self._inside(node)

    def _inside(self, node: ast.AST) -> Iterator[Change]:
        """Changes in a node and all in it, without annotations, messages and docstrings."""
        match node:
            case ast.keyword(arg="reset_less"):
                return  # what may begin with any value may also begin with the one of a reset
            case ast.JoinedStr() | ast.Raise() | ast.Assert() | ast.arguments() | ast.Constant(value=str()):
                return
            case ast.AnnAssign(value=value):
                if value is not None:
                    yield from self._inside(value)
                return
            case ast.ClassDef(body=body) | ast.FunctionDef(body=body):
                for statement in body:
                    yield from self._inside(statement)
                return
        yield from self._of(node)
        for child in ast.iter_child_nodes(node):
            yield from self._inside(child)

    def _of(self, node: ast.AST) -> Iterator[Change]:
        match node:
            case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in COMPARISONS:
                yield self._between(left, right, *COMPARISONS[type(operator)], "comparison")
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in BINARY:
                yield self._between(left, right, *BINARY[type(operator)], "operator")
            case ast.BoolOp(op=operator, values=[left, right, *_]):
                words = ("and", "or") if isinstance(operator, ast.And) else ("or", "and")
                yield self._between(left, right, *words, "operator")
            case ast.UnaryOp(op=ast.Invert() | ast.Not() | ast.USub() as operator):
                start = self._start(node)
                yield self._change(start, start + (3 if isinstance(operator, ast.Not) else 1), "", "inversion dropped")
            case ast.Constant(value=bool() as value):
                yield self._whole(node, str(not value), "constant")
            case ast.Constant(value=int() as value):
                for other in {value ^ 1} if value < 2 else {value - 1, value + 1}:
                    yield self._whole(node, str(other), "constant")
            case ast.AugAssign(value=value) if _is_domain(node.target):
                yield from self._assignments(node, value)
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="m"), attr="next")]):
                yield self._whole(node, "pass", "statement dropped")
            case ast.Expr(value=ast.Call()):
                yield self._whole(node, "pass", "statement dropped")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="m"), attr=name), args=[condition]) if name in BRANCHES:
                yield self._whole(condition, f"({self._text(condition)}) == 0", "branch negated")
                yield self._whole(condition, "0", "branch dropped")
            case ast.Call(func=ast.Name(id="Mux"), args=[_, one, other]):
                swapped = f"{self._text(other)}, {self._text(one)}"
                yield self._change(self._start(one), self._end(other), swapped, "branches swapped")
            case ast.Call(func=ast.Attribute(attr="as_signed") as function, args=[]):
                yield self._change(self._end(function) - len(".as_signed"), self._end(node), "", "sign dropped")
            case ast.Call(func=ast.Attribute(attr=name) as function, args=[]) if name in METHODS:
                end = self._end(function)
                yield self._change(end - len(name), end, METHODS[name], "operator")
            case ast.If(test=test) | ast.IfExp(test=test):
                yield self._whole(test, f"not ({self._text(test)})", "choice negated")

    def _assignments(self, node: ast.AST, value: ast.AST) -> Iterator[Change]:
        """One of several assignments, or the only one, is left out."""
        if not isinstance(value, ast.List):
            yield self._whole(node, "pass", "statement dropped")
            return
        for element in value.elts:
            yield self._whole(element, "*()", "statement dropped")

    def _between(self, left: ast.AST, right: ast.AST, old: str, new: str, operator: str) -> Change:
        start, end = self._end(left), self._start(right)
        between = re.sub(r"#.*", lambda comment: " " * len(comment[0]), self.text[start:end])
        place = start + between.index(old)
        return self._change(place, place + len(old), new, operator)

    def _whole(self, node: ast.AST, new: str, operator: str) -> Change:
        return self._change(self._start(node), self._end(node), new, operator)

    def _change(self, start: int, end: int, new: str, operator: str) -> Change:
        return Change(start, end, new, bisect(self.starts, start), operator)

    def _text(self, node: ast.AST) -> str:
        return self.text[self._start(node) : self._end(node)]

    def _start(self, node) -> int:
        return self._position(node.lineno, node.col_offset)

    def _end(self, node) -> int:
        return self._position(node.end_lineno, node.end_col_offset)

    def _position(self, line: int, column: int) -> int:
        """The index of a character, whose column Python counts in bytes."""
        return self.starts[line - 1] + len(self.lines[line - 1].encode()[:column].decode())


def _is_domain(target: ast.AST) -> bool:
    """Whether it is ``m.d.comb`` and the like."""
    match target:
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="m"), attr="d")):
            return True
    return False
