# SPDX-License-Identifier: Apache-2.0
"""Where the RTL can be changed at one point, and into what: all random mutants there are.

The syntax tree of slang says what is an expression that is evaluated at run time, and what a
statement. Left out is what elaboration reads (parameters, widths, conditions of generate blocks,
functions called there), what a clock or a reset is, case labels, heads of loops, assertions,
the left side of a continuous assignment, and what only an ``unused_`` signal reads.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from pyslang.syntax import SyntaxKind as K
from pyslang.syntax import SyntaxNode, SyntaxTree

from tb.run.sources import RTL, rtl_files

OPERATORS = {
    K.AddExpression: ("-",),
    K.SubtractExpression: ("+",),
    K.EqualityExpression: ("!=",),
    K.InequalityExpression: ("==",),
    K.LessThanExpression: ("<=", ">="),
    K.LessThanEqualExpression: ("<", ">"),
    K.GreaterThanExpression: (">=", "<="),
    K.GreaterThanEqualExpression: (">", "<"),
    K.LogicalAndExpression: ("||",),
    K.LogicalOrExpression: ("&&",),
    K.BinaryAndExpression: ("|",),
    K.BinaryOrExpression: ("&", "^"),
    K.BinaryXorExpression: ("|",),
    K.LogicalShiftLeftExpression: (">>",),
    K.LogicalShiftRightExpression: ("<<",),
    K.ArithmeticShiftRightExpression: (">>",),
}
EITHER = (
    K.LogicalAndExpression,
    K.LogicalOrExpression,
    K.BinaryAndExpression,
    K.BinaryOrExpression,
)
UNARY = {
    K.UnaryLogicalNotExpression: ("",),
    K.UnaryBitwiseNotExpression: ("",),
    K.UnaryBitwiseAndExpression: ("|",),
    K.UnaryBitwiseOrExpression: ("&",),
    K.UnaryBitwiseXorExpression: ("|",),
}
ASSIGNMENTS = (K.AssignmentExpression, K.NonblockingAssignmentExpression)
GENERATES = (K.IfGenerate, K.LoopGenerate, K.CaseGenerate, K.GenerateBlock, K.GenerateRegion,
             K.StandardCaseItem, K.DefaultCaseItem, K.ElseClause)  # fmt: skip
ASSERTIONS = (K.ImmediateAssertStatement, K.ImmediateAssumeStatement, K.ImmediateCoverStatement)
CONSTANT = (
    K.ParameterDeclaration,
    K.VariableDimension,
    K.ParameterValueAssignment,
    K.TypedefDeclaration,
)
_SIGNAL = re.compile(r"\b[a-z]\w+")  # and no variable of a loop, nor a parameter


@dataclass(frozen=True)
class Change:
    """One mutant: bytes ``start`` to ``end`` of rtl/``file`` become ``new``.

    ``where`` is the statement, condition or port around it, ``old`` what stood there (white space
    and comments aside), ``number`` which of several that look the same. ``statement``: a statement
    goes away, ``new`` is empty.
    """

    file: str
    start: int
    end: int
    line: int
    operator: str
    where: str
    old: str
    new: str
    number: int = 1
    statement: bool = False

    @property
    def module(self) -> str:
        return Path(self.file).stem

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What names it as long as its statement stays as it is, wherever that stands."""
        return self.module, self.where, self.old, self.new, self.number

    def alone(self, text: str) -> str:
        """``text`` of the file with this mutant and no other."""
        data = text.encode()
        put = ";" if self.statement else f"({self.new})"
        return (data[: self.start] + put.encode() + data[self.end :]).decode()


def plain(text: str) -> str:
    """Without comments, white space as single blanks."""
    return " ".join(re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL).split())


def nodes(node: SyntaxNode) -> Iterator[SyntaxNode]:
    """The node and all below it."""
    yield node
    for child in node:
        if isinstance(child, SyntaxNode):
            yield from nodes(child)


@cache
def _trees() -> dict[Path, SyntaxTree]:
    return {path: SyntaxTree.fromFile(str(path)) for path in rtl_files().values()}


@cache
def _constant_functions() -> frozenset[str]:
    """Functions that elaboration calls, directly or through another one."""
    called: set[str] = set()
    calls: dict[str, set[str]] = {}
    for tree in _trees().values():
        for node in nodes(tree.root):
            kinds = (K.InvocationExpression, K.IdentifierName, K.ScopedName)
            if node.kind in CONSTANT:
                called |= {str(n).strip().split("::")[-1] for n in nodes(node) if n.kind in kinds}
            elif node.kind in (K.IfGenerate, K.CaseGenerate):
                condition = str(node.condition)
                called |= set(re.findall(r"\w+", condition))
            elif node.kind == K.FunctionDeclaration:
                name = str(node.prototype.name).strip()
                calls[name] = set(re.findall(r"(\w+)\s*\(", str(node)))
    called = {re.match(r"\w*", name)[0] for name in called}
    found = called & calls.keys()
    while more := {c for f in found for c in calls[f] & calls.keys()} - found:
        found |= more
    return frozenset(found)


@cache
def _siblings() -> dict[tuple[str, str], str]:
    """(module, enumerator) or (package, constant) -> another one of its kind: the next.

    Constants are of one kind when they have the same first word and the same type.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for path, tree in _trees().items():
        for node in nodes(tree.root):
            if node.kind == K.EnumType:
                names = [plain(str(m.name)) for m in node.members if isinstance(m, SyntaxNode)]
                groups[path.stem, str(node.sourceRange.start.offset)] = names
            elif node.kind == K.ParameterDeclaration and path.stem.endswith("_pkg"):
                for declarator in node.declarators:
                    if isinstance(declarator, SyntaxNode):
                        name = plain(str(declarator.name))
                        if name.isupper() and "_" in name:
                            kind = (path.stem, name.partition("_")[0], plain(str(node.type)))
                            groups.setdefault(kind, []).append(name)
    return {
        (kind[0], name): group[(i + 1) % len(group)]
        for kind, group in groups.items()
        if len(group) > 1
        for i, name in enumerate(group)
    }


class _Finder:
    """The changes of one file, in the order of the text."""

    def __init__(self, path: Path) -> None:
        self.file = str(path.relative_to(RTL))
        self.data = path.read_bytes()
        self.found: list[Change] = []
        self.where = ""

    def text(self, node: SyntaxNode) -> str:
        span = node.sourceRange
        return self.data[span.start.offset : span.end.offset].decode()

    def add(self, node: SyntaxNode, operator: str, *new: str, statement: bool = False) -> None:
        span = node.sourceRange
        start, end = span.start.offset, span.end.offset
        for text in new:
            self.found.append(
                Change(
                    self.file, start, end, self.data[:start].count(b"\n") + 1, operator,
                    self.where, plain(self.text(node)), text, statement=statement,
                )
            )  # fmt: skip

    # ---- members of a module or package

    def member(self, node: SyntaxNode) -> None:
        match node.kind:
            case K.ModuleDeclaration | K.PackageDeclaration | K.CompilationUnit:
                self.members(node.members)
            case K.ContinuousAssign:
                for assign in node.assignments:
                    if isinstance(assign, SyntaxNode) and not _unused(assign.left):
                        self.where = plain(self.text(assign))
                        self.expression(assign.right)
            case K.AlwaysCombBlock | K.AlwaysFFBlock:
                inner = node.statement
                self.statement(inner.statement if inner.kind == K.TimingControlStatement else inner)
            case K.FunctionDeclaration:
                if plain(str(node.prototype.name)) not in _constant_functions():
                    self.statements(node.items)
            case K.HierarchyInstantiation:
                self.instances(node)
            case kind if kind in GENERATES:
                self.members(node)

    def members(self, children) -> None:
        for child in children:
            if isinstance(child, SyntaxNode):
                self.member(child)

    def instances(self, node: SyntaxNode) -> None:
        for port in nodes(node):
            if port.kind == K.NamedPortConnection and port.expr is not None:
                name = plain(str(port.name))
                if name.endswith("_i"):
                    kind = plain(str(node.type))
                    self.where = f"{kind} {plain(self.text(port))}"
                    self.expression(port.expr)

    # ---- statements

    def statements(self, children) -> None:
        for child in children:
            if isinstance(child, SyntaxNode):
                self.statement(child)

    def statement(self, node: SyntaxNode) -> None:
        match node.kind:
            case K.SequentialBlockStatement:
                self.statements(node.items)
            case K.ConditionalStatement:
                self.conditional(node)
            case K.CaseStatement:
                for item in node.items:
                    if item.kind in (K.StandardCaseItem, K.DefaultCaseItem):
                        self.statements([item.clause])
            case K.ForLoopStatement:
                self.statement(node.statement)
            case K.ReturnStatement if node.returnValue is not None:
                self.where = plain(self.text(node))
                self.expression(node.returnValue)
            case K.ExpressionStatement if node.expr.kind in ASSIGNMENTS:
                self.where = plain(self.text(node))
                self.add(node, "assignment", "", statement=True)
                self.target(node.expr.left)
                self.expression(node.expr.right)

    def conditional(self, node: SyntaxNode) -> None:
        if _only_assertions(node):
            return
        for condition in node.predicate.conditions:
            if isinstance(condition, SyntaxNode):
                self.where = f"if ({plain(self.text(condition))})"
                if plain(self.text(condition)) in ("!rst_ni", "!run_rst_ni"):
                    self.add(condition, "reset", "1'b0")
                else:
                    self.condition(condition.expr, "1'b0", "1'b1")
                    self.expression(condition.expr)
        self.statement(node.statement)
        if node.elseClause is not None:
            self.statement(node.elseClause.clause)

    def condition(self, node: SyntaxNode, *stuck: str) -> None:
        self.add(node, "condition", f"!({plain(self.text(node))})", *stuck)

    def target(self, node: SyntaxNode) -> None:
        """The indices on the left side of a procedural assignment."""
        for part in nodes(node):
            if part.kind == K.BitSelect:
                self.index(part.expr)

    # ---- expressions

    def expression(self, node: SyntaxNode) -> None:
        text = plain(self.text(node))
        kind = node.kind
        if kind in OPERATORS:
            left, right = (plain(self.text(side)) for side in (node.left, node.right))
            self.add(node, "operator", *(f"{left} {sign} {right}" for sign in OPERATORS[kind]))
            if kind in EITHER:
                self.add(node, "operand", left, right)
        elif kind in UNARY:
            operand = plain(self.text(node.operand))
            self.add(node, "operator", *(f"{sign}({operand})" for sign in UNARY[kind]))
        elif kind == K.ConditionalExpression:
            self.where, before = self.where, self.where
            for condition in node.predicate.conditions:
                if isinstance(condition, SyntaxNode):
                    self.condition(condition.expr, "1'b0", "1'b1")
            self.where = before
        elif kind == K.UnbasedUnsizedLiteralExpression:
            self.add(node, "constant", "'1" if text == "'0" else "'0")
        elif kind == K.IntegerLiteralExpression:
            self.add(node, "constant", str(int(text) + 1))
        elif kind == K.IntegerVectorExpression:
            self.add(node, "constant", *_other_literal(text))
        elif kind in (K.IdentifierName, K.ScopedName):
            self.name(node, text)
        elif kind == K.CastExpression and _SIGNAL.search(plain(self.text(node.right))):
            width, operand = (plain(self.text(side)) for side in (node.left, node.right))
            if not re.search(r"_[te]$", width):
                top = f"({width} < $bits{operand} ? {width} : $bits{operand}) - 1"
                self.add(node, "width", f"{width}'{operand} & ~({width}'(1) << ({top}))")
        elif kind == K.IdentifierSelectName and ":" in self.text(node.selectors[-1]):
            self.add(node, "width", f"{text} & ~($bits({text})'(1) << ($bits({text}) - 1))")
        self.inside(node)

    def name(self, node: SyntaxNode, text: str) -> None:
        scope, _, name = text.rpartition("::")
        other = _siblings().get((scope or Path(self.file).stem, name))
        if other is not None:
            self.add(node, "constant", f"{scope}::{other}" if scope else other)
        elif re.fullmatch(r"[A-Z]\w*[a-z]\w*", text):  # a parameter
            self.add(node, "constant", f"{text} - 1")

    def index(self, node: SyntaxNode) -> None:
        self.add(node, "index", f"({plain(self.text(node))}) + 1'b1")
        if node.kind != K.IntegerLiteralExpression:
            self.expression(node)

    def inside(self, node: SyntaxNode) -> None:
        """What is below an expression, but for what elaboration reads."""
        match node.kind:
            case K.CastExpression:
                below = [node.right]
            case K.MultipleConcatenationExpression:
                below = [node.concatenation]
            case K.InvocationExpression:
                below = [] if self.text(node).startswith("$") else [node.arguments]
            case K.AssignmentPatternItem:
                below = [node.expr]
            case K.SimpleRangeSelect:
                below = []
            case K.AscendingRangeSelect | K.DescendingRangeSelect:
                below = [node.left]
            case K.StreamingConcatenationExpression | K.ScopedName:
                below = []
            case K.ReplicatedAssignmentPattern:
                below = []
            case _:
                below = [child for child in node if isinstance(child, SyntaxNode)]
        for child in below:
            if child.kind == K.BitSelect:
                self.index(child.expr)
            elif child is not None:
                self.expression(child)


def _unused(target: SyntaxNode) -> bool:
    """A signal that tells the lint which bits nobody reads."""
    return plain(str(target)).startswith("unused_")


def _only_assertions(node: SyntaxNode) -> bool:
    below = {n.kind for n in nodes(node)}
    return not below.isdisjoint(ASSERTIONS) and K.ExpressionStatement not in below


def _other_literal(text: str) -> list[str]:
    """The literal plus one, in its width; the other one of a bit."""
    found = re.fullmatch(r"(\d+)'(s?)([bdh])([0-9a-fA-F_]+)", text)
    if found is None:
        return []
    width, sign, base, digits = int(found[1]), found[2], found[3], found[4]
    value = int(digits.replace("_", ""), {"b": 2, "d": 10, "h": 16}[base])
    return [f"{width}'{sign}d{(value + 1) % 2**width}"]


def changes(path: Path) -> list[Change]:
    """All mutants of a file of rtl/."""
    finder = _Finder(path)
    finder.member(_trees()[path].root)
    seen: Counter = Counter()
    out = []
    for change in finder.found:
        seen[change.key[:4]] += 1
        out.append(replace(change, number=seen[change.key[:4]]))
    return out


def sites() -> list[list[Change]]:
    """The mutants of all of rtl/ by the place that they change."""
    out: dict[tuple[str, int, int], list[Change]] = {}
    for path in rtl_files().values():
        for change in changes(path):
            out.setdefault((change.file, change.start, change.end), []).append(change)
    return list(out.values())
