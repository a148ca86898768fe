"""The program `central` by its name."""

from host.program.program import Program

CENTRAL = Program("central", "interrupted; get --continue goes on with what has come")
