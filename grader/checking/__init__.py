"""The check API, the registry and the engine. Which checks exist is decided in `grader.checks`."""
