"""Narrow tables beside the posts, one row an item: copies of a text (twins), and what it is about (topics)."""
