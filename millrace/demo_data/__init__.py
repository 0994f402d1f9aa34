"""Made-up insurance claims with a known answer, for the demo, the tests and the benchmarks.

`millrace demo` uploads what `generate` writes, `millrace invoke` sends rows of `sample_rows`. The columns are those
of the public auto-insurance set of the SageMaker workshop; every value is drawn here.
"""

from millrace.demo_data.generator import DemoData, generate, sample_rows

__all__ = ["DemoData", "generate", "sample_rows"]
