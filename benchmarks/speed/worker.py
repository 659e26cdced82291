"""A contender's process: reads cases from its input, answers with what it measured."""

import json
import os
import sys

from benchmarks.speed.contenders import CONTENDERS, MissingLibraryError


def main():
    """Make the contender, say so, then measure one case a line until the input ends."""
    # Libraries write to the standard output as well; the answers go where they did at the start.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    try:
        contender = CONTENDERS[name](**arguments)
    except MissingLibraryError as reason:
        print(json.dumps({"missing": str(reason)}), file=answers)
        return
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        done, seconds = contender.run(request["case"], request["seconds"])
        print(json.dumps({"done": done, "seconds": seconds}), file=answers)


if __name__ == "__main__":
    main()
