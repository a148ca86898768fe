"""The program `p2p` by its name."""

from host.program.program import Program

P2P = Program("p2p", "interrupted; run the same command again to go on")
