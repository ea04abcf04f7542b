"""A bound on memory: how it is written, how it is measured, and what fits in it."""

import os
import re
import sys
from pathlib import Path

from .errors import SynthemaError

UNITS = {"": 1, "B": 1}
UNITS |= {f"{letter}B": 1000**i for i, letter in enumerate("KMGT", start=1)}
UNITS |= {f"{letter}IB": 1024**i for i, letter in enumerate("KMGT", start=1)}


def bytes_of(memory: int | str, *, name: str = "memory") -> int:
    """A number of bytes, as "4GiB", "512 MiB", "2GB" or a whole number.

    Args:
        memory: What was given.
        name: What an error calls it.

    Raises:
        SynthemaError: If it is no such thing, or not above 0.
    """
    found: int | None = None
    if isinstance(memory, int) and not isinstance(memory, bool):
        found = memory
    elif isinstance(memory, str):
        parts = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", memory, re.IGNORECASE | re.ASCII)
        if parts and parts[2].upper() in UNITS:
            found = int(float(parts[1]) * UNITS[parts[2].upper()])
    if found is None or found <= 0:
        raise SynthemaError(
            f"{name}: expected a size such as '4GiB', '512MiB' or a number of bytes, "
            f"got {memory!r}. Write a number and a unit."
        )
    return found


def words(size: float) -> str:
    """Bytes for a person: 512 MiB, 1.5 GiB."""
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= scale:
            digits = 3 if size < 1000 * scale else 4
            return f"{size / scale:.{digits}g} {unit}"
    return f"{size:.0f} bytes"


def resident() -> int:
    """Bytes of memory that this process holds now; its peak where only that is known."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return peak()


def peak() -> int:
    """The most bytes of memory that this process ever held; 0 where that is not known."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):  # unlike getrusage, not inherited from the parent
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        import resource  # not on Windows
    except ImportError:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
