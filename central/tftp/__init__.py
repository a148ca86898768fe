"""TFTP over UDP (RFC 1350): the server and the client of it."""
