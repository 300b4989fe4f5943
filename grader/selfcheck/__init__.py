"""What students run on their own machine. Sees no decisions, no releases and no expectation that is hidden."""
