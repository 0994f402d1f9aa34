"""Runs a script as `python -W error script.py ...` does, in a process whose libraries are loaded already.

A child of `step_runs.step`; without arguments for the interpreter it can be a fork of a process that waits.
"""

import os
import runpy
import sys
import warnings

warnings.simplefilter("error")
sys.argv[:] = sys.argv[1:]
sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
