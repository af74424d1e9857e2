"""One package per provider, all of the same shape; they never import each other."""
