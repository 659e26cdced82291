"""The errors that end a command with a message instead of a traceback."""


class CounterfoilError(Exception):
    """Base of the errors whose text is all that the user needs; exit code 1."""

    exit_code = 1


class InputError(CounterfoilError):
    """Bad data: what is wrong, where, what was expected, what to do; exit code 2."""

    exit_code = 2


class ParamsError(CounterfoilError):
    """A key of params.yaml, a preset or an override that cannot be used; exit code 2."""

    exit_code = 2


class UsageError(CounterfoilError):
    """A command that cannot work where or as it was called; exit code 2."""

    exit_code = 2
