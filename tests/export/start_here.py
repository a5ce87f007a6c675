"""Verification in the process of the tests: to start another one takes seconds."""

import runpy
import sys


def start_here(program, arguments, folder):
    """`processes.start` in this process: to start another one takes seconds."""
    loaded, before = dict(sys.modules), sys.argv
    try:
        sys.argv = [str(program), *arguments]
        runpy.run_path(str(program), run_name="__main__")
    finally:
        sys.argv = before
        for name in [name for name, module in sys.modules.items() if module is None]:
            del sys.modules[name]  # What the program does not want to be imported.
            sys.modules.update({name: loaded[name]} if name in loaded else {})
