"""Statistics of a list of numbers."""

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel, Field

app = FastAPI(title="Statistics")


class Sample(BaseModel):
    """Numbers to describe."""

    values: list[float] = Field(min_length=1, max_length=10_000)


@app.get("/")
def about() -> dict[str, str]:
    """Say what this is."""
    return {"post": "/statistics", "documentation": "/docs"}


@app.post("/statistics")
def statistics(sample: Sample) -> dict[str, float]:
    """Describe a sample."""
    values = np.asarray(sample.values)
    return {"mean": float(values.mean()), "deviation": float(values.std()), "median": float(np.median(values))}
