"""The network's price list, as it stands in the ``pricing`` aggregate of its owner.

The figures are pyaleph's defaults (aleph-im/pyaleph, ``src/aleph/toolkit/constants.py``); a node that holds the
aggregate reads it from there, so a test can publish other prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any


def _gpu_tiers(*models: tuple[str, int, int]) -> list[dict[str, Any]]:
    return [
        {"id": f"tier-{number}", "vram": vram, "model": model, "compute_units": units}
        for number, (model, vram, units) in enumerate(models, 1)
    ]


def _product(
    storage: dict[str, str], compute: dict[str, str], tiers: list[dict[str, Any]], disk_mib: int, memory_mib: int = 2048
) -> dict[str, Any]:
    return {
        "price": {"storage": storage, "compute_unit": compute},
        "tiers": tiers,
        "compute_unit": {"vcpus": 1, "disk_mib": disk_mib, "memory_mib": memory_mib},
    }


_FILE_CREDIT = "0.17967489030626108"
_VOLUME = {"payg": "0.000000977", "holding": "0.05", "credit": "0.977"}
_DISK = {"payg": "0.000000977", "holding": "0.05", "credit": _FILE_CREDIT}
_GPU_DISK = {"payg": "0.000000977", "credit": _FILE_CREDIT}
_UNITS = [{"id": f"tier-{number}", "compute_units": count} for number, count in enumerate((1, 2, 4, 6, 8, 12), 1)]

PRICING: dict[str, Any] = {
    "program": _product(_VOLUME, {"payg": "0.011", "holding": "200", "credit": "11000"}, _UNITS, 2048),
    "storage": {"price": {"storage": {"holding": "0.333333333", "credit": _FILE_CREDIT}}},
    "instance": _product(_DISK, {"payg": "0.055", "holding": "1000", "credit": "14250"}, _UNITS, 20480),
    "web3_hosting": {"price": {"fixed": 50, "storage": {"holding": "0.333333333", "credit": _FILE_CREDIT}}},
    "program_persistent": _product(_VOLUME, {"payg": "0.055", "holding": "1000", "credit": "55000"}, _UNITS, 20480),
    "instance_gpu_premium": _product(
        _GPU_DISK,
        {"payg": "0.56", "holding": "560", "credit": "86250"},
        _gpu_tiers(("A100", 81920, 16), ("H100", 81920, 24)),
        61440,
        6144,
    ),
    "instance_confidential": _product(_DISK, {"payg": "0.11", "holding": "2000", "credit": "28500"}, _UNITS, 20480),
    "instance_gpu_standard": _product(
        _GPU_DISK,
        {"payg": "0.28", "holding": "280", "credit": "43125"},
        _gpu_tiers(("RTX 4000 ADA", 20480, 3), ("RTX 3090", 24576, 4), ("RTX 4090", 24576, 6), ("L40S", 49152, 12)),
        61440,
        6144,
    ),
}


@dataclass(frozen=True)
class Rate:
    """One price by the three ways to pay: tokens held, tokens per second, credits per second."""

    hold: Decimal
    stream: Decimal
    credit: Decimal

    @classmethod
    def read(cls, prices: dict[str, Any]) -> Rate:
        """Read the hourly prices of an aggregate; what is missing costs nothing."""
        return cls(
            hold=Decimal(prices.get("holding") or 0),
            stream=Decimal(prices.get("payg") or 0) / 3600,
            credit=Decimal(prices.get("credit") or 0) / 3600,
        )


@dataclass(frozen=True)
class Product:
    """Prices of one product: per MiB of storage, per compute unit, and what a unit holds."""

    name: str
    storage: Rate
    compute: Rate | None
    unit_memory_mib: int
    unit_disk_mib: int

    @classmethod
    def read(cls, name: str, pricing: dict[str, Any]) -> Product:
        """Read product ``name`` of a pricing aggregate."""
        entry = pricing[name]
        unit = entry.get("compute_unit")
        return cls(
            name=name,
            storage=Rate.read(entry["price"]["storage"]),
            compute=Rate.read(entry["price"]["compute_unit"]) if unit else None,
            unit_memory_mib=unit["memory_mib"] if unit else 2048,
            unit_disk_mib=unit["disk_mib"] if unit else 0,
        )
