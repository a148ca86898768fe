"""The client-server backend: a real HTTP server, and clients that fetch from it."""

from central.backend import CentralBackend

__all__ = ["CentralBackend"]
