"""Text processing as a chain of named steps that can be switched on and off."""
