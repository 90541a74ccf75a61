"""Numbers as bits of float32."""

import struct

__all__ = ["constant_bits"]


def constant_bits(value: float) -> int:
    """The bits of a float32 with exactly this value."""
    packed = struct.pack("<f", value)
    if struct.unpack("<f", packed)[0] != value:
        raise ValueError(f"{value!r} is not a float32")
    return int.from_bytes(packed, "little")
