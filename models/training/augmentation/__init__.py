"""Ways to change a text that leave its sentiment alone, and the words that they exchange."""
