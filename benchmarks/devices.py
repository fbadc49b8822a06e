"""One step on handwritten digits (MLP 64-32-10), data-parallel on several devices through JAX.

    python benchmarks/devices.py [--devices 1 2 4 8] [--batches 256 1792 14336] [--repeats 30]

Each device holds the parameters and its part of the batch; `tg.jit` compiles the step, and XLA sums
the gradients. Without accelerators the devices are threads of this computer's CPU: what is shown
then is that they agree, and what dividing costs. Trained on one device and on several, the
parameters must be equal.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

import timing  # before NumPy: it pins the BLAS threads

# isort: split
import numpy as np
from workloads import RATE, images

import tinygrad_lite as tg


def step_on(devices: Any, batch: int) -> tuple[Callable[[], Any], list[tg.Tensor]]:
    """A step that computes on `devices`, and the parameters that it moves."""
    import jax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    mesh = Mesh(np.array(devices), ("data",))
    x, y, _ = images(1797)
    at = np.arange(batch) % len(x)
    X, labels = jax.device_put((x[at], y[at]), NamedSharding(mesh, PartitionSpec("data")))
    assert len(X.sharding.device_set) == len(devices)
    linear = tg.nn.Linear
    model = tg.nn.Sequential(linear(64, 32, rng=0), tg.tanh, linear(32, 10, rng=1))
    for p in model.parameters():
        p.data = jax.device_put(p.data, NamedSharding(mesh, PartitionSpec()))
    optimizer = tg.optim.SGD(model.parameters(), lr=RATE)

    @tg.jit
    def step(X: Any, labels: Any) -> Any:
        loss = tg.cross_entropy(model(X), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return lambda: jax.block_until_ready(step(X, labels).data), model.parameters()


def difference(devices: Any, batch: int, steps: int) -> float:
    """The largest difference between parameters trained on `devices` and on one of them."""
    found = []
    for some in (devices, devices[:1]):
        step, parameters = step_on(some, batch)
        for _ in range(steps):
            step()
        found.append([np.asarray(p.data) for p in parameters])
    return max(float(np.abs(a - b).max()) for a, b in zip(*found, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--batches", type=int, nargs="+", default=[256, 1792, 14336])
    parser.add_argument("--steps", type=int, default=100, help="of training, before comparing")
    parser.add_argument("--repeats", type=int, default=30, help="of each timing")
    args = parser.parse_args()
    os.environ.setdefault(
        "XLA_FLAGS", f"--xla_force_host_platform_device_count={max(args.devices)}"
    )
    # Threads of XLA: those of all devices wait for each other in a sum, and one more does the work.
    os.environ.setdefault("PJRT_NPROC", str(2 * max(args.devices)))
    import jax

    jax.config.update("jax_enable_x64", True)
    known = jax.devices()
    print(f"{timing.machine()}; {len(known)} devices of kind {known[0].platform}")
    counts = [n for n in args.devices if n <= len(known)]
    apart = difference(known[: counts[-1]], args.batches[0], args.steps)
    print(
        f"\n{args.steps} steps on {counts[-1]} devices and on 1: parameters differ by {apart:.0e}"
    )
    if apart > 1e-12:
        raise AssertionError("the devices do not train the same model")
    for batch in args.batches:
        probes = {f"{n}": timing.timed(step_on(known[:n], batch)[0]) for n in counts}
        found = timing.alternate(probes, repeats=args.repeats, collect=False)
        times = "  ".join(f"{n}: {f[timing.SECONDS] * 1e6:.0f} us" for n, f in found.items())
        print(f"batch {batch:>6}, a step by devices   {times}")


if __name__ == "__main__":
    main()
