"""Training of the packaged models; prediction code never imports it.

``train`` and ``retrain`` are the whole of it, step by step; each of the packages beside them is one of their concerns.
"""
