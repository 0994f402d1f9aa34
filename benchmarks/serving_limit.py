"""What XGBoost alone, or the decoder alone, does in a second with a request; run by serving.py in the image's Python.

python serving_limit.py predict|decode MODEL SECONDS CONTENT_TYPE BODY_FILE

predict is Booster.inplace_predict on rows that are a matrix already, decode is json.loads of the body.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main(what: str, model: str, seconds: float, kind: str, body: bytes) -> None:
    call, took = _decode(body) if what == "decode" else _predict(model, kind, body), []
    end, computed = time.perf_counter() + seconds, time.process_time()
    while (began := time.perf_counter()) < end:
        call()
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


def _decode(body: bytes) -> Callable[[], Any]:
    text = body.decode("utf-8")  # as the image's server hands it over
    return lambda: json.loads(text)


def _predict(model: str, kind: str, body: bytes) -> Callable[[], Any]:
    sys.path.insert(0, f"{model}/code")
    import inference  # type: ignore[import-not-found]

    loaded = inference.model_fn(model)
    matrix, predict = loaded.encode(body, kind), loaded.booster.inplace_predict
    return lambda: predict(matrix)


if __name__ == "__main__":
    what, model, seconds, kind, body = sys.argv[1:]
    main(what, model, float(seconds), kind, Path(body).read_bytes())
