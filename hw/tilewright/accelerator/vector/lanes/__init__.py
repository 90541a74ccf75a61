"""A lane of the vector engine: what it computes with float32 numbers."""
