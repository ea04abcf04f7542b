"""Sums of products inside compiled code, in the narrowest numbers that hold them.

A tile adds up the products of four queries with many rows:

    sums = load_wide(half, 0, 16)
    for k in range(steps):
        sums = dot_step(sums, load_wide(cells, k * wide(cells, 16), 16), spread(query, k, 16))

What a lane of `cells` holds decides how: see `dot_step`. As with `_simd`, the operations are
compiled into their callers, and the interpreter cannot run them.
"""

from typing import Any

from llvmlite import binding, ir
from numba import types

from ._simd import Vector, _address, _aligned, _call, _joined, _lanes, _operation

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


@_operation
def wide(_: Any, array: Any, size: Any) -> Any:
    """How many elements of an array fill `size` lanes (a constant) of 32 bits."""
    count = ir.Constant(ir.IntType(64), size.literal_value * 32 // array.dtype.bitwidth)
    return types.intp(array, size), lambda context, builder, signature, args: count


@_operation
def load_wide(_: Any, array: Any, at: Any, size: Any) -> Any:
    """The elements of a contiguous array that fill `size` lanes of 32 bits, from `at` on."""
    vector = Vector(array.dtype.name, size.literal_value * 32 // array.dtype.bitwidth)
    return vector(array, types.intp, size), lambda context, builder, signature, args: _aligned(
        builder.load(_address(context, builder, array, args[0], args[1], vector.llvm)), array
    )


@_operation
def dot_step(_: Any, sums: Any, row: Any, query: Any) -> Any:
    """Add the products of two vectors of one size to sums: one source for all.

    - float32 lanes: `multiply_add`.
    - uint32 lanes, each two int16 (AVX2): both products are added to the int32 of the lane.
    - int32 lanes, each four bytes: `dot_bytes` with the sign in `query` (VNNI).
    - int16 lanes of `row`, each two bytes with sign; those of `query` have none (AVX2): both
      products are added to the int16 of the lane. The caller sees to it that a pair fits. Sums may
      pass int16 on the way, as long as the last one is in it.
    """
    if sums.kind == "f":
        name = f"llvm.fmuladd.v{sums.lanes}f{sums.bits // sums.lanes}"
        return sums(sums, row, query), lambda context, builder, signature, args: _call(
            builder, name, sums.llvm, args[1], args[2], args[0]
        )
    if row.element == "int32":
        return _bytes(sums, row, query)
    words = row.element == "uint32"
    name = "llvm.x86.avx2.pmadd.wd" if words else "llvm.x86.avx2.pmadd.ub.sw"
    narrow, wide = (ir.IntType(bits) for bits in ((16, 32) if words else (8, 16)))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        parts = ir.VectorType(narrow, row.bits // narrow.width)
        left, right = (builder.bitcast(args[at], parts) for at in (2, 1))
        added = builder.add(args[0], _by_halves(builder, name, wide, left, right))
        return _in_turn(builder, added)

    return sums(sums, row, query), emit


def _in_turn(builder: Any, value: Any) -> Any:
    """The value, out of the optimizer's sight.

    It would add up in another order, which takes more registers than there are.
    """
    lanes = 256 // value.type.element.width
    part = ir.VectorType(value.type.element, lanes)
    seen = ir.InlineAsm(ir.FunctionType(part, [part]), "", "=x,0")
    parts = [_lanes(builder, value, at, lanes) for at in range(0, value.type.count, lanes)]
    return _joined(builder, [builder.call(seen, [x]) for x in parts])


def _by_halves(builder: Any, name: str, element: Any, left: Any, right: Any) -> Any:
    """An instruction on 256 bits, on all of two vectors."""
    lanes = 256 // left.type.element.width
    result = ir.VectorType(element, 256 // element.width)
    parts = [
        _call(builder, name, result, *(_lanes(builder, x, at, lanes) for x in (left, right)))
        for at in range(0, left.type.count, lanes)
    ]
    return _joined(builder, parts)
