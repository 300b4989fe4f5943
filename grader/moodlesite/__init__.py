"""A Moodle site by its web services: read an assignment, give grades, comments and pages back. Stores nothing."""
