"""`SinglingOutEvaluator`, in anonymeter's shape."""

from typing import Self

import numpy as np
import polars as pl

from ..privacy.attack import Attack, some
from ..privacy.predicates import Predicates, RankedTables
from ..privacy.singling_out import SingledOut, singled_out
from .frames import Frames
from .results import EvaluationResults, Evaluator, PrivacyRisk

MODES = ("univariate", "multivariate")


class SinglingOutEvaluator(Evaluator):
    """Do predicates that one synthetic row alone meets isolate one person?

    Args:
        ori: People the synthetic table was made from.
        syn: The synthetic table.
        n_attacks: Predicates wanted; where fewer exist, rates are of those that do.
        n_cols: Columns of a predicate in mode "multivariate".
        control: People never seen, of any number.
        max_attempts: Predicates to try at most; None is no bound but a search that finds none.
        seed: Of all random choices.
    """

    def __init__(
        self,
        ori: object,
        syn: object,
        n_attacks: int = 500,
        n_cols: int = 3,
        control: object | None = None,
        max_attempts: int | None = 10_000_000,
        seed: int = 0,
    ) -> None:
        tables = {"ori": ori, "syn": syn} | ({} if control is None else {"control": control})
        self._frames = Frames.of(tables)
        self._control = control is not None
        self._n_attacks, self._n_cols, self._seed = n_attacks, n_cols, seed
        self._attempts = 2**62 if max_attempts is None else max_attempts
        self._found: SingledOut | None = None

    def evaluate(self, mode: str = "multivariate") -> Self:
        """Run the attack.

        Args:
            mode: "univariate" or "multivariate".
        """
        if mode not in MODES:
            raise ValueError(f"mode: expected 'univariate' or 'multivariate', got {mode!r}")
        ours, pool, *theirs = self._frames.raw
        nobody = some(ours, np.empty(0, np.int64))
        self._ranked = RankedTables.of(ours, theirs[0] if theirs else nobody, pool)
        self._found = singled_out(
            self._ranked,
            width=1 if mode == "univariate" else self._n_cols,
            n_attacks=self._n_attacks,
            attempts=self._attempts,
            columns=None,
            rng=np.random.default_rng(self._seed),
        )
        return self

    @property
    def attack(self) -> Attack:
        """The full result."""
        return self._done.attack

    @property
    def _done(self) -> SingledOut:
        self._evaluated()
        assert self._found is not None
        return self._found

    def queries(self, baseline: bool = False) -> list[pl.Expr]:  # noqa: FBT001, FBT002
        """The predicates that isolate a person of `ori`, as Polars expressions.

        They hold values of the synthetic table: show them to nobody who may not see it.
        """
        done = self._done
        found = done.blind if baseline else done.predicates
        kept = done.isolated_blind if baseline else done.isolated
        return [self._expression(found, i) for i in np.flatnonzero(kept).tolist()]

    def results(self, confidence_level: float = 0.95) -> EvaluationResults:
        """Successes and rates."""
        done, found = self._done, self._done.attack
        trials, others = found.trials or (found.main.n, found.control.n)
        return EvaluationResults(
            n_attacks_ori=trials,
            n_attacks_baseline=len(done.blind),
            n_attacks_control=others,
            n_success=(found.main.value or 0.0) * trials,
            n_baseline=int(done.isolated_blind.sum()),
            n_control=(found.control.value or 0.0) * others if self._control else None,
            confidence_level=confidence_level,
        )

    def risk(self, confidence_level: float = 0.95, baseline: bool = False) -> PrivacyRisk:  # noqa: FBT001, FBT002
        """The risk of being singled out."""
        return self.results(confidence_level).risk(baseline=baseline)

    def _expression(self, found: Predicates, i: int) -> pl.Expr:
        terms = [
            self._term(*(int(x) for x in term))
            for term in zip(found.columns[i], found.low[i], found.high[i], strict=True)
        ]
        return terms[0] if len(terms) == 1 else pl.all_horizontal(terms)

    def _term(self, at: int, low: int, high: int) -> pl.Expr:
        name = self._frames.names[at]
        here = pl.col(name)
        if high < 0:
            return here.is_null()
        if name in self._frames.levels:
            return here == pl.lit(self._frames.levels[name][low])
        dtype = self._frames.frames[0].schema[name]
        values = np.unique(np.concatenate([rows.numeric[:, at] for rows in self._frames.raw]))

        def bound(rank: int) -> pl.Expr:
            value = pl.lit(float(values[rank]))
            if isinstance(dtype, pl.Date | pl.Datetime):
                zone = getattr(dtype, "time_zone", None)
                return value.cast(pl.Int64).cast(pl.Datetime("us", zone)).cast(dtype)
            return value.cast(pl.Int64).cast(pl.Duration("us")) if dtype.is_temporal() else value

        if low == high:
            return here == bound(low)
        return here <= bound(high) if low == 0 else here >= bound(low)
