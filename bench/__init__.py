"""Side by side with rivals, and the figures of the README: run as modules, from the checkout."""
