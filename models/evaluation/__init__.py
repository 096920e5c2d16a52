"""Evaluation in the open: how good each model is, how sure, how fast, how it behaves and whom it treats unlike others.

Nothing here trains or changes a packaged model, and prediction never imports it.
"""
