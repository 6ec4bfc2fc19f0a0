# Copyright (c) monai_dd contributors
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#     http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""The closed form of consistent attention against solvers of the same program, and as a share of a network's time.

Three parts: ``ipopt`` (Pyomo and CasADi's Ipopt, one image after the other, as the program was solved so far),
``cvxpylayers`` (a differentiable convex layer, forward and backward) and ``network`` (ResNet-50 with attention at its
last two blocks on 512 x 512 images). Every part that has a peer compares the results before it compares the times.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from time import perf_counter

import torch
from common import BenchmarkParser, write_rows
from torch.utils.benchmark import Timer

from monai_dd.networks.layers import consistent_attention, spatial_log_softmax

FIELDS = ["part", "case", "measured", "seconds", "compared_with", "compared_seconds", "speedup", "share_percent"]
FIELDS += ["max_difference"]
PARTS = {"ipopt": ("pyomo", "casadi"), "cvxpylayers": ("cvxpylayers", "diffcp"), "network": ()}  # and what each needs
TOLERANCE = 1e-5  # of a probability, the accuracy asked of the maps


def potentials(size: int, batch: int, dtype: torch.dtype, gradients: bool = False) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(size)
    grids = [torch.randn(batch, 1, s, s, generator=generator, dtype=dtype) for s in (size, size // 2)]
    return [phi.requires_grad_(gradients) for phi in grids]


def seconds(function: Callable[[], object], min_run_time: float = 1.0) -> float:
    """Median time of one call, with the number of threads that torch uses."""
    timer = Timer("function()", globals={"function": function}, num_threads=torch.get_num_threads())
    return timer.blocked_autorange(min_run_time=min_run_time).median


def repeated(function: Callable[[], object], repeats: int) -> float:
    """Median time of one slow call."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        function()
        times.append(perf_counter() - start)
    return median(times)


def forward(phi: list[torch.Tensor]) -> list[torch.Tensor]:
    return [log_mu.exp() for log_mu in consistent_attention(phi).log_mu]


def forward_backward(phi: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    maps = forward(phi)
    return torch.autograd.grad(maps, phi, [phi_k.detach() for phi_k in phi])


def closed_form_seconds(size: int, batch: int, backward: bool) -> float:
    """Seconds per image of a batch in float32."""
    phi = potentials(size, batch, torch.float32, backward)
    return seconds(lambda: forward_backward(phi) if backward else forward(phi)) / batch


def row(part: str, case: str, measured: str, ours: float, peer: str, theirs: float, difference: float = 0.0) -> dict:
    values = [part, case, measured, f"{ours:.3e}", peer, f"{theirs:.3e}", f"{theirs / ours:.0f}"]
    values += [f"{100 * ours / theirs:.4f}", f"{difference:.1e}" if difference else ""]
    return dict(zip(FIELDS, values, strict=True))


def check(name: str, pairs: Iterator[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """Largest difference; the run ends where two results are not the same."""
    worst = max((left.detach() - right.detach().reshape(left.shape)).abs().max().item() for left, right in pairs)
    if not worst < TOLERANCE:
        raise SystemExit(f"{name}: results differ by {worst:.1e}, expected less than {TOLERANCE:.0e}")
    return worst


def compare_ipopt(size: int, args: argparse.Namespace) -> Iterator[dict]:
    from monai_dd.convex import solve_program

    case = f"{size}x{size}/{size // 2}x{size // 2}"
    batch = max(16, 2**18 // size**2)
    ours = closed_form_seconds(size, batch, backward=False)  # first: the solver leaves memory in pieces behind
    phi = potentials(size, args.repeats, torch.float64)
    exact = forward(phi)
    solver, whole, worst = [], [], 0.0
    for image in range(args.repeats):
        start = perf_counter()
        solution = solve_program([p[image, 0] for p in phi])
        whole.append(perf_counter() - start)
        solver.append(solution.seconds)
        found = (torch.from_numpy(m) for m in solution.maps)
        worst = max(worst, check("Ipopt", zip(found, (e[image, 0] for e in exact), strict=True)))
    yield row("ipopt", case, f"forward of a batch of {batch}", ours, "Pyomo and Ipopt", median(whole), worst)
    yield row("ipopt", case, f"forward of a batch of {batch}", ours, "Ipopt alone", median(solver), worst)


def compare_cvxpylayers(size: int, args: argparse.Namespace) -> Iterator[dict]:
    import cvxpy as cp
    import scipy.sparse as sp
    from cvxpylayers.torch import CvxpyLayer

    half = size // 2
    mu = [cp.Variable(size * size), cp.Variable(half * half)]
    log_tau = [cp.Parameter(size * size), cp.Parameter(half * half)]
    pairs = sp.kron(sp.eye(half), [[1.0, 1.0]])
    marginalize = sp.csr_matrix(sp.kron(pairs, pairs))
    divergence = sum(-cp.sum(cp.entr(m)) - m @ t for m, t in zip(mu, log_tau, strict=True))
    problem = cp.Problem(cp.Minimize(divergence), [marginalize @ mu[0] == mu[1], cp.sum(mu[1]) == 1])
    layer = CvxpyLayer(problem, parameters=log_tau, variables=mu)

    phi = potentials(size, 1, torch.float64, gradients=True)

    def solve(**options: str) -> list[torch.Tensor]:
        return layer(
            *(spatial_log_softmax(p).flatten(1) for p in phi), solver_args={"solve_method": "Clarabel", **options}
        )

    def differentiate(**options: str) -> tuple[torch.Tensor, ...]:
        return torch.autograd.grad(solve(**options), phi, [p.detach().flatten(1) for p in phi])

    with torch.no_grad():
        maps = check("cvxpylayers", zip(forward(phi), solve(), strict=True))
    # the default derivative (LSQR) is quick and coarse: it is timed, the finer one (LSMR) is compared
    difference = zip(forward_backward(phi), differentiate(mode="lsmr"), strict=True)
    gradients = max((left - right).abs().max().item() for left, right in difference)
    case, batch = f"{size}x{size}/{half}x{half}", max(16, 2**18 // size**2)
    with torch.no_grad():
        theirs = repeated(solve, args.repeats)
    ours = closed_form_seconds(size, batch, backward=False)
    yield row("cvxpylayers", case, f"forward of a batch of {batch}", ours, "cvxpylayers", theirs, maps)
    theirs = repeated(differentiate, args.repeats)
    ours = closed_form_seconds(size, batch, backward=True)
    yield row(
        "cvxpylayers", case, f"forward and backward of a batch of {batch}", ours, "cvxpylayers", theirs, gradients
    )


def network_share(args: argparse.Namespace) -> Iterator[dict]:
    from monai_dd.networks.encoders import ResNetEncoder
    from monai_dd.networks.nets import AttentionClassifier

    network = AttentionClassifier(
        ResNetEncoder(spatial_dims=2, in_channels=1, depth=50),
        num_classes=3,
        attend=["block3", "block4"],
        consistency="exact",
        embed_dim=[1536, 1024],
        num_gates=2,
        return_attention=True,
    ).to(args.device)
    image = torch.randn(args.batch, 1, args.size, args.size, device=args.device)
    labels = torch.zeros(args.batch, dtype=torch.long, device=args.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    with torch.no_grad():
        features = [v.requires_grad_() for v in network.encoder(image)[-2:]]
        phi = [unit(v)[1].requires_grad_() for unit, v in zip(network.units[-2:], features, strict=True)]

    def synchronized(function: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            function()
            if args.device.startswith("cuda"):
                torch.cuda.synchronize()

        return run

    def train() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(image)["logits"], labels).backward()
        optimizer.step()

    def gates() -> list[torch.Tensor]:
        return [unit(v)[0] for unit, v in zip(network.units[-2:], features, strict=True)]

    case = f"ResNet-50 {args.size}x{args.size} batch of {args.batch}"
    with torch.no_grad():
        whole = repeated(synchronized(lambda: network(image)), args.repeats)
        for name, part in (("closed form forward", lambda: forward(phi)), ("gates forward", gates)):
            yield row("network", case, name, seconds(synchronized(part)), "forward", whole)
    whole = repeated(synchronized(train), args.repeats)
    training = (
        ("closed form forward and backward", lambda: forward_backward(phi)),
        ("gates forward and backward", lambda: sum(v.sum() for v in gates()).backward()),
    )
    for name, part in training:
        yield row("network", case, name, seconds(synchronized(part)), "training step", whole)


def compare(args: argparse.Namespace) -> Iterator[dict]:
    for part, needs in PARTS.items():
        missing = [name for name in needs if importlib.util.find_spec(name) is None]
        if part not in args.parts or missing:
            print(f"{part}: skipped, {'not installed: ' + ', '.join(missing) if missing else 'not asked for'}")
        elif part == "network":
            yield from network_share(args)
        else:
            for size in args.grids:
                yield from (compare_ipopt if part == "ipopt" else compare_cvxpylayers)(size, args)


def main(argv: Sequence[str] | None = None) -> None:
    parser = BenchmarkParser("closed_form", __doc__, repeats=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure (default: all)")
    parser.add_argument("--grids", nargs="+", type=int, default=[8, 32, 64], help="fine sizes (default: 8 32 64)")
    parser.add_argument("--size", type=int, default=512, help="image size of the network part (default: 512)")
    parser.add_argument("--batch", type=int, default=2, help="images per batch of the network part (default: 2)")
    args = parser.read(argv)
    write_rows(args.output, FIELDS, compare(args))


if __name__ == "__main__":
    main()
