"""What several commands share: options, recordings, reports, and how a command ends."""
