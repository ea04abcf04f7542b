"""A fitted ensemble of flows, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synthema_kernels import flows

    from ..encoding import Encoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Everything that a model file holds.

    Attributes:
        encoder: How tables are read and written.
        layout: The variables of the flow.
        structure: Certainties and wide cells.
        members: The networks, each with its order: stacked, every leaf with a leading member axis.
        record: How training went: settings, curves, best steps, seed, versions, seconds.
    """

    encoder: Encoder
    layout: flows.Layout
    structure: flows.Structure
    members: flows.Member
    record: Mapping[str, Any]


def layout_of(encoder: Encoder) -> flows.Layout:
    """The variables of an encoder's flow view, as the flow reads them."""
    # imported here, so that a missing extra is `flow`'s to report
    from synthema_kernels import flows

    variables = encoder.variables
    return flows.Layout(
        len(variables.numbers),
        variables.levels,
        variables.state,
        variables.status,
        variables.admitted,
    )
