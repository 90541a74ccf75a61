"""The command line: each command in a file, imported when it runs."""
