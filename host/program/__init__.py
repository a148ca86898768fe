"""What makes this computer a host for a program of the command line."""
