"""Sums of products inside compiled code, in the narrowest numbers that hold them.

A tile adds up the products of four queries with many rows:

    sums = load(half, 0, 16)
    run = run_of(cells, steps)
    for first in range(0, steps, run):
        part = opened(sums, cells)
        for k in range(first, min(first + run, steps)):
            part = dot_step(part, load(cells, 16 * k, 16), spread(query, k, 16))
        sums = closed(sums, part)

What a lane of `cells` holds decides how: see `dot_step`. As with `_simd`, the operations are
compiled into their callers, and the interpreter cannot run them.
"""

from typing import Any

from llvmlite import binding, ir
from numba import types

from ._simd import HAS_PAIRS, Vector, _call, _joined, _lanes, _operation

RUN = 4  # steps until pairs of products of bytes are added up
_DOT_TAKES_BYTES = binding.llvm_version_info[0] >= 22  # before, the operands were int32 vectors


def _bytes(sums: Any, unsigned: Any, signed: Any) -> Any:
    if sums.element != "int32" or not sums.bits == unsigned.bits == signed.bits:
        return None
    wide = ir.VectorType(ir.IntType(32), 16)
    operand = ir.VectorType(ir.IntType(8), 64) if _DOT_TAKES_BYTES else wide

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes = [builder.bitcast(value, sums.llvm) for value in args]
        parts = []
        for first in range(0, sums.lanes, 16):
            base, left, right = (_lanes(builder, value, first, 16) for value in lanes)
            left, right = (builder.bitcast(value, operand) for value in (left, right))
            name = "llvm.x86.avx512.vpdpbusd.512"
            parts.append(_call(builder, name, wide, base, left, right))
        return _joined(builder, parts)

    return sums(sums, unsigned, signed), emit


@_operation
def dot_bytes(_: Any, sums: Any, unsigned: Any, signed: Any) -> Any:
    """Add to each int32 lane four products, of bytes without sign by bytes with one (VNNI).

    The bytes of lane i are those at the same place in `unsigned` and `signed`, vectors of the same
    size in bits as `sums`, of any element type. Lanes in multiples of 16.
    """
    return _bytes(sums, unsigned, signed)


def _in_pairs(cells: Any) -> bool:
    return bool(HAS_PAIRS and cells.dtype == types.int32)


@_operation
def run_of(_: Any, cells: Any, steps: Any) -> Any:
    """Steps from one `opened` to its `closed`: all of them, or RUN for bytes without VNNI."""
    few = ir.Constant(ir.IntType(64), RUN)
    return types.intp(
        cells, types.intp
    ), lambda context, builder, signature, args: few if _in_pairs(cells) else args[1]


@_operation
def opened(_: Any, sums: Any, cells: Any) -> Any:
    """Where `dot_step` adds up products of an array's cells for a while.

    It is the sums themselves, or, for bytes without VNNI, int16 pairs that start at 0.
    """
    if not _in_pairs(cells):
        return sums(sums, cells), lambda context, builder, signature, args: args[0]
    pairs = Vector("int16", 2 * sums.lanes)
    nothing = ir.Constant(pairs.llvm, [0] * pairs.lanes)
    return pairs(sums, cells), lambda context, builder, signature, args: nothing


@_operation
def dot_step(_: Any, sums: Any, row: Any, query: Any) -> Any:
    """Add the products of two vectors of one type to what `opened` gave: one source for all.

    - float32 lanes: `multiply_add`.
    - uint32 lanes, each two int16 (AVX2): both products are added to the int32 of the lane.
    - int32 lanes, each four bytes: `dot_bytes` with the sign in `query` (VNNI). Without VNNI the
      sign is in `row`, and two products at a time go to an int16 (AVX2): the caller sees to it that
      they fit until they are `closed`.
    """
    if sums.kind == "f":
        name = f"llvm.fmuladd.v{sums.lanes}f{sums.bits // sums.lanes}"
        return sums(sums, row, query), lambda context, builder, signature, args: _call(
            builder, name, sums.llvm, args[1], args[2], args[0]
        )
    words = row.element == "uint32"
    if sums.element == "int32" and not words:
        return _bytes(sums, row, query)
    name = "llvm.x86.avx2.pmadd.wd" if words else "llvm.x86.avx2.pmadd.ub.sw"
    narrow, wide = (ir.IntType(bits) for bits in ((16, 32) if words else (8, 16)))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        parts = ir.VectorType(narrow, row.bits // narrow.width)
        left, right = (builder.bitcast(args[at], parts) for at in (2, 1))
        return builder.add(args[0], _by_halves(builder, name, wide, left, right))

    return sums(sums, row, query), emit


@_operation
def closed(_: Any, sums: Any, added: Any) -> Any:
    """The sums with what `dot_step` has added since they were `opened`."""
    if added == sums:
        return sums(sums, added), lambda context, builder, signature, args: args[1]

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        ones = ir.Constant(added.llvm, [1] * added.lanes)
        name = "llvm.x86.avx2.pmadd.wd"
        return builder.add(args[0], _by_halves(builder, name, ir.IntType(32), args[1], ones))

    return sums(sums, added), emit


def _by_halves(builder: Any, name: str, element: Any, left: Any, right: Any) -> Any:
    """An instruction on 256 bits, on all of two vectors."""
    lanes = 256 // left.type.element.width
    result = ir.VectorType(element, 256 // element.width)
    parts = [
        _call(builder, name, result, *(_lanes(builder, x, at, lanes) for x in (left, right)))
        for at in range(0, left.type.count, lanes)
    ]
    return _joined(builder, parts)
