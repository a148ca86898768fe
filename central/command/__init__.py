"""What stands behind the command line `central`: its options, transfers and output."""
