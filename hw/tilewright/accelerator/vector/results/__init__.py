"""Results of the vector engine on their way to memory: as floats, and as records of a block format."""
