"""The shapes of other libraries over the attacks of this one: switching is one import."""
