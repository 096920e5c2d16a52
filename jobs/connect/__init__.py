"""Connect: feed, window, cursor -> bodies of bytes. What is in them is a reader's business, keeping them ingest's."""
