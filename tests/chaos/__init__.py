"""What the rooms together survive: crashes, races, disorder, and a Redis that is away."""
