"""The command line. Each command is in a file of its own, which is imported when the command runs."""
