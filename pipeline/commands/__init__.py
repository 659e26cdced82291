"""The commands of the command line: options and help, nothing else."""
