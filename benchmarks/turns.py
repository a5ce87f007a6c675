"""Engines that take turns."""

import statistics
import time

# The threads of an engine's pool go on spinning for up to 0.2 seconds after its call: whoever came
# next would share the processor with them.
REST = 0.3


def timed(function):
    """A run that calls a function and returns the seconds that it took."""

    def run():
        begin = time.perf_counter()
        function()
        return time.perf_counter() - begin

    return run


def take_turns(runs, repeat, rest=REST):
    """Median seconds of each run.

    Args:
        runs: dict of functions without arguments that return seconds.
        repeat: int, the number of turns.
        rest: float, seconds between two runs.

    Returns:
        A dict with the same keys.
    """
    seconds = {name: [] for name in runs}
    for _ in range(repeat):
        for name, run in runs.items():
            time.sleep(rest)
            run()  # wakes its threads and finds its data
            seconds[name].append(run())
    return {name: statistics.median(values) for name, values in seconds.items()}
