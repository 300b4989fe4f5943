"""The web application in which TAs settle what the machine can't."""
