"""The nouns: frozen, serialisable, without I/O. Import from the modules themselves."""
