"""Networks: what they are made of and start from, how texts reach them in batches, and how they learn from those."""
