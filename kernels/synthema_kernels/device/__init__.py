"""The kernels in JAX, for accelerators: the same verbs, the same bits.

Needs JAX: `pip install 'synthema-core[flows]'`. Rows come from the host and answers go back to it.
"""

from .neighbors import nearest as nearest

__all__ = ["nearest"]
