"""Training of many networks against the usual ways, side by side in one process.

Prints, as Markdown: 64 networks (16 each of 5, 10, 100 and 500 hidden units), 1000 full-batch steps
on 200 points of the lab's problem, from the same initial weights, by the eager PyTorch loop, by
scikit-learn's MLPClassifier, by JAX (vmap over the networks of a size, scan over the steps) and by
Backproof's engines; the share of the machine's peak that they reach; the memory; and curves of the
time against the number of networks and against the hidden size. With an accelerator, the batched
engine there.
"""

import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from backproof.datasets import lab_mixture
from backproof.training import FFModel, Fits, fit, mean_logistic_loss

SIZES = (5, 10, 100, 500)
SEEDS = range(16)
POINTS, STEPS, RATE = 200, 1000, 0.1
THREADS = 2
REPEATS = 3
# Of the slow ways so many seeds are run, and the time is scaled by their number.
EAGER_SEEDS, MLP_SEEDS = 2, 2
# Operations for a unit and a point: 6 for the pre-activation and the score, 10 for the gradient,
# about 23 for tanh.
OPERATIONS = 39

X, T = lab_mixture().sample(POINTS, seed=1)


def main() -> None:
    torch.set_num_threads(THREADS)
    for dtype in ("float32", "float64"):
        table(dtype)
    print(memory())
    curves()
    if torch.cuda.is_available():
        accelerator()


def table(dtype: str) -> None:
    """Print the times of all ways, each ratio to the eager loop that ran beside it."""
    ways: dict[str, Callable[[], Any]] = {
        "eager PyTorch loop": lambda: eager(dtype),
        "autograd engine": lambda: ours("autograd", dtype, EAGER_SEEDS),
        "batched engine": lambda: ours("batched", dtype),
        "fused engine": lambda: ours("fused", dtype),
    }
    scale = {"eager PyTorch loop": len(SEEDS) / EAGER_SEEDS}
    scale["autograd engine"] = scale["eager PyTorch loop"]
    if dtype == "float32" or os.environ.get("BENCH_ALL"):
        ways["scikit-learn MLPClassifier"] = lambda: mlp(dtype)
        scale["scikit-learn MLPClassifier"] = len(SEEDS) / MLP_SEEDS
    first = {}
    with_jax = jax_way(dtype)
    if with_jax is not None:
        ways["JAX vmap and scan"] = with_jax
    for name in ("fused engine", "JAX vmap and scan"):
        if name in ways:
            first[name] = seconds(ways[name])
    times: dict[str, list[float]] = {name: [] for name in ways}
    finals: dict[str, Any] = {}
    for _ in range(REPEATS):
        for name, way in ways.items():
            start = time.perf_counter()
            finals[name] = way()
            times[name].append((time.perf_counter() - start) * scale.get(name, 1))
    medians = {name: statistics.median(values) for name, values in times.items()}
    eager_time = medians["eager PyTorch loop"]
    peak = matrix_peak(dtype)
    work = len(SEEDS) * sum(SIZES) * POINTS * STEPS * OPERATIONS / 1e9
    print(f"\n{dtype}, {THREADS} threads; matrix-multiply peak {peak:.0f} GFLOP/s\n")
    print("| way | s | against eager | share of peak | final loss, mean | first call (s) |")
    print("|---|---|---|---|---|---|")
    for name, median in sorted(medians.items(), key=lambda item: -item[1]):
        again = f"{first[name]:.1f}" if name in first else ""
        loss = "" if finals[name] is None else f"{finals[name]:.8f}"
        ratio, share = eager_time / median, work / median / peak
        print(f"| {name} | {median:.2f} | {ratio:.1f} | {share:.0%} | {loss} | {again} |")


def eager(dtype: str) -> float:
    """Train one network after the other as a script would; return the mean final loss."""
    kind = getattr(torch, dtype)
    x, t = torch.tensor(X, dtype=kind), torch.tensor(T, dtype=kind)
    finals = []
    for hidden in SIZES:
        for seed in range(EAGER_SEEDS):
            model = FFModel(hidden, seed=seed, dtype=kind)
            optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
            for _ in range(STEPS):
                optimizer.zero_grad()
                loss = mean_logistic_loss(
                    torch.tanh(x @ model.W1 + model.b1) @ model.w + model.b, t
                )
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            finals.append(mean_logistic_loss(model.score(x), t).item())
    return float(np.mean(finals))


def ours(engine: str, dtype: str, seeds: int = len(SEEDS)) -> float:
    """Train with an engine; return the mean final loss of the seeds that the eager loop has."""
    fits = trained(engine, dtype, seeds)
    return float(np.mean([one.losses[-1] for one in fits if one.spec.seed < EAGER_SEEDS]))


def trained(engine: str, dtype: str, seeds: int = len(SEEDS)) -> Fits:
    return fit(
        SIZES, range(seeds), X, T, steps=STEPS, learning_rate=RATE, engine=engine, dtype=dtype
    )


def mlp(dtype: str) -> None:
    """Train with scikit-learn, whose initial weights are its own."""
    from sklearn.neural_network import MLPClassifier

    x = X.astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for hidden in SIZES:
            for seed in range(MLP_SEEDS):
                MLPClassifier(
                    (hidden,), activation="tanh", solver="sgd", alpha=0, batch_size=POINTS,
                    learning_rate_init=RATE, momentum=0, nesterovs_momentum=False,
                    max_iter=STEPS, n_iter_no_change=STEPS, tol=0, random_state=seed,
                ).fit(x, T)  # fmt: skip


def jax_way(dtype: str) -> Callable[[], float] | None:
    """Return the training of all networks of a size at once in JAX, where it is installed."""
    try:
        import jax
        import jax.numpy as jnp
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
    x, t = jnp.asarray(X, dtype), jnp.asarray(T, dtype)

    def mean_loss(parameters: Any) -> Any:
        W1, b1, w, b = parameters
        return jnp.mean(jax.nn.softplus(-t * (jnp.tanh(x @ W1 + b1) @ w + b)))

    def step(parameters: Any, _: Any) -> Any:
        gradients = jax.vmap(jax.grad(mean_loss))(parameters)
        moved = jax.tree.map(lambda p, g: p - jnp.asarray(RATE, dtype) * g, parameters, gradients)
        return moved, None

    run = jax.jit(lambda parameters: jax.lax.scan(step, parameters, None, length=STEPS)[0])
    starts = []
    for hidden in SIZES:
        models = [FFModel(hidden, seed=seed) for seed in SEEDS]
        starts.append(
            tuple(
                jnp.asarray(np.stack([getattr(m, name).detach().numpy() for m in models]), dtype)
                for name in ("W1", "b1", "w", "b")
            )
        )

    def train() -> float:
        ends = [run(start) for start in starts]
        losses = [np.asarray(jax.vmap(mean_loss)(end))[:EAGER_SEEDS] for end in ends]
        return float(np.mean(losses))

    return train


def matrix_peak(dtype: str) -> float:
    """Return the fastest measured product of large matrices, in GFLOP/s."""
    size = 2048
    a = torch.rand(size, size, dtype=getattr(torch, dtype))
    best = min(seconds(lambda: a @ a) for _ in range(8))
    return float(2 * size**3 / best / 1e9)


def memory() -> str:
    """Say by how much more steps, and more networks, raise the peak memory of a process."""
    # Not getrusage, whose peak a process inherits from its parent.
    code = (
        "import sys; from training import X, T; from backproof.training import fit;"
        " fit([100], range(int(sys.argv[1])), X, T, steps=int(sys.argv[2]), engine='batched');"
        " print(next(line.split()[1] for line in open('/proc/self/status') if 'VmHWM' in line))"
    )

    def peak(networks: int, steps: int) -> float:
        found = subprocess.run(
            [sys.executable, "-c", code, str(networks), str(steps)],
            check=True, capture_output=True, text=True,
            cwd=os.path.dirname(os.path.abspath(__file__)),  # noqa: PTH100, PTH120
        )  # fmt: skip
        return int(found.stdout) / 1024

    base = peak(64, 10)
    return (
        f"\nPeak memory, H = 100: {base:.0f} MiB for 64 networks and 10 steps, "
        f"{peak(64, 1000):.0f} MiB for 1000 steps, {peak(4096, 10):.0f} MiB for 4096 networks."
    )


def curves() -> None:
    """Print the time against the number of networks, and against the hidden size."""
    print("\n| networks of H = 20 | batched (ms a step) | fused (ms a step) |\n|---|---|---|")
    for networks in (1, 4, 16, 64, 256, 1024, 4096):
        cells = [f"{a_step([20], networks, engine):.3f}" for engine in ("batched", "fused")]
        print(f"| {networks} | {' | '.join(cells)} |")
    print("\n| H, 16 networks | batched (ms a step) | fused (ms a step) |\n|---|---|---|")
    for hidden in (1, 4, 16, 64, 256, 1024, 4096):
        cells = [f"{a_step([hidden], 16, engine):.3f}" for engine in ("batched", "fused")]
        print(f"| {hidden} | {' | '.join(cells)} |")


def a_step(hidden: list[int], networks: int, engine: str, device: str = "cpu") -> float:
    """Return the milliseconds of one step of all networks, from two lengths of training."""
    few, many = (5, 25) if networks * sum(hidden) > 20_000 else (50, 250)

    def train(steps: int) -> None:
        fit(hidden, range(networks), X, T, steps=steps, engine=engine, dtype="float32",
            device=device)  # fmt: skip

    train(few)
    differences = [
        (seconds(lambda: train(many)) - seconds(lambda: train(few))) / (many - few)
        for _ in range(REPEATS)
    ]
    return 1000 * statistics.median(differences)


def accelerator() -> None:
    """Print the same curve of the batched engine on the accelerator."""
    print(f"\n| networks of H = 20 | {torch.cuda.get_device_name()} (ms a step) |\n|---|---|")
    for networks in (64, 1024, 4096, 16384, 65536):
        print(f"| {networks} | {a_step([20], networks, 'batched', 'cuda'):.3f} |")


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
