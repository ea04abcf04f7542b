"""Wall seconds of each part of a long work, and a progress bar over them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Wall seconds of each part, and a progress bar over them."""

    def __init__(self, *, parts: int, progress: bool | None, before: float) -> None:
        """Start.

        Args:
            parts: How many there will be, for the bar.
            progress: Show the bar; None shows it on a terminal only.
            before: Seconds that were spent already.
        """
        from tqdm import tqdm

        self.seconds: dict[str, float] = {}
        self._start = time.perf_counter() - before
        self._bar = tqdm(
            total=parts,
            desc="audit",
            leave=False,
            disable=None if progress is None else not progress,
        )

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """The time of one part."""
        self._bar.set_postfix_str(part)
        start = time.perf_counter()
        yield
        self.seconds[part] = time.perf_counter() - start
        self._bar.update()

    def close(self) -> None:
        """End the bar; `seconds` has the total."""
        self._bar.close()
        self.seconds["total"] = time.perf_counter() - self._start
