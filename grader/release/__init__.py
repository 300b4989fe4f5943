"""Back to Moodle: the worksheet and the feedback archive, read back by Moodle's rules before they are written."""
