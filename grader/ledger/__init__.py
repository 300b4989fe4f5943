"""What people decided and what was released: an append-only record."""
