"""Operations on rows of float32."""

from . import coefficients

__all__ = ["coefficients"]
