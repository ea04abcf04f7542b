"""One number per synthetic row: kept while the table passes by, ranked exactly when it has passed.

Quantiles are order statistics, so the order in which the parts of a table come changes nothing.
What does not fit in memory goes to an unnamed temporary file, which vanishes with the process.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import IO

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

AT_ONCE = 2**17  # numbers of a file looked at together: 1 MiB
DIGIT = 16  # bits decided in one reading of a file


class RowValues:
    """Named arrays of numbers from 0 that grow part by part; a context manager, as files close."""

    def __init__(self, *, most: int | None = None) -> None:
        """Start empty.

        Args:
            most: Bytes to keep in memory before writing them to temporary files; None keeps all.
        """
        self._most = most
        self._kept: dict[str, list[Floats]] = {}
        self._files: dict[str, IO[bytes]] = {}
        self._bytes = 0

    def __enter__(self) -> "RowValues":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._files.values():
            file.close()

    def append(self, values: Mapping[str, Floats]) -> None:
        """Take the numbers of one part.

        Args:
            values: (rows,) arrays, each at least 0 and not NaN.
        """
        for name, array in values.items():
            self._kept.setdefault(name, []).append(array)
            self._bytes += array.nbytes
        if self._most is not None and self._bytes > self._most:
            self._spill()

    def __contains__(self, name: str) -> bool:
        return name in self._kept

    def chunks(self, name: str) -> Iterator[Floats]:
        """The numbers under one name, some at a time."""
        if (file := self._files.get(name)) is not None:
            file.seek(0)
            while content := file.read(AT_ONCE * 8):
                yield np.frombuffer(content)
        yield from self._kept[name]

    def ordered(self, name: str, places: Sequence[int]) -> list[float]:
        """Numbers at these places of the ascending order, as `sorted(...)[place]`."""
        if name in self._files:
            return _selected(lambda: self.chunks(name), places)
        ascending = np.sort(np.concatenate(self._kept[name]))
        return [float(ascending[place]) for place in places]

    def quantiles(self, name: str, shares: Sequence[float], n: int) -> list[float]:
        """Quantiles of n numbers, interpolated as `numpy.quantile` does."""
        at = [(n - 1) * share for share in shares]
        low = [int(np.floor(place)) for place in at]
        high = [min(place + 1, n - 1) for place in low]
        found = self.ordered(name, [*low, *high])
        below, above = found[: len(at)], found[len(at) :]
        return [
            _between(a, b, place - first)
            for a, b, place, first in zip(below, above, at, low, strict=True)
        ]

    def median(self, name: str, n: int) -> float:
        """The middle number, or the mean of the two, as `numpy.median`."""
        low, high = self.ordered(name, [(n - 1) // 2, n // 2])
        return (low + high) / 2

    def _spill(self) -> None:
        for name, arrays in self._kept.items():
            if name not in self._files:
                self._files[name] = tempfile.TemporaryFile()
            file = self._files[name]
            file.seek(0, 2)
            for array in arrays:
                file.write(np.ascontiguousarray(array).tobytes())
            arrays.clear()
        self._bytes = 0


def _between(a: float, b: float, share: float) -> float:
    """From whichever end is nearer, as NumPy rounds."""
    return b - (b - a) * (1 - share) if share >= 0.5 else a + (b - a) * share


def _selected(chunks: Callable[[], Iterator[Floats]], places: Sequence[int]) -> list[float]:
    """Order statistics of numbers that are never in memory together.

    The bits of a float that is at least 0, read as an integer, ascend with the float. Each reading
    counts how many numbers go on with which 16 bits, and so decides 16 more bits of each answer.
    """
    prefix, left = [0] * len(places), list(places)
    for shift in range(64 - DIGIT, -1, -DIGIT):
        count = {one: np.zeros(1 << DIGIT, np.int64) for one in prefix}
        for chunk in chunks():
            bits = chunk.view(np.uint64) >> np.uint64(shift)
            head, digit = bits >> np.uint64(DIGIT), (bits & np.uint64((1 << DIGIT) - 1))
            for one, total in count.items():
                mine = digit[head == one].astype(np.int64)
                total += np.bincount(mine, minlength=1 << DIGIT)
        for i, one in enumerate(prefix):
            upto = np.cumsum(count[one])
            digit_ = int(np.searchsorted(upto, left[i], side="right"))
            left[i] -= int(upto[digit_ - 1]) if digit_ else 0
            prefix[i] = (one << DIGIT) | digit_
    return np.array(prefix, np.uint64).view(np.float64).tolist()  # type: ignore[no-any-return]
