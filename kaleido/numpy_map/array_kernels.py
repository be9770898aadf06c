"""The loops over arrays: each is a unit, ``void (ptr frame, i64 begin, i64 end)``, that calls the function it is for.

At -O3 the engine links the function into it, so LLVM inlines it, and vectorizes the loop where it can. It depends on
the function as any caller does: after a redefinition it is deoptimized, and its next run calls the new definition.

The *frame* is an array of 64-bit integers. The operands are the result, the inputs, and a mask if there is one; `K` is
their number::

    0              the number of elements along the last axis: of a row
    1              the number of other axes
    2              for a reduction, 1 if it begins with what is in the result
    3 ...          the address of each operand's first element
    3 + K ...      each operand's stride along the last axis, in bytes
    3 + 2K ...     for each other axis, the last but one first: its length, then each operand's stride along it

`begin` and `end` count elements, row by row; for reductions and accumulations, they count rows.

The kernel of a *layout* has a loop for it alone. A layout is a letter for each input, where the result is contiguous
along the last axis: ``c``, contiguous, too; ``s``, the same element again and again; ``o``, the array of the result.
What has no such layout has a loop with strides. Most arrays are one row (NumPy joins axes where it can), and a kernel
for one row alone is compiled in half the time.

A result too large for the caches is *streamed*: computed in blocks, in a buffer on the stack, and written from there
with stores that bypass the caches. An ordinary store first reads the line that it writes to, so that a map which waits
for memory moves three arrays instead of two. C's ``memcpy`` does the same for such sizes.

A result that is not a number is always the same NaN, as for calls. It is loaded from memory: LLVM may drop the
replacement of one constant NaN by another (see ``codegen.externals``).
"""

from __future__ import annotations

from collections.abc import Sequence

from kaleido.codegen.mangling import array_symbol, signature, symbol
from kaleido.jit import Signature, Unit, quoted

__all__ = [
    "ACCUMULATE",
    "HEADER",
    "MASKED",
    "REDUCE",
    "ROWS",
    "SELECTED",
    "STREAMED",
    "STRIDED",
    "fold_kernel",
    "map_kernel",
    "map_kind",
]

STRIDED, MASKED = "strided", "masked"
"""Kinds of kernels beside the layouts: with strides, and with a mask, too."""

ROWS = "-rows"
"""The end of a kind: a layout with several rows."""

STREAMED = "-streamed"
"""The end of a kind: a layout with one row, which is none of the inputs, and is streamed."""

REDUCE, ACCUMULATE, SELECTED = "reduce", "accumulate", "reduce-selected"
"""Kinds of folds. SELECTED is a REDUCE with a mask."""

HEADER = 3
"""The numbers of a frame before those of the operands."""

_KERNEL = Signature("void", ("ptr", "i64", "i64"))

# Finds where a row begins in each operand: at element `first` of the row with number `row`. It is not inlined, so that
# LLVM does not make versions of the loop over elements for it.
_LOCATE = f"""
define internal void @locate(ptr %frame, i64 %operands, i64 %row, i64 %first, ptr %places) noinline optsize nounwind {{
  %axes.field = getelementptr i64, ptr %frame, i64 1
  %axes = load i64, ptr %axes.field
  %bases = getelementptr i64, ptr %frame, i64 {HEADER}
  %strides = getelementptr i64, ptr %bases, i64 %operands
  %others = getelementptr i64, ptr %strides, i64 %operands
  br label %begin
begin:
  %k = phi i64 [0, %0], [%k.next, %begin]
  %base.field = getelementptr ptr, ptr %bases, i64 %k
  %base = load ptr, ptr %base.field
  %stride.field = getelementptr i64, ptr %strides, i64 %k
  %stride = load i64, ptr %stride.field
  %offset = mul i64 %stride, %first
  %place = getelementptr i8, ptr %base, i64 %offset
  %place.field = getelementptr ptr, ptr %places, i64 %k
  store ptr %place, ptr %place.field
  %k.next = add i64 %k, 1
  %k.last = icmp eq i64 %k.next, %operands
  br i1 %k.last, label %axis, label %begin
axis:
  %number = phi i64 [0, %begin], [%number.next, %axis.end]
  %rest = phi i64 [%row, %begin], [%rest.next, %axis.end]
  %field = phi ptr [%others, %begin], [%field.next, %axis.end]
  %is.axis = icmp ult i64 %number, %axes
  br i1 %is.axis, label %along, label %done
along:
  %extent = load i64, ptr %field
  %step = urem i64 %rest, %extent
  %rest.next = udiv i64 %rest, %extent
  %steps = getelementptr i64, ptr %field, i64 1
  br label %move
move:
  %m = phi i64 [0, %along], [%m.next, %move]
  %step.field = getelementptr i64, ptr %steps, i64 %m
  %step.stride = load i64, ptr %step.field
  %distance = mul i64 %step.stride, %step
  %moved.field = getelementptr ptr, ptr %places, i64 %m
  %before = load ptr, ptr %moved.field
  %moved = getelementptr i8, ptr %before, i64 %distance
  store ptr %moved, ptr %moved.field
  %m.next = add i64 %m, 1
  %m.last = icmp eq i64 %m.next, %operands
  br i1 %m.last, label %axis.end, label %move
axis.end:
  %number.next = add i64 %number, 1
  %field.next = getelementptr i64, ptr %steps, i64 %operands
  br label %axis
done:
  ret void
}}
"""

# What is left over after vectors is not unrolled: that would take a third of the time to compile, and gains nothing.
_LOOP = """
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
!0 = distinct !{!0, !1}
!1 = !{!"llvm.loop.unroll.disable"}
!2 = !{i32 1}
!3 = distinct !{!3, !1}
"""

# Bytes of a line of the cache, and elements of a block: 4 KiB, so that it and what it is computed from stay in the
# fastest cache.
_LINE, _BLOCK = 64, 512


def map_kind(arity: int, kind: str) -> str:
    """The kind of a map in its symbol: kernels for different numbers of inputs are never one unit."""
    return f"map-{kind}-{arity}"


def map_kernel(name: str, arity: int, kind: str) -> Unit:
    """The kernel that calls a function for each element.

    `kind` is a layout, for one row, or for more if it ends with ROWS; or it is STRIDED or MASKED.
    """
    if kind.endswith(STREAMED):
        row = _streamed(name, kind.removesuffix(STREAMED))
        return _kernel(name, arity, map_kind(arity, kind), f"{name}.map.{kind}", _Row(1 + arity, "noalias ", row, ""))
    strided, is_one_row = kind in (STRIDED, MASKED), not kind.endswith(ROWS) and kind not in (STRIDED, MASKED)
    layout = "c" * arity if strided else kind.removesuffix(ROWS)
    inputs = range(1, 1 + arity)
    loads, arguments = [], []
    for k, letter in zip(inputs, layout, strict=True):
        if letter != "s":
            loads += [_element(f"from.{k}", 0 if letter == "o" else k, strided), f"%x.{k} = load double, ptr %from.{k}"]
        arguments.append(f"double %x.{k}")
    row = [
        *(f"%x.{k} = load double, ptr %at.{k}" for k, letter in zip(inputs, layout, strict=True) if letter == "s"),
        "br label %element",
        "element:",
        "%index = phi i64 [0, %0], [%index.next, %advance]",
        *(_chosen(1 + arity) if kind == MASKED else []),
        *loads,
        *_call(name, arguments),
        _element("to", 0, strided),
        "store double %kept, ptr %to",
        "br label %advance",
        "advance:",
        "%index.next = add nuw nsw i64 %index, 1",
        "%last = icmp eq i64 %index.next, %count",
        "br i1 %last, label %done, label %element, !llvm.loop !0",
        "done:",
        "ret void",
    ]
    label = f"{name}.map" if set(kind) <= {"c"} else f"{name}.map.{kind}"
    operands = 1 + arity + (kind == MASKED)
    if is_one_row:
        return _kernel(name, arity, map_kind(arity, kind), label, _Row(operands, "noalias ", row, ""))
    elements = """
  %row = udiv i64 %position, %length
  %first = urem i64 %position, %length
  %left = sub i64 %length, %first
  %wanted = sub i64 %end, %position
  %is.last = icmp ult i64 %wanted, %left
  %count = select i1 %is.last, i64 %wanted, i64 %left
  %passed = add i64 %count, 0"""
    return _kernel(
        name, arity, map_kind(arity, kind), label, _Row(operands, "" if strided else "noalias ", row, elements)
    )


def _streamed(name: str, layout: str) -> list[str]:
    """The instructions of a row that is streamed: in whole blocks from the first line of the cache on."""
    loads, arguments = [], []
    for k, letter in enumerate(layout, 1):
        if letter == "c":
            loads += [
                f"%from.{k} = getelementptr double, ptr %at.{k}, i64 %index",
                f"%x.{k} = load double, ptr %from.{k}",
            ]
        arguments.append(f"double %x.{k}")
    return [
        f"%buffer = alloca [{_BLOCK} x double], align {_LINE}",
        *(f"%x.{k} = load double, ptr %at.{k}" for k, letter in enumerate(layout, 1) if letter == "s"),
        "br label %block",
        "block:",
        "%position = phi i64 [0, %0], [%after, %written]",
        "%to = getelementptr double, ptr %at.0, i64 %position",
        "%address = ptrtoint ptr %to to i64",
        f"%in.line = and i64 %address, {_LINE - 1}",
        "%is.aligned = icmp eq i64 %in.line, 0",
        f"%bytes.before = sub i64 {_LINE}, %in.line",
        "%before = udiv exact i64 %bytes.before, 8",
        f"%wanted = select i1 %is.aligned, i64 {_BLOCK}, i64 %before",
        "%left = sub i64 %count, %position",
        "%is.last = icmp ule i64 %left, %wanted",
        "%size = select i1 %is.last, i64 %left, i64 %wanted",
        "%after = add nuw nsw i64 %position, %size",
        "br label %element",
        "element:",
        "%in.block = phi i64 [0, %block], [%in.block.next, %element]",
        "%index = add nuw nsw i64 %position, %in.block",
        *loads,
        *_call(name, arguments),
        "%place = getelementptr double, ptr %buffer, i64 %in.block",
        "store double %kept, ptr %place",
        "%in.block.next = add nuw nsw i64 %in.block, 1",
        "%is.computed = icmp eq i64 %in.block.next, %size",
        "br i1 %is.computed, label %computed, label %element, !llvm.loop !0",
        "computed:",
        f"%is.block = icmp eq i64 %size, {_BLOCK}",
        "br i1 %is.block, label %stream, label %copy",
        "stream:",
        "%sent = phi i64 [0, %computed], [%sent.next, %stream]",
        "%piece = getelementptr double, ptr %buffer, i64 %sent",
        "%target = getelementptr double, ptr %to, i64 %sent",
        f"%values = load <{_LINE // 8} x double>, ptr %piece, align {_LINE}",
        f"store <{_LINE // 8} x double> %values, ptr %target, align {_LINE}, !nontemporal !2",
        f"%sent.next = add nuw nsw i64 %sent, {_LINE // 8}",
        f"%is.sent = icmp eq i64 %sent.next, {_BLOCK}",
        "br i1 %is.sent, label %written, label %stream, !llvm.loop !3",
        "copy:",
        "%bytes = mul nuw nsw i64 %size, 8",
        "call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %buffer, i64 %bytes, i1 false)",
        "br label %written",
        "written:",
        "%is.done = icmp eq i64 %after, %count",
        "br i1 %is.done, label %done, label %block",
        "done:",
        # Such stores are not ordered with others: without this, another thread could see the end before the result.
        "fence seq_cst",
        "ret void",
    ]


def fold_kernel(name: str, kind: str) -> Unit:
    """The kernel that combines the elements of each row, in order, by a function of two parameters.

    `kind` is REDUCE or SELECTED: the result has one element; or ACCUMULATE: as many as the input. SELECTED begins with
    what is in the result.
    """
    is_selected = kind == SELECTED
    row = [
        "%begun.field = getelementptr i64, ptr %frame, i64 2",
        "%begun.flag = load i64, ptr %begun.field",
        "%begun = icmp ne i64 %begun.flag, 0",
        "%begin.at = select i1 %begun, ptr %at.0, ptr %at.1",
        "%begin.value = load double, ptr %begin.at",
        "%begin.nan = fcmp uno double %begin.value, 0.0",
        "%begin.kept = select i1 %begin.nan, double %nan, double %begin.value",
        "%from = select i1 %begun, i64 0, i64 1",
        "store double %begin.kept, ptr %at.0",
        "%any = icmp ult i64 %from, %count",
        "br i1 %any, label %element, label %done",
        "element:",
        "%index = phi i64 [%from, %0], [%index.next, %advance]",
        "%so.far = phi double [%begin.kept, %0], [%next, %advance]",
        *(_chosen(2) if is_selected else ["br label %compute", "compute:"]),
        _element("from.1", 1, True),
        "%x.1 = load double, ptr %from.1",
        *_call(name, ["double %so.far", "double %x.1"]),
        *([_element("to", 0, True), "store double %kept, ptr %to"] if kind == ACCUMULATE else []),
        "br label %advance",
        "advance:",
        f"%next = phi double [%kept, %compute]{', [%so.far, %element]' if is_selected else ''}",
        "%index.next = add nuw nsw i64 %index, 1",
        "%last = icmp eq i64 %index.next, %count",
        "br i1 %last, label %end, label %element",
        "end:",
        *(["store double %next, ptr %at.0"] if kind != ACCUMULATE else []),
        "br label %done",
        "done:",
        "ret void",
    ]
    rows = """
  %row = add i64 %position, 0
  %first = add i64 0, 0
  %count = add i64 %length, 0
  %passed = add i64 0, 1"""
    return _kernel(name, 2, kind, f"{name}.{kind}", _Row(2 + is_selected, "", row, rows))


class _Row:
    """The function that runs a row, or a part of it.

    `operands`    their number
    `attributes`  of the addresses of their first elements
    `body`        its instructions
    `part`        the instructions of the caller that find which part: from element %first of row number %row, %count
                  elements; %passed is how far that is, in what is counted. Empty where there is one row
    """

    def __init__(self, operands: int, attributes: str, body: Sequence[str], part: str) -> None:
        self.operands, self.attributes, self.body, self.part = range(operands), attributes, body, part

    @property
    def definition(self) -> str:
        places = [f"ptr {self.attributes}%at.{k}" for k in self.operands]
        parameters = ", ".join([*places, *self._strides, "ptr %frame", "i64 %count", "double %nan"])
        body = "\n".join(line if line.endswith(":") else f"  {line}" for line in self.body)
        return f"define internal void @row({parameters}) alwaysinline nounwind {{\n{body}\n}}\n"

    @property
    def call(self) -> str:
        places = [f"ptr %at.{k}" for k in self.operands]
        return f"call void @row({', '.join([*places, *self._strides, 'ptr %frame', 'i64 %count', 'double %nan'])})"

    @property
    def _strides(self) -> list[str]:
        return [f"i64 %stride.{k}" for k in self.operands]


def _kernel(name: str, arity: int, kind: str, label: str, row: _Row) -> Unit:
    own = array_symbol(name, kind)
    strides = "\n".join(
        f"  %stride.field.{k} = getelementptr i64, ptr %frame, i64 {HEADER + len(row.operands) + k}\n"
        f"  %stride.{k} = load i64, ptr %stride.field.{k}"
        for k in row.operands
    )
    ir = f"""
@canonical.nan = private constant double 0x7FF8000000000000
declare {signature(arity).prototype(symbol(name))}
define tailcc void {quoted(own + ".impl")}(ptr %frame, i64 %begin, i64 %end) nounwind {{
  %nan = load volatile double, ptr @canonical.nan
  %length = load i64, ptr %frame
{strides}
{_each_row(row) if row.part else _only_row(row)}
done:
  ret void
}}
{row.definition}{_LOCATE if row.part else ""}{_LOOP if kind.startswith("map") else ""}"""
    return Unit(own, _KERNEL, ir, {symbol(name): signature(arity)}, name=label)


def _only_row(row: _Row) -> str:
    """Run the elements from %begin to %end of the only row."""
    places = "\n".join(
        f"""  %base.field.{k} = getelementptr i64, ptr %frame, i64 {HEADER + k}
  %base.{k} = load ptr, ptr %base.field.{k}
  %distance.{k} = mul i64 %begin, %stride.{k}
  %at.{k} = getelementptr i8, ptr %base.{k}, i64 %distance.{k}"""
        for k in row.operands
    )
    return f"""{places}
  %count = sub i64 %end, %begin
  %any = icmp ne i64 %count, 0
  br i1 %any, label %run, label %done
run:
  {row.call}
  br label %done"""


def _each_row(row: _Row) -> str:
    """Run what is between %begin and %end of each row."""
    places = "\n".join(
        f"  %place.{k} = getelementptr ptr, ptr %places, i64 {k}\n  %at.{k} = load ptr, ptr %place.{k}"
        for k in row.operands
    )
    return f"""  %places = alloca [{len(row.operands)} x ptr]
  br label %next
next:
  %position = phi i64 [%begin, %0], [%after, %run]
  %more = icmp ult i64 %position, %end
  br i1 %more, label %run, label %done
run:
{row.part}
  call void @locate(ptr %frame, i64 {len(row.operands)}, i64 %row, i64 %first, ptr %places)
{places}
  {row.call}
  %after = add i64 %position, %passed
  br label %next"""


def _element(name: str, operand: int, strided: bool) -> str:
    """The address of the element %index of an operand's row, as %`name`."""
    if not strided:
        return f"%{name} = getelementptr double, ptr %at.{operand}, i64 %index"
    return (
        f"%offset.{name} = mul nsw i64 %index, %stride.{operand}\n"
        f"  %{name} = getelementptr i8, ptr %at.{operand}, i64 %offset.{name}"
    )


def _chosen(operand: int) -> list[str]:
    """Leave out the elements for which the mask, an operand, is false."""
    return [
        _element("mask", operand, True),
        "%flag = load i8, ptr %mask",
        "%chosen = icmp ne i8 %flag, 0",
        "br i1 %chosen, label %compute, label %advance",
        "compute:",
    ]


def _call(name: str, arguments: Sequence[str]) -> list[str]:
    """Call the function. %kept is its value, or the one NaN."""
    return [
        f"%value = call tailcc double {quoted(symbol(name))}({', '.join(arguments)})",
        "%is.nan = fcmp uno double %value, 0.0",
        "%kept = select i1 %is.nan, double %nan, double %value",
    ]
