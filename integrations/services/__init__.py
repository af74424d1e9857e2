"""The only writers of this room: keyword-only, typed, atomic."""
