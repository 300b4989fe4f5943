"""Generated week-3 homework notebooks whose right verdicts are known from how they were made. Shares no code with the checks."""
