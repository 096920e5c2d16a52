"""What is learnt from: the files that may be used, their rows without repeats and in parts, what each row counts."""
