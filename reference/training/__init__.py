"""One run: model and tokenizer from a configuration, training, evaluation, timing. Records nothing for the grader."""
