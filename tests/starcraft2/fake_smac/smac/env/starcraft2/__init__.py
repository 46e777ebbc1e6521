"""Where SMAC's own class lives; the fake one is a level up."""
