"""The programs of the vector engine: their instructions, where they are stored, and what steps through them."""
