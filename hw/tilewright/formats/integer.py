"""Widths of signed integers."""

__all__ = ["product_sum_bits", "signed_bits"]


def product_sum_bits(activation_bits: int, weight_bits: int, products: int) -> int:
    """Width in bits of the signed sum of ``products`` signed products, exactly as wide as needed.

    The largest sum is ``products * 2**(activation_bits + weight_bits - 2)``, reached when every operand is
    the most negative; the smallest has a lesser magnitude.
    """
    return (products << activation_bits + weight_bits - 2).bit_length() + 1


def signed_bits(low: int, high: int) -> int:
    """Width in bits of a signed integer that can be any from ``low`` to ``high``."""
    return max((~low if low < 0 else low).bit_length(), (~high if high < 0 else high).bit_length()) + 1
