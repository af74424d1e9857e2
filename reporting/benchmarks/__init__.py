"""What reports are measured with."""
