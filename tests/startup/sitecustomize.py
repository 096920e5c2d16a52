"""Every Python that the tests start looks for garbage as seldom as they do: its start is a quarter shorter."""

import gc

gc.set_threshold(100_000, 50, 100)
