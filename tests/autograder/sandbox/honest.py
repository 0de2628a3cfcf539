"""What honest students use: every function here must work behind the wall, and answer exactly as it does outside."""

from __future__ import annotations

import collections
import copy
import csv
import dataclasses
import decimal
import enum
import functools
import io
import itertools
import json
import logging
import math
import random
import re
import statistics
import string
import time
import typing
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split

warnings.filterwarnings("ignore")
logger = logging.getLogger(__name__)
device = "cuda" if torch.cuda.is_available() else "cpu"


class Kind(enum.Enum):
    LINEAR = "linear"


@dataclasses.dataclass(frozen=True)
class Settings:
    width: int = 16
    layers: list[int] = dataclasses.field(default_factory=lambda: [4, 8])


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(width), nn.Linear(width, width)
        self.register_buffer("scale", torch.tensor(0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.scale * F.gelu(self.linear(self.norm(x)))


class Square(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(context, gradient):
        return 2 * gradient * context.saved_tensors[0]


@torch.jit.script
def scripted(x: torch.Tensor, n: int) -> torch.Tensor:
    for _ in range(n):
        x = x * 2 + 1
    return x


def recurrent_network():
    return nn.LSTM(4, 8, 2, batch_first=True)(torch.randn(2, 5, 4))[0].detach()


def gated_recurrent_network():
    return nn.GRU(4, 8)(torch.randn(5, 2, 4))[1].detach()


def convolution():
    x = torch.randn(2, 3, 16, 16, requires_grad=True)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
    model(x).pow(2).sum().backward()
    return x.grad


def attention():
    q, k, v = torch.randn(3, 2, 4, 8, 16)
    mask = torch.ones(8, 8).tril().bool()
    return [F.scaled_dot_product_attention(q, k, v, attn_mask=mask), F.softmax(q @ k.mT / 4, -1) @ v]


def transformer():
    return nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval()(torch.randn(2, 3, 16)).detach()


def linear_algebra():
    a = torch.randn(20, 20, dtype=torch.float64)
    spd = a @ a.T + torch.eye(20, dtype=torch.float64)
    return [
        torch.linalg.svdvals(a),
        torch.linalg.solve(a, a[:, 0]),
        torch.linalg.qr(a)[1],
        torch.linalg.cholesky(spd),
        torch.linalg.eigh(spd)[0],
        torch.linalg.eigvals(a).abs().sort()[0],
        torch.linalg.lstsq(a, a, driver="gelsd").solution,  # the default driver is not repeatable to the last bit
        torch.linalg.matrix_exp(a / 20),
        torch.linalg.slogdet(a)[1],
        torch.cdist(a, a),
    ]


def training_with_adamw():
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    loader = DataLoader(TensorDataset(torch.randn(64, 4), torch.randn(64, 1)), batch_size=16, shuffle=True)
    for _ in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        schedule.step()
    return [parameter.detach() for parameter in model.parameters()]


def training_with_lbfgs():
    w = torch.zeros(3, requires_grad=True)
    x, y = torch.randn(20, 3), torch.randn(20)
    optimizer = torch.optim.LBFGS([w], line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = ((x @ w - y) ** 2).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    return w.detach()


def training_with_sgd_and_momentum():
    model = Block(8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    for _ in range(5):
        optimizer.zero_grad(set_to_none=True)
        model(torch.randn(4, 8)).square().mean().backward()
        optimizer.step()
    return dict(model.state_dict())


def function_transforms():
    def f(x):
        return (x**3).sum()

    x = torch.randn(3)
    return [
        torch.func.grad(f)(x),
        torch.func.vmap(torch.func.grad(f))(torch.randn(2, 3)),
        torch.func.hessian(f)(x),
        torch.func.jacrev(torch.sin)(x),
        torch.func.jvp(torch.sin, (x,), (torch.ones(3),))[1],
        torch.autograd.functional.hessian(f, x),
    ]


def functional_call():
    model = Block(4)
    parameters = {name: value.detach() for name, value in model.named_parameters()}
    gradients = torch.func.grad(lambda p, x: torch.func.functional_call(model, p, (x,)).sum())
    return gradients(parameters, torch.randn(2, 4))


def higher_derivatives():
    x = torch.randn(4, requires_grad=True)
    (first,) = torch.autograd.grad(torch.sin(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    return second


def jit():
    return [scripted(torch.ones(3), 3), torch.jit.trace(Block(4).eval(), torch.ones(1, 4))(torch.ones(1, 4)).detach()]


def custom_autograd_function():
    x = torch.ones(3, requires_grad=True)
    Square.apply(x).sum().backward()
    checked = torch.autograd.gradcheck(Square.apply, torch.ones(2, requires_grad=True, dtype=torch.float64))
    return [x.grad, checked]


def einsum():
    return torch.einsum("bij,bjk,k->bi", torch.randn(2, 3, 4), torch.randn(2, 4, 5), torch.randn(5))


def fourier_transforms():
    x = torch.randn(16)
    return [
        torch.fft.fft(x),
        torch.fft.rfft(x),
        torch.fft.ifft2(torch.randn(4, 4)).real,
        torch.stft(torch.randn(64), 16, window=torch.hann_window(16), return_complex=True),
    ]


def special_functions():
    x = torch.rand(10, dtype=torch.float64) + 0.5
    return [torch.special.erfcx(x), torch.lgamma(x), torch.special.i0(x), torch.special.ndtri(x / 2), torch.digamma(x)]


def hooks():
    seen = []
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    handle = model[0].register_forward_hook(lambda module, arguments, output: seen.append(list(output.shape)))
    x = torch.ones(1, 2, requires_grad=True)
    x.register_hook(lambda gradient: seen.append(gradient.detach()))
    model(x).sum().backward()
    handle.remove()
    return seen


def numpy():
    generator = np.random.default_rng(3)
    a = generator.normal(size=(5, 5))
    return [
        float(np.linalg.norm(a)),
        torch.from_numpy(np.linalg.solve(a, a[0])),
        np.random.rand(3).tolist(),
        np.trapezoid(np.arange(4.0)).item(),
    ]


def saving_to_memory():
    buffer = io.BytesIO()
    model = Block(4)
    torch.save(model.state_dict(), buffer)
    buffer.seek(0)
    return dict(torch.load(buffer, weights_only=True))


def distributions():
    law = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
    draws = law.sample((5,))
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(2)), torch.distributions.Normal(torch.zeros(2), torch.ones(2))
    )
    gamma = torch.distributions.Gamma(2.0, 1.0).rsample((3,))
    return [
        draws,
        law.log_prob(draws),
        mixture.log_prob(draws[:, 0]),
        gamma,
        torch.distributions.kl_divergence(law, law),
    ]


def random_numbers():
    generator = torch.Generator().manual_seed(3)
    return [
        torch.randn(3),
        torch.randn(3, generator=generator),
        torch.randperm(5),
        torch.multinomial(torch.ones(4), 2),
        random.random(),
        random.sample(range(10), 3),
        np.random.randn(),
        torch.bernoulli(torch.full((4,), 0.5)),
    ]


def seeding_by_hand():
    torch.manual_seed(42)
    np.random.seed(42)
    random.seed(42)
    return [torch.rand(2), float(np.random.rand()), random.random()]


def thread_pool():
    with ThreadPoolExecutor(2) as executor:
        return list(executor.map(lambda n: torch.full((2,), n).square(), [1.0, 2.0, 3.0]))


def two_threads_of_torch():
    torch.set_num_threads(2)
    result = torch.ones(300, 300) @ torch.ones(300, 300)
    torch.set_num_threads(1)
    return result


def data_pipeline():
    first, second = random_split(TensorDataset(torch.arange(10.0)), [7, 3])
    return [torch.stack([x for (x,) in part]) for part in (first, second)]


def dataclasses_and_enums():
    settings = dataclasses.replace(Settings(), width=3)
    return [dataclasses.asdict(settings), Kind("linear").name, hash(Settings.__name__) == hash("Settings")]


def text_and_logging():
    x = torch.tensor([1.0, 2.5])
    logger.warning("shape %s", tuple(x.shape))
    print(f"{x=}", f"{math.pi:.3f}", Block(2), flush=True)
    return [f"{x.mean():.4f}|{x}|{Settings()}", str(Block(2)), repr(x), string.Template("$a").substitute(a=1)]


def standard_library():
    counts = collections.Counter("abracadabra")
    rows = list(csv.reader(io.StringIO("a,b\n1,2\n")))
    return [
        dict(counts),
        json.loads(json.dumps({"a": [1, 2.5, None]})),
        re.findall(r"\d+", "a1b22"),
        [list(pair) for pair in itertools.combinations(range(3), 2)],
        functools.reduce(lambda a, b: a * b, range(1, 6)),
        statistics.mean([1, 2, 3.5]),
        str(decimal.Decimal(1) / 3),
        copy.deepcopy(rows),
        math.comb(5, 2),
        time.time() > 0 and time.perf_counter() >= 0,
        bool(typing.get_type_hints(Settings)),
    ]


def complex_numbers():
    z = torch.randn(4, dtype=torch.complex128)
    return [z.conj(), z.abs(), torch.view_as_real(z), torch.polar(torch.ones(2), torch.ones(2)), complex(1, -2)]


def low_precision():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        product = torch.randn(4, 4) @ torch.randn(4, 4)
    return [product, torch.randn(3).half(), torch.tensor([1, -1], dtype=torch.int8), torch.tensor([True, False])]


def indexing_and_scatter():
    x = torch.zeros(3, 4)
    x[[0, 2], 1:3] = torch.randn(2, 2)
    x.scatter_add_(1, torch.tensor([[0], [1], [2]]), torch.ones(3, 1))
    return [
        x,
        x.T,
        x[::2],
        torch.where(x > 0, x, -x),
        x.unfold(1, 2, 1),
        x.expand(2, 3, 4),
        torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")[0],
    ]


def sparse_in_between():
    a = torch.eye(4).to_sparse()
    return (a @ torch.randn(4, 2)).relu()


def differential_equation():
    x, step = torch.tensor([1.0, 0.0], dtype=torch.float64), 0.01
    for _ in range(200):
        middle = x + step / 2 * torch.stack([x[1], -x[0]])
        x = x + step * torch.stack([middle[1], -middle[0]])
    return x


def recursion_and_caching():
    @functools.lru_cache(None)
    def fibonacci(n):
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    return fibonacci(80)


def initialization():
    layer = nn.Linear(30, 20)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.orthogonal_(w := torch.empty(4, 4))
    return [layer.weight, w, layer.bias]


def deprecated_ways():
    x = torch.autograd.Variable(torch.ones(2), requires_grad=True)
    x.sum().backward()
    return [x.grad.data, torch.Tensor([1, 2]), torch.FloatTensor([3])]


def no_gradients():
    with torch.no_grad():
        a = Block(2)(torch.ones(1, 2))
    with torch.inference_mode():
        b = torch.ones(2) * 2
    return [a, b, nn.Parameter(torch.ones(2)), torch.ones(2, requires_grad=True) * 2]


def default_type():
    torch.set_default_dtype(torch.float64)
    result = torch.ones(2) / 3
    torch.set_default_dtype(torch.float32)
    return result


def context_and_exceptions():
    try:
        torch.linalg.inv(torch.zeros(2, 2))
    except RuntimeError as error:
        return [type(error).__name__, isinstance(error, torch.linalg.LinAlgError)]


def profiling():
    with torch.profiler.profile() as profile:
        torch.ones(3).sum()
    return len(profile.key_averages()) > 0


def benchmarking():
    import timeit

    return timeit.timeit(lambda: torch.ones(3).sum(), number=3) > 0


def compiling():
    @torch.compile
    def f(x):
        return x * 2 + 1

    model = torch.compile(Block(2), mode="reduce-overhead")
    model.compile()
    return [
        f(torch.ones(2)),
        torch.compile(torch.sin, backend="eager")(torch.ones(2)),
        model(torch.ones(1, 2)).detach(),
    ]


def spatial_reductions():
    x = torch.randn(1000, 50)
    return [x.std(0), x.logsumexp(1), x.median(1).values, x.topk(3).values, x.quantile(0.3, 0), x.cov().diagonal()]
