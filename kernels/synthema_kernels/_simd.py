"""Vectors inside compiled code: a small vocabulary over LLVM's vector types.

A `Vector` is a value of a compiled function, like a number: `load` makes one from consecutive
elements of an array, `add`, `minimum` or `multiply_add` work on all lanes at once. LLVM splits a
vector that is wider than the registers of the CPU, so the same source runs with AVX-512, AVX2 or
NEON; only `sum_of_differences`, and what `_dots` does with integers, name an instruction and need
the CPU to have it.

    total = splat(np.float32(0), 64)
    for c in range(columns):
        total = multiply_add(load(cells, 64 * c, 64), splat(query[c], 64), total)
    close = bits_le(total, splat(limit, 64))        # bit i: lane i is within the limit

Signs follow the element type: `minimum` of uint8 compares without sign. An operation takes vectors
of one type; `splat` makes one from a number. The interpreter cannot run any of this
(NUMBA_DISABLE_JIT=1): `HAS_VECTORS` says so. The operations are compiled into their callers: after
a change here, clear the cache (see `_jit`).
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic, models, register_model

Operation = Callable[..., Any]

_ELEMENTS = {
    "float32": ir.FloatType(),
    "float64": ir.DoubleType(),
    **{f"{sign}int{bits}": ir.IntType(bits) for sign in ("", "u") for bits in (8, 16, 32, 64)},
}


def _features() -> frozenset[str]:
    """Names of what Numba compiles for; NUMBA_CPU_NAME and NUMBA_CPU_FEATURES count."""
    listed = config.CPU_FEATURES if config.CPU_FEATURES is not None else get_host_cpu_features()
    return frozenset(name[1:] for name in listed.split(",") if name.startswith("+"))


_FEATURES = _features()
HAS_VECTORS = not config.DISABLE_JIT
HAS_AVX2 = HAS_VECTORS and "avx2" in _FEATURES
HAS_AVX512 = HAS_VECTORS and _FEATURES >= {"avx512f", "avx512bw", "avx512vl", "avx512dq"}
HAS_VNNI = HAS_AVX512 and "avx512vnni" in _FEATURES
HAS_PAIRS = HAS_AVX2 and not HAS_VNNI  # sums of products of bytes go through int16


class Vector(types.Type):  # type: ignore[misc]
    """So many lanes of one element type, named as NumPy names it."""

    def __init__(self, element: str, lanes: int) -> None:
        self.element, self.lanes = element, lanes
        super().__init__(name=f"Vector({element}, {lanes})")

    @property
    def llvm(self) -> Any:
        """LLVM's name for it."""
        return ir.VectorType(_ELEMENTS[self.element], self.lanes)

    @property
    def bits(self) -> int:
        """Size."""
        return int(self.element.lstrip("uintfloa")) * self.lanes

    @property
    def kind(self) -> str:
        """One letter: f, u or i."""
        return self.element[0]


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, vector.llvm)


def _operation(typed: Callable[..., Any]) -> Operation:
    """Make an operation of compiled code from its types and a function that emits LLVM."""
    operation: Operation = intrinsic(prefer_literal=True)(typed)
    return operation


def _same(*vectors: Any) -> bool:
    return isinstance(vectors[0], Vector) and all(v == vectors[0] for v in vectors)


def _address(context: Any, builder: Any, array: Any, value: Any, at: Any, target: Any) -> Any:
    first = context.make_array(array)(context, builder, value).data
    return builder.bitcast(builder.gep(first, [at]), target.as_pointer())


def _aligned(instruction: Any, array: Any) -> Any:
    instruction.align = array.dtype.bitwidth // 8  # an array promises no more
    return instruction


def _spread(builder: Any, scalar: Any, vector: Vector) -> Any:
    undefined, lane = ir.Constant(vector.llvm, ir.Undefined), ir.IntType(32)
    first = builder.insert_element(undefined, scalar, ir.Constant(lane, 0))
    zeros = ir.Constant(ir.VectorType(lane, vector.lanes), [0] * vector.lanes)
    return builder.shuffle_vector(first, undefined, zeros)


def _call(builder: Any, name: str, result: Any, *values: Any) -> Any:
    signature = ir.FunctionType(result, [value.type for value in values])
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), values)


def _lanes(builder: Any, vector: Any, first: int, count: int) -> Any:
    chosen = ir.Constant(ir.VectorType(ir.IntType(32), count), list(range(first, first + count)))
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), chosen)


def _joined(builder: Any, parts: list[Any]) -> Any:
    while len(parts) > 1:
        both = range(2 * parts[0].type.count)
        order = ir.Constant(ir.VectorType(ir.IntType(32), len(both)), list(both))
        pairs = zip(parts[::2], parts[1::2], strict=True)
        parts = [builder.shuffle_vector(a, b, order) for a, b in pairs]
    return parts[0]


@_operation
def load(_: Any, array: Any, at: Any, lanes: Any) -> Any:
    """`lanes` (a constant) consecutive elements of a contiguous array, from element `at` on."""
    vector = Vector(array.dtype.name, lanes.literal_value)
    return vector(array, types.intp, lanes), lambda context, builder, signature, args: _aligned(
        builder.load(_address(context, builder, array, args[0], args[1], vector.llvm)), array
    )


@_operation
def store(_: Any, array: Any, at: Any, vector: Any) -> Any:
    """Write a vector over consecutive elements of a contiguous array, from element `at` on."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target = _address(context, builder, array, args[0], args[1], vector.llvm)
        _aligned(builder.store(args[2], target), array)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), emit


@_operation
def splat(_: Any, number: Any, lanes: Any) -> Any:
    """The same number, of a sized type such as `np.int32`, in all of `lanes` (a constant)."""
    number = types.unliteral(number)
    vector = Vector(number.name, lanes.literal_value)
    return vector(number, lanes), lambda context, builder, signature, args: _spread(
        builder, args[0], vector
    )


@_operation
def spread(_: Any, array: Any, at: Any, lanes: Any) -> Any:
    """Element `at` of a contiguous array, 0 or more, in all of `lanes` (a constant)."""
    vector = Vector(array.dtype.name, lanes.literal_value)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        first = context.make_array(array)(context, builder, args[0]).data
        return _spread(builder, builder.load(builder.gep(first, [args[1]])), vector)

    return vector(array, types.intp, lanes), emit


@_operation
def reinterpret(_: Any, vector: Any, element: Any) -> Any:
    """The same bits as lanes of another element type (a constant name, such as "uint8")."""
    size = int(element.literal_value.lstrip("uintfloa"))
    result = Vector(element.literal_value, vector.bits // size)
    return result(vector, element), lambda context, builder, signature, args: builder.bitcast(
        args[0], result.llvm
    )


def _two(
    floats: Operation | None, integers: Operation, unsigned: Operation | None = None
) -> Operation:
    """An operation of two vectors of one type: how it is emitted for each kind of element."""
    ways = {"f": floats, "i": integers, "u": unsigned or integers}

    @_operation
    def operation(_: Any, a: Any, b: Any) -> Any:
        emit = ways[a.kind] if _same(a, b) else None
        if emit is None:
            return None
        return a(a, b), lambda context, builder, signature, args: emit(builder, *args)

    return operation


def _pick(sign: str) -> list[Operation]:
    """Emit "the first where it compares so, else the second" for float, int and unsigned."""
    compares = (
        lambda build, a, b: build.fcmp_ordered(sign, a, b, flags=("nnan", "nsz")),
        lambda build, a, b: build.icmp_signed(sign, a, b),
        lambda build, a, b: build.icmp_unsigned(sign, a, b),
    )
    return [
        lambda build, a, b, compare=compare: build.select(compare(build, a, b), a, b)
        for compare in compares
    ]


add = _two(lambda build, a, b: build.fadd(a, b), lambda build, a, b: build.add(a, b))
subtract = _two(lambda build, a, b: build.fsub(a, b), lambda build, a, b: build.sub(a, b))
multiply = _two(lambda build, a, b: build.fmul(a, b), lambda build, a, b: build.mul(a, b))
minimum = _two(*_pick("<"))  # of numbers: not for NaN
maximum = _two(*_pick(">"))
bit_and = _two(None, lambda build, a, b: build.and_(a, b))
bit_or = _two(None, lambda build, a, b: build.or_(a, b))
bit_xor = _two(None, lambda build, a, b: build.xor(a, b))


def _compare(sign: str) -> Operation:
    @_operation
    def bits(_: Any, a: Any, b: Any) -> Any:
        if not _same(a, b) or a.lanes > 64:
            return None

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            compare = {
                "f": builder.fcmp_ordered,
                "i": builder.icmp_signed,
                "u": builder.icmp_unsigned,
            }
            one_each = builder.bitcast(compare[a.kind](sign, *args), ir.IntType(a.lanes))
            return one_each if a.lanes == 64 else builder.zext(one_each, ir.IntType(64))

        return types.int64(a, b), emit

    return bits


# Bit i of the int64 answers for lane i; lanes up to 64. A comparison with NaN is false.
bits_eq, bits_ne = _compare("=="), _compare("!=")
bits_lt, bits_le = _compare("<"), _compare("<=")
bits_gt, bits_ge = _compare(">"), _compare(">=")


@_operation
def absolute(_: Any, a: Any) -> Any:
    """Without its sign."""
    if not _same(a) or a.kind == "u":
        return None
    letter = {"f": f"llvm.fabs.v{a.lanes}f", "i": f"llvm.abs.v{a.lanes}i"}[a.kind]
    name = letter + str(a.bits // a.lanes)
    rest = [] if a.kind == "f" else [ir.Constant(ir.IntType(1), 0)]
    return a(a), lambda context, builder, signature, args: _call(
        builder, name, a.llvm, *args, *rest
    )


@_operation
def rounded(_: Any, a: Any) -> Any:
    """Floats to the nearest whole number, a half to the even one."""
    if not _same(a) or a.kind != "f":
        return None
    name = f"llvm.rint.v{a.lanes}f{a.bits // a.lanes}"
    return a(a), lambda context, builder, signature, args: _call(builder, name, a.llvm, *args)


@_operation
def known(_: Any, a: Any, b: Any) -> Any:
    """The first where it is a number, the second where it is NaN."""
    if not _same(a, b) or a.kind != "f":
        return None
    return a(a, b), lambda context, builder, signature, args: builder.select(
        builder.fcmp_ordered("ord", args[0], args[0]), *args
    )


@_operation
def converted(_: Any, vector: Any, element: Any) -> Any:
    """Floats as another element type (a constant name) that holds their whole part."""
    result = Vector(element.literal_value, vector.lanes)
    cast = {"f": "fptrunc", "i": "fptosi", "u": "fptoui"}[result.kind]
    return result(vector, element), lambda context, builder, signature, args: getattr(
        builder, cast
    )(args[0], result.llvm)


@_operation
def multiply_add(_: Any, a: Any, b: Any, c: Any) -> Any:
    """Floats a * b + c, rounded once where the CPU can."""
    if not _same(a, b, c) or a.kind != "f":
        return None
    name = f"llvm.fmuladd.v{a.lanes}f{a.bits // a.lanes}"
    return a(a, b, c), lambda context, builder, signature, args: _call(builder, name, a.llvm, *args)


def _fold(floats: Operation, integers: Operation, unsigned: Operation | None = None) -> Operation:
    """One number from all lanes, by halves: the same order of operations on every CPU."""
    ways = {"f": floats, "i": integers, "u": unsigned or integers}

    @_operation
    def operation(_: Any, a: Any) -> Any:
        if not _same(a) or a.lanes & (a.lanes - 1):
            return None

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            folded, count = args[0], a.lanes
            while count > 1:
                count //= 2
                halves = (_lanes(builder, folded, start, count) for start in (0, count))
                folded = ways[a.kind](builder, *halves)
            return builder.extract_element(folded, ir.Constant(ir.IntType(32), 0))

        return getattr(types, a.element)(a), emit

    return operation


total = _fold(lambda build, a, b: build.fadd(a, b), lambda build, a, b: build.add(a, b))
lowest = _fold(*_pick("<"))
highest = _fold(*_pick(">"))


@_operation
def peaks(_: Any, vector: Any, lanes: Any) -> Any:
    """The highest of the lanes that fall together when the vector is folded to `lanes`."""
    pick = _pick(">")["fiu".index(vector.kind)]

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        folded, count = args[0], vector.lanes
        while count > lanes.literal_value:
            count //= 2
            folded = pick(builder, *(_lanes(builder, folded, at, count) for at in (0, count)))
        return folded

    return Vector(vector.element, lanes.literal_value)(vector, lanes), emit


@_operation
def half(_: Any, vector: Any, which: Any) -> Any:
    """The lower (0) or upper (1, a constant) half of the lanes."""
    result = Vector(vector.element, vector.lanes // 2)
    first = which.literal_value * result.lanes
    return result(vector, which), lambda context, builder, signature, args: _lanes(
        builder, args[0], first, result.lanes
    )


@_operation
def sum_of_differences(_: Any, a: Any, b: Any) -> Any:
    """|a - b| of uint8 lanes, added over each eight: int64 lanes (SSE2, AVX2, AVX-512BW)."""
    names = {16: "sse2.psad.bw", 32: "avx2.psad.bw", 64: "avx512.psad.bw.512"}
    if not _same(a, b) or a.element != "uint8" or a.lanes not in names:
        return None
    result = Vector("int64", a.lanes // 8)
    return result(a, b), lambda context, builder, signature, args: _call(
        builder, f"llvm.x86.{names[a.lanes]}", result.llvm, *args
    )


@_operation
def lowest_bit(_: Any, bits: Any) -> Any:
    """Place of the lowest bit that is set; 64 if none is."""
    return types.int64(types.int64), lambda context, builder, signature, args: builder.cttz(
        args[0], ir.Constant(ir.IntType(1), 0)
    )


@_operation
def count_bits(_: Any, bits: Any) -> Any:
    """How many bits are set."""
    return types.int64(types.int64), lambda context, builder, signature, args: builder.ctpop(
        args[0]
    )


@_operation
def take_ticket(_: Any, counter: Any) -> Any:
    """The number in a one-element int64 array, which grows by one; no two threads get the same."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        first = context.make_array(counter)(context, builder, args[0]).data
        return builder.atomic_rmw("add", first, ir.Constant(ir.IntType(64), 1), "monotonic")

    return types.int64(counter), emit
