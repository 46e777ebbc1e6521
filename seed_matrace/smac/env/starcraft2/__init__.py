"""Of ``smac.env.starcraft2`` the class and the maps; how it speaks with StarCraft II has no counterpart."""
