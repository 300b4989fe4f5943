"""Entry point of `python -m reference`."""

from __future__ import annotations

from reference.cli import main

main()
