"""What people decided and what was released: an append-only SQLite file. Knows nothing of points or pages."""

from grader.ledger.access import Access, Visitor
from grader.ledger.book import ConflictError, Ledger, ledger_file

__all__ = ["Access", "ConflictError", "Ledger", "Visitor", "ledger_file"]
