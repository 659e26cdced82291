"""The commands of the command line: each module holds those of one subject."""
