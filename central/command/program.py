"""The program `central` by its name."""

from host.program.program import Program

CENTRAL = Program("central", "interrupted; what has come of a get is kept for get --continue")
