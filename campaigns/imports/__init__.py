"""Reading lead files: detection, mapping, rows. Pure; no Django."""
