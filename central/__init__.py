"""The client-server backend: a server by HTTP, the persistent socket and TFTP, and its clients."""
