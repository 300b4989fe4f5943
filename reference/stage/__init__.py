"""Builds the stage of week 3: a hub cache with two stand-in models, a small complaint data set, the true-size table."""
