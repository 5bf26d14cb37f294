"""Where bytes live: the encrypted vault, published files, and the one way to write durably."""
