"""What XGBoost alone does in a second with the rows of a request; run by serving.py in the image's environment.

python serving_limit.py MODEL SECONDS CONTENT_TYPE BODY_FILE
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main(model: str, seconds: float, kind: str, body: bytes) -> None:
    sys.path.insert(0, f"{model}/code")
    import inference  # type: ignore[import-not-found]

    loaded = inference.model_fn(model)
    matrix, predict, took = loaded.encode(body, kind), loaded.booster.inplace_predict, []
    end, computed = time.perf_counter() + seconds, time.process_time()
    while (began := time.perf_counter()) < end:
        predict(matrix)
        took.append(time.perf_counter() - began)
    cpu = (time.process_time() - computed) / len(took)
    took = sorted(took[len(took) // 5 :])
    found = {
        "rate": len(took) / sum(took),
        "p50": took[len(took) // 2],
        "p99": took[len(took) * 99 // 100],
        "cpu": cpu,
        "failed": 0,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3], Path(sys.argv[4]).read_bytes())
