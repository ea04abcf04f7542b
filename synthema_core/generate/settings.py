"""Settings of a generator by name, as scikit-learn's tools ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import SynthemaError

if TYPE_CHECKING:
    from typing import Self


class Settings:
    """What every generator does with its settings; each is an attribute of its name."""

    settings: ClassVar[tuple[str, ...]]

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002 - scikit-learn's signature
        """The settings by name, as in scikit-learn."""
        del deep
        return {name: getattr(self, name) for name in self.settings}

    def set_params(self, **params: Any) -> Self:
        """Change settings by name, as in scikit-learn."""
        for name, value in params.items():
            if name not in self.settings:
                raise SynthemaError(
                    f"parameter {name!r}: unknown. Use one of {sorted(self.settings)}."
                )
            setattr(self, name, value)
        return self
