"""Statistics of figures, on arrays alone: no lake, no settings."""
