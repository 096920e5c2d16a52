"""Sentiment models and language identification: how they are trained, packaged, loaded and asked."""
