"""The files that a server has, and the changes that happen to them."""
