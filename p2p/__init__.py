"""The peer-to-peer backend: real BitTorrent peers, all alike."""
