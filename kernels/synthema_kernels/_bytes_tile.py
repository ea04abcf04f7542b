"""A tile of lower bounds: each pool row's bytes look up what they add, and the bytes are summed.

A table of 64 (or 16) bytes fits one register, and one shuffle instruction looks up 64 rows in it.
The sums stay bytes too, and saturate: a tile of 4 queries by 256 rows is 16 registers. This is the
"fast scan" of product quantization, here with bounds in the tables instead of estimates.

Source: André, Kermarrec and Le Scouarnec (2015), PVLDB 9, 288-299.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from . import _simd
from ._simd import Vector, _call, _operation, _spread

HAS_BYTES = _simd.HAS_AVX2
HAS_WIDE_TABLES = _simd.HAS_AVX512 and "avx512vbmi" in _simd._FEATURES

ENTRIES = 64 if HAS_WIDE_TABLES else 16  # what one shuffle instruction can tell apart
LANES = 64 if _simd.HAS_AVX512 else 32
QUERIES = 4 if _simd.HAS_AVX512 else 2  # sums, tables and codes of a tile fill the registers
VECTORS = 4
PANEL = LANES * VECTORS  # pool rows of a tile

_BYTE, _WORD = ir.IntType(8), ir.IntType(64)
_VECTOR = ir.VectorType(_BYTE, LANES)


def _look_up(builder: Any, table: Any, codes: Any) -> Any:
    if ENTRIES == 64:
        return _call(builder, "llvm.x86.avx512.permvar.qi.512", _VECTOR, table, codes)
    name = "avx512.pshuf.b.512" if LANES == 64 else "avx2.pshuf.b"
    return _call(builder, f"llvm.x86.{name}", _VECTOR, table, codes)


def _table_at(builder: Any, base: Any, at: Any) -> Any:
    """A table, as often as a register holds it: an instruction looks up in 16 bytes each."""
    few = ir.VectorType(_BYTE, ENTRIES)
    loaded = builder.load(builder.bitcast(builder.gep(base, [at]), few.as_pointer()))
    loaded.align = 1
    order = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [x % ENTRIES for x in range(LANES)])
    return builder.shuffle_vector(loaded, ir.Constant(few, ir.Undefined), order)


def _vector_at(builder: Any, base: Any, at: Any) -> Any:
    loaded = builder.load(builder.bitcast(builder.gep(base, [at]), _VECTOR.as_pointer()))
    loaded.align = 1
    return loaded


def _times(builder: Any, number: Any, factor: int) -> Any:
    return builder.mul(number, ir.Constant(number.type, factor))


def _plus(builder: Any, number: Any, term: int) -> Any:
    return builder.add(number, ir.Constant(number.type, term))


@_operation
def near(
    _: Any, tables: Any, first: Any, panels: Any, at: Any, groups: Any, limits: Any, masks: Any
) -> Any:
    """Which rows of a panel have a sum below the limit, for QUERIES queries.

    Args:
        tables: (queries, groups, ENTRIES) uint8.
        first: Query that the tile starts at.
        panels: (panels, groups, PANEL) uint8.
        at: Panel of the tile.
        groups: Bytes of a row.
        limits: (queries,) uint8.
        masks: (QUERIES, VECTORS) int64, written if any row is near: bit l of mask v for row
            LANES * v + l of the panel.

    Returns:
        int64, 0 if no row is near.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def data(which: int) -> Any:
            return context.make_array(signature.args[which])(context, builder, args[which]).data

        count = args[4]
        row = _times(builder, count, ENTRIES)
        table = [
            builder.gep(data(0), [builder.mul(_plus(builder, args[1], q), row)])
            for q in range(QUERIES)
        ]
        panel = builder.gep(data(2), [builder.mul(args[3], _times(builder, count, PANEL))])
        nothing = ir.Constant(_VECTOR, [0] * LANES)
        sums = [
            [cgutils.alloca_once_value(builder, nothing) for _ in range(VECTORS)]
            for _ in range(QUERIES)
        ]
        for row_of_sums in sums:  # the alloca is hoisted, its first value is not
            for total in row_of_sums:
                builder.store(nothing, total)
        with cgutils.for_range(builder, count) as loop:
            at_table = _times(builder, loop.index, ENTRIES)
            at_codes = _times(builder, loop.index, PANEL)
            looked = [_table_at(builder, base, at_table) for base in table]
            for v in range(VECTORS):
                codes = _vector_at(builder, panel, _plus(builder, at_codes, v * LANES))
                for q in range(QUERIES):
                    total = builder.load(sums[q][v])
                    found = _look_up(builder, looked[q], codes)
                    name = f"llvm.uadd.sat.v{LANES}i8"
                    builder.store(_call(builder, name, _VECTOR, total, found), sums[q][v])
        bits: list[Any] = []
        for q in range(QUERIES):
            limit = builder.load(builder.gep(data(5), [_plus(builder, args[1], q)]))
            limit = _spread(builder, limit, Vector("uint8", LANES))
            for v in range(VECTORS):
                below = builder.icmp_unsigned("<", builder.load(sums[q][v]), limit)
                mask = builder.bitcast(below, ir.IntType(LANES))
                bits.append(mask if LANES == 64 else builder.zext(mask, _WORD))
        some = bits[0]
        for mask in bits[1:]:
            some = builder.or_(some, mask)
        with builder.if_then(builder.icmp_unsigned("!=", some, ir.Constant(_WORD, 0))):
            masks_at = data(6)
            for place, mask in enumerate(bits):
                builder.store(mask, builder.gep(masks_at, [ir.Constant(_WORD, place)]))
        return some

    arguments = (tables, types.intp, panels, types.intp, types.intp, limits, masks)
    return types.int64(*arguments), emit


@_operation
def fetch(_: Any, rows: Any, i: Any) -> Any:
    """Ask for the row i of a two-dimensional array, up to four cache lines of it."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(rows)(context, builder, args[0])
        width = cgutils.unpack_tuple(builder, array.shape)[1]
        at = builder.bitcast(
            builder.gep(array.data, [builder.mul(args[1], width)]), _BYTE.as_pointer()
        )
        size = _times(builder, width, rows.dtype.bitwidth // 8)
        flags = [ir.Constant(ir.IntType(32), x) for x in (0, 3, 1)]  # to read, near, data
        address = _BYTE.as_pointer()
        signature = ir.FunctionType(ir.VoidType(), [address] + [flags[0].type] * 3)
        call = cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0")
        for line in range(0, 256, 64):
            with builder.if_then(builder.icmp_signed(">", size, ir.Constant(size.type, line))):
                builder.call(call, [builder.gep(at, [ir.Constant(_WORD, line)]), *flags])
        return context.get_dummy_value()

    return types.void(rows, types.intp), emit


@_operation
def gap_or_hole(_: Any, a: Any, b: Any) -> Any:
    """|a - b| of float64 lanes; 0 where both are NaN, 1 where one is."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        first, second = args
        apart = _call(builder, f"llvm.fabs.v{a.lanes}f64", a.llvm, builder.fsub(first, second))
        one_each = builder.xor(*(builder.fcmp_unordered("uno", x, x) for x in args))
        one, none = (ir.Constant(a.llvm, [x] * a.lanes) for x in (1.0, 0.0))
        hole = builder.select(one_each, one, none)
        return builder.select(builder.fcmp_unordered("uno", apart, apart), hole, apart)

    return a(a, b), emit


@_operation
def where_differ(_: Any, a: Any, b: Any, weights: Any) -> Any:
    """The weight in each lane where a and b differ, elsewhere 0."""
    nothing = ir.Constant(weights.llvm, [0.0] * weights.lanes)
    return weights(a, b, weights), lambda context, builder, signature, args: builder.select(
        builder.icmp_signed("!=", args[0], args[1]), args[2], nothing
    )
