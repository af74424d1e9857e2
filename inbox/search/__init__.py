"""Search over conversations: what people type, and how it is found."""
