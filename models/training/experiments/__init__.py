"""Experiments behind ``docs/training-experiments.md``: they train small networks, keep numbers, and render a page."""
