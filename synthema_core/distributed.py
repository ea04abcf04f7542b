"""The audit of one synthetic table by many processes: the two passes as tasks of a Dask cluster.

A span of rows is a task that reads its own part of the Parquet files. What adds up (minima, sums of
integers, sets) is merged on the workers, in a tree; what is one number per row comes here, span by
span, and is released. Tasks are pure: those of a worker that dies are run again elsewhere, and the
result has the bits of the audit on one machine.

The real rows are sent as the recipe of a task, which the scheduler keeps, and not as scattered
data: those vanish with the last worker that holds them.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import replace
from functools import reduce
from importlib.metadata import version
from operator import getitem
from pathlib import Path
from typing import Any, Unpack
from uuid import uuid4

from .auditing import Audit, Job, prepare
from .auditing import carry_out as carry_out_here
from .errors import MissingExtra, SynthemaError, TableError
from .evidence import Options
from .passes import Found, Mergeable, Run, Step, within
from .planning import FEWEST_ROWS, Plan
from .schema import Schema
from .sources import BLOCK_ROWS, ParquetSource, Source, Span, as_source

try:
    import dask
    from distributed import Client, Future, KilledWorker, wait
except ImportError as error:  # pragma: no cover - needs an environment without the extra
    raise MissingExtra(
        "synthema_core.distributed needs Dask. Run: pip install 'synthema-core[distributed]'"
    ) from error

ALIKE = ("synthema-core", "numpy", "numba", "polars")  # whose versions could change a bit
TIMEOUT = 10.0  # seconds until a scheduler that does not answer is given up
PATIENCE = 60.0  # seconds without any worker: a killed one that is started again takes a few
LOOK = 5.0  # seconds between two looks at whether there are workers
PARTS = 4  # of a pass, for each worker: few enough to be cheap, many enough to share evenly
AHEAD = 3  # parts for each worker whose numbers have not come here yet
FAN_IN = 8  # results that one task merges
_ONE = threading.Lock()  # parts in one process: Numba and Polars use all its cores for one


def audit(
    *,
    train: object,
    synthetic: str | os.PathLike[str] | Source,
    holdout: object | None = None,
    schema: Schema,
    seed: int,
    client: Client | str,
    memory: int | str | None = None,
    progress: bool | None = None,
    **options: Unpack[Options],
) -> Audit:
    """`synthema_core.audit` on a Dask cluster: the same numbers to the bit, but for the times.

    Args:
        train: Table the generator was fitted on. Read here, as is the holdout.
        synthetic: Path of a Parquet file, of a folder of them, or a pattern, under which every
            worker sees the same files.
        holdout: Patients the generator never saw.
        schema: What the columns are.
        seed: Of every random choice, >= 0.
        client: A connected client, or the address of a scheduler: "tcp://127.0.0.1:8786".
        memory: What this process may hold at most; parts are made small enough for a worker that
            may hold as much. None sets no bound.
        progress: Show a progress bar; None shows it on a terminal only.
        options: What evidence is wanted, as of `synthema_core.audit`; the attacks run here.

    Returns:
        Audit.

    Raises:
        TableError: If the synthetic table is not in Parquet files, or a worker does not see them.
        SynthemaError: If the cluster does not answer, has no workers, or loses them again and
            again; and whatever `synthema_core.audit` raises.
    """
    with _connected(client) as cluster:
        source = _in_files(as_source(synthetic, name="synthetic"))
        job = prepare(
            train=train,
            synthetic=source,
            holdout=holdout,
            schema=schema,
            seed=seed,
            memory=memory,
            **options,
        )
        return carry_out(job, client=cluster, progress=progress)


def carry_out(job: Job, *, client: Client | str, progress: bool | None = None) -> Audit:
    """Do an audit that was prepared, as `synthema_core.audit.carry_out`, on a cluster."""
    source = _in_files(job.tables.synthetic)
    with _connected(client) as cluster:
        _check_workers(cluster, source)
        made = _shared(job.plan, source.height, len(cluster.nthreads()))
        here = replace(job, tables=replace(job.tables, synthetic=source), plan=made)
        run = on(cluster)
        if made.bound is not None:
            run = within(made.bound, run)
        return carry_out_here(here, run=run, progress=progress)


def on(client: Client) -> Run:
    """What runs the parts of a pass on a cluster, and yields merged results."""

    def run(step: Step[Found], spans: Sequence[Span]) -> Iterator[Found]:
        try:
            yield from _results(client, step, spans)
        except KilledWorker:
            raise SynthemaError(
                "cluster: workers died again and again while they worked on one part, most often "
                "for want of memory. Give them more, or make the parts smaller with a bound on "
                "memory, and look at the workers' logs."
            ) from None
        except (CancelledError, OSError) as error:
            raise SynthemaError(
                f"cluster: the connection to the scheduler was lost ({type(error).__name__}). "
                "See whether it still runs, and start the audit again."
            ) from None

    return run


def _results(client: Client, step: Step[Found], spans: Sequence[Span]) -> Iterator[Found]:
    """What is one number per row, part by part, and at last the merge of the rest."""
    name = f"{type(step).__name__.lower()}-{uuid4().hex}"
    # Dask warns of a large recipe because the scheduler must keep it: that is what it is for.
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TiB"}):
        held = client.submit(_same, step, key=f"{name}-step")
    tree, loose = _Tree(client, name), set[Future]()
    try:
        for number, (start, stop) in enumerate(spans):
            while len(loose) >= AHEAD * max(1, len(client.nthreads())):
                yield from _arrived(client, loose)
            found = client.submit(_apart, held, start, stop, key=f"{name}-part-{number}")
            tree.add(client.submit(getitem, found, 0, key=f"{name}-adds-{number}"))
            loose.add(client.submit(getitem, found, 1, key=f"{name}-rows-{number}"))
            del found  # else the last part would stay on its worker
        while loose:
            yield from _arrived(client, loose)
        root = tree.root()
        yield _result(client, root)
    finally:
        for future in (held, *loose, *tree.futures()):
            future.release()


class _Tree:
    """Merges results on the workers while they come, at most FAN_IN and a rest at a time."""

    def __init__(self, client: Client, name: str) -> None:
        self._client, self._name = client, name
        self._levels: list[list[Future]] = []
        self._made = 0

    def add(self, future: Future, level: int = 0) -> None:
        if level == len(self._levels):
            self._levels.append([])
        waiting = self._levels[level]
        waiting.append(future)
        if len(waiting) == FAN_IN:
            self._levels[level] = []
            self.add(self._merged(waiting), level + 1)

    def root(self) -> Future:
        rest: list[Future] = []
        for waiting in self._levels:
            rest = [*rest, *waiting]
            if len(rest) > 1:
                rest = [self._merged(rest)]
        self._levels = [rest]
        return rest[0]

    def futures(self) -> list[Future]:
        return [future for waiting in self._levels for future in waiting]

    def _merged(self, futures: list[Future]) -> Future:
        self._made += 1
        return self._client.submit(_merged, *futures, key=f"{self._name}-merge-{self._made}")


def _arrived(client: Client, loose: set[Future]) -> Iterator[Any]:
    """The results that are there, at least one; they leave the set and the workers."""
    for future in _done(client, list(loose)):
        loose.discard(future)
        result = _result(client, future)
        future.release()
        if result is not None:
            yield result


def _done(client: Client, futures: list[Future]) -> set[Future]:
    """Those that are done, at least one."""
    with client.as_current():  # `wait` asks for one, though futures know theirs
        found: set[Future] = _patiently(
            client, lambda: wait(futures, LOOK, return_when="FIRST_COMPLETED").done
        )
    return found


def _result(client: Client, future: Future) -> Any:
    """It may have to be computed again, if the worker that had it died."""
    return _patiently(client, lambda: future.result(timeout=PATIENCE))


def _patiently(client: Client, look: Callable[[], Any]) -> Any:
    """Look until there is something; a cluster that stays without workers is an error."""
    seen = time.monotonic()
    while True:
        try:
            return look()
        except TimeoutError:
            if client.nthreads():
                seen = time.monotonic()
        if time.monotonic() - seen >= PATIENCE:
            raise _no_workers()


# --- what the workers run -----------------------------------------------------------------------


def _same(step: Step[Found]) -> Step[Found]:
    return step


def _apart(step: Step[Mergeable], start: int, stop: int) -> tuple[Mergeable, Mergeable | None]:
    with _ONE:
        return step(start, stop).apart()


def _merged(*found: Mergeable) -> Mergeable:
    return reduce(lambda a, b: a.merge(b), found)


def _seen(sizes: dict[str, int]) -> tuple[dict[str, str], str | None]:
    """Versions here, and the first file that is not here, or not the same."""
    odd = (path for path, size in sizes.items() if not _has(path, size))
    return {name: version(name) for name in ALIKE}, next(odd, None)


def _has(path: str, size: int) -> bool:
    try:
        return os.path.getsize(path) == size
    except OSError:
        return False


# --- the cluster --------------------------------------------------------------------------------


@contextmanager
def _connected(client: Client | str) -> Iterator[Client]:
    """The client, or one of our own for an address."""
    if isinstance(client, Client):
        if client.asynchronous:
            raise SynthemaError(
                "client: expected one that blocks, got an asynchronous one. Leave out "
                "asynchronous=True, or give the scheduler's address."
            )
        yield client
        return
    if not isinstance(client, str):
        raise SynthemaError(
            "client: expected a distributed.Client or the address of a scheduler, got "
            f"{type(client).__name__}. Give one, as 'tcp://127.0.0.1:8786'."
        )
    try:
        made = Client(client, timeout=TIMEOUT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise SynthemaError(
            f"scheduler: no answer from {client} within {TIMEOUT:g} s ({type(error).__name__}). "
            "Check the address, which `dask scheduler` prints when it starts."
        ) from None
    with made:
        yield made


def _check_workers(client: Client, source: ParquetSource) -> None:
    """Refuse a cluster without workers, or of other versions, or that does not see the files."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise _no_workers() from None
    try:
        sizes = {path: os.path.getsize(path) for path in source.paths}
    except OSError as error:
        raise TableError(f"synthetic: {error.filename} has gone. Let it rest.") from None
    for worker, answer in client.run(_seen, sizes, on_error="return").items():
        if isinstance(answer, ImportError):
            raise SynthemaError(
                f"cluster: worker {worker} cannot import {answer.name or 'synthema_core'}. "
                "Install the same environment there."
            )
        if isinstance(answer, BaseException):
            continue  # a worker that dies just now costs nothing
        found, missing = answer
        for name, there in found.items():
            if there != version(name):
                raise SynthemaError(
                    f"cluster: worker {worker} has {name} {there}, expected {version(name)} as "
                    "here: another version may change a bit. Install the same environment there."
                )
        if missing is not None:
            raise TableError(
                f"synthetic: worker {worker} does not see {Path(missing).name}, or another file of "
                f"that name, at {Path(missing).parent}. Put the files where all workers find them "
                "under one path, as on a shared disk."
            )


def _no_workers() -> SynthemaError:
    return SynthemaError(
        f"cluster: the scheduler had no worker for {PATIENCE:g} s. Start some, each with "
        "`dask worker ADDRESS --nthreads 1`, and look at the logs of those that ended."
    )


def _in_files(source: Source) -> ParquetSource:
    """The source with full paths: workers have other working folders."""
    if not isinstance(source, ParquetSource):
        raise TableError(
            "synthetic: expected the path of Parquet files, as each worker reads its own part, got "
            "a table in memory or a file that is read whole. Write it where all workers see it, "
            "with synthetic.write_parquet(path), and give the path."
        )
    return replace(source, paths=tuple(os.path.abspath(path) for path in source.paths))


def _shared(made: Plan, height: int, workers: int) -> Plan:
    """The plan with parts for all workers; none is larger than it was."""
    each = -(-height // (PARTS * workers))
    blocks = -(-each // BLOCK_ROWS) * BLOCK_ROWS
    return replace(
        made,
        survey_rows=min(made.survey_rows, blocks),
        search_rows=min(made.search_rows, max(each, FEWEST_ROWS)),
    )
