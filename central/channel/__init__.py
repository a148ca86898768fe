"""The persistent socket: frames over one connection, both ways."""
