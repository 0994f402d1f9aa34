"""Made-up data with a known answer, for the demo, the tests and the benchmarks.

`millrace demo` uploads what `generate` writes (insurance claims), `millrace invoke` sends rows of `sample_rows`. The
columns are those of public sets: the auto-insurance set of the SageMaker workshop, abalone, the Palmer penguins; every
value is drawn here.
"""

from millrace.demo_data.abalone import AbaloneData, generate_abalone
from millrace.demo_data.generator import DemoData, generate, sample_rows
from millrace.demo_data.penguins import generate_penguins

__all__ = ["AbaloneData", "DemoData", "generate", "generate_abalone", "generate_penguins", "sample_rows"]
