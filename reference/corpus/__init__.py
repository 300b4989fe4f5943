"""Complaint data: a deterministic generator and a loader of the public complaint table. Trains nothing."""
