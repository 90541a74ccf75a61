"""What descriptors an operation needs: products, convolutions, vector operations, and the fences between them."""
