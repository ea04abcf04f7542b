"""Where a training stands: arrays from which it goes on to the same bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Progress:
    """Members that are trained together, after whole looks at their held-out rows.

    With what the training was given it is all that is needed to go on: batches and dropout follow
    from the key and the step alone.

    Attributes:
        state: Weights, optimizer, best weights and steps by name, each with a leading member axis.
        train: (k, looks) mean training loss at each look, in nats per row.
        validation: (k, 1 + looks) loss on the held-out rows, the first before any step.
        looks: (k,) looks of each until it stopped.
    """

    state: Mapping[str, NDArray[Any]]
    train: NDArray[np.float32]
    validation: NDArray[np.float32]
    looks: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        state: Any,
        train: Sequence[NDArray[Any]],
        validation: Sequence[NDArray[Any]],
        looks: NDArray[np.int64],
    ) -> Self:
        """A copy on the host of where the members stand; curves come in parts."""
        # copied: the next call takes the buffers of the state
        leaves = {name: np.array(leaf) for name, leaf in named(state).items()}
        return cls(leaves, np.concatenate(train, 1), np.concatenate(validation, 1), looks)

    def restored(self, like: Any) -> Any:
        """The state, in the shape of `like`.

        Raises:
            ValueError: If it was not a training of this shape.
        """
        wanted = {name: (leaf.shape, leaf.dtype) for name, leaf in named(like).items()}
        found = {name: (leaf.shape, leaf.dtype) for name, leaf in self.state.items()}
        if found != wanted:
            raise ValueError("progress: expected that of the same training, got another's")
        leaves = [self.state[name] for name in wanted]
        return jax.tree.unflatten(jax.tree.structure(like), leaves)


def named(tree: Any) -> dict[str, Any]:
    """Leaves of a tree by their place in it."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path).lstrip("."): leaf for path, leaf in leaves}
