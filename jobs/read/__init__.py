"""Read: bytes -> records, one module a wire format. Dates, text and identity are left as they are."""
