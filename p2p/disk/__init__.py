"""A torrent's files on disk: verified pieces go in, blocks come out, and a crash loses nothing."""
