"""What stands behind the command line `p2p`: its options, transfers and output."""
