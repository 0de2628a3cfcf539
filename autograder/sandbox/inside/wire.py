"""The codec of the wall. Data only: nothing is unpickled, evaluated or looked up by name.

A frame has a skeleton (msgpack, small, so that no reply can unfold into much) and data (the bytes of the tensors, one
after another, each padded to 16). In the skeleton every array starts with a tag that says what it is:

    [0, items...] list    [2, dtype, flags, shape, strides] tensor    [4, name] dtype
    [1, items...] tuple   [3, real, imaginary] complex                [5..7, ...] callables, see callables of each side

None, bool, int (64 bits), float, str and bytes stand for themselves, maps are dicts with text keys. Types are exact: a
subclass of any of these is refused. Decoding is strict; anything unexpected raises WireError.
"""

from __future__ import annotations

import ctypes
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import msgspec
import torch
from torch import Tensor

LIST, TUPLE, TENSOR, COMPLEX, DTYPE, DESCRIBED, REFERENCE, HANDLE = range(8)
STRIDED, REQUIRES_GRAD = 1, 2
MAX_DEPTH, MAX_DIMENSIONS, ALIGNMENT = 16, 16, 16
MAX_GAPS = 64  # a layout that spans more than this many times its entries is sent contiguous
DTYPES = (
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.uint8,
    torch.bool,
    torch.complex64,
    torch.complex128,
)
_CPU = torch.device("cpu")
_CODES = {dtype: code for code, dtype in enumerate(DTYPES)}
_DTYPE_NAMES = {str(dtype).removeprefix("torch."): dtype for dtype in DTYPES}

Frame = tuple[bytes, bytearray]
Recurse = Callable[[Any], Any]


class WireError(Exception):
    """The peer sent something that is not in the protocol."""


class UnsendableError(TypeError):
    """A value of a kind, or of a size, that may not cross the wall."""


@dataclasses.dataclass(frozen=True)
class Bounds:
    """How much one frame may hold. layout: strides and requires_grad of tensors are kept (towards the worker only).

    What one side sends may be sent back in a deeper place: towards the worker everything is wider.
    """

    data: int
    skeleton: int = 256 << 10
    text: int = 64 << 10
    nodes: int = 10_000
    depth: int = MAX_DEPTH
    layout: bool = False


TO_WORKER = Bounds(data=1 << 30, skeleton=16 << 20, text=1 << 20, nodes=100_000, depth=2 * MAX_DEPTH, layout=True)
"""What the trusted side may send. Text holds a source file of 1 MiB."""


def no_callables(value: Any, recurse: Recurse) -> list[Any]:
    """The hook of a side that sends data only."""
    raise UnsendableError(f"value of type {type_name(value)}")


def no_tags(node: list[Any], recurse: Recurse) -> Any:
    """The hook of a side that accepts data only."""
    raise WireError("unknown tag")


def type_name(value: Any) -> str:
    """A readable, bounded name of a value's type; a metaclass may make this raise."""
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"[:200]


class Encoder:
    """Values -> frames. special: turns a value of any other type into a tagged node, or raises UnsendableError."""

    def __init__(self, bounds: Bounds, special: Callable[[Any, Recurse], list[Any]] = no_callables) -> None:
        self.bounds, self.special = bounds, special
        self._pack = msgspec.msgpack.Encoder()

    def encode(self, value: Any) -> Frame:
        """Raises UnsendableError."""
        tensors: list[tuple[Tensor, tuple[int, ...]]] = []
        budget = self.bounds.nodes

        def node(value: Any, depth: int = 0) -> Any:
            nonlocal budget
            budget -= 1
            if depth > self.bounds.depth or budget < 0:
                raise UnsendableError("a value nested too deeply, or of too many parts")
            kind = type(value)
            if value is None or kind is bool or kind is float:
                return value
            if kind is Tensor or kind is torch.nn.Parameter:
                return self._tensor(value, tensors)
            if kind is int:
                if not -(2**63) <= value < 2**63:
                    raise UnsendableError("an integer beyond 64 bits")
                return value
            if kind is str or kind is bytes:
                return self._text(value)
            if kind is list or kind is torch.Size:
                return [LIST, *[node(item, depth + 1) for item in value]]
            if kind is tuple or kind in torch.return_types.all_return_types:  # what torch.linalg.svd and others return
                return [TUPLE, *[node(item, depth + 1) for item in value]]
            if kind is dict:
                if any(type(key) is not str for key in value):
                    raise UnsendableError("a dict whose keys are not all text")
                return {self._text(key): node(item, depth + 1) for key, item in value.items()}
            if kind is complex:
                return [COMPLEX, value.real, value.imag]
            if kind is torch.dtype:
                return [DTYPE, str(value).removeprefix("torch.")]
            return self.special(value, lambda item: node(item, depth + 1))

        skeleton = self._pack.encode(node(value))
        sizes = [_span(tensor, strides) * tensor.element_size() for tensor, strides in tensors]
        total = sum(map(_padded, sizes))
        if len(skeleton) > self.bounds.skeleton or total > self.bounds.data:
            raise UnsendableError(f"a value of {len(skeleton) + total} bytes")
        data = bytearray(total)
        at = 0
        for (tensor, strides), size in zip(tensors, sizes, strict=True):
            if size:
                _copy_out(tensor, strides, data, at, size)
            at += _padded(size)
        return skeleton, data

    def _text(self, value: Any) -> Any:
        if len(value) > self.bounds.text:
            raise UnsendableError(f"a text of {len(value)} characters")
        if type(value) is bytes or value.isascii():
            return value
        return value.encode("utf-8", "replace").decode()

    def _tensor(self, tensor: Tensor, tensors: list[tuple[Tensor, tuple[int, ...]]]) -> list[Any]:
        if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
            raise UnsendableError("a tensor inside torch.func.grad, vmap or the like cannot leave the worker")
        plain = tensor.layout is torch.strided and not (tensor.is_meta or tensor.is_quantized or tensor.is_nested)
        if not plain or tensor.dtype not in _CODES or tensor.dim() > MAX_DIMENSIONS:
            what = f"{tensor.dim()} axes, layout {tensor.layout}, device {tensor.device}, dtype {tensor.dtype}"
            raise UnsendableError(f"a tensor with {what}")
        flags = 0
        strides: tuple[int, ...] = ()
        if self.bounds.layout:
            flags = REQUIRES_GRAD * tensor.requires_grad
            if not tensor.is_contiguous() and _span(tensor, tensor.stride()) <= MAX_GAPS * tensor.numel():
                flags, strides = flags | STRIDED, tensor.stride()
        tensors.append((tensor, strides))
        return [TENSOR, _CODES[tensor.dtype], flags, list(tensor.shape), list(strides)]


class Decoder:
    """Frames -> values, under bounds. special: turns the node of a callable into one, or raises WireError."""

    def __init__(self, bounds: Bounds, special: Callable[[list[Any], Recurse], Any] = no_tags) -> None:
        self.bounds, self.special = bounds, special
        self._unpack = msgspec.msgpack.Decoder()

    def decode(self, skeleton: bytes | bytearray, data: bytearray) -> Any:
        """Raises WireError, and nothing else, whatever the bytes are."""
        if len(skeleton) > self.bounds.skeleton or len(data) > self.bounds.data:
            raise WireError("frame too large")
        budget, position = self.bounds.nodes, 0
        memory = ctypes.addressof(ctypes.c_char.from_buffer(data)) if data else 0

        def value(node: Any, depth: int = 0) -> Any:
            nonlocal budget, position
            budget -= 1
            if depth > self.bounds.depth or budget < 0:
                raise WireError("nested too deeply, or too many parts")
            kind = type(node)
            if node is None or kind is bool or kind is float:
                return node
            if kind is int:
                if node >= 2**63:  # msgpack has unsigned ones, too
                    raise WireError("integer")
                return node
            if kind is str or kind is bytes:
                return self._text(node)
            if kind is dict:
                if any(type(key) is not str for key in node):
                    raise WireError("keys")
                return {self._text(key): value(item, depth + 1) for key, item in node.items()}
            if kind is not list or not node or type(node[0]) is not int:
                raise WireError("unknown node")
            if node[0] == LIST:
                return [value(item, depth + 1) for item in node[1:]]
            if node[0] == TUPLE:
                return tuple([value(item, depth + 1) for item in node[1:]])
            if node[0] == TENSOR:
                tensor, position = self._tensor(node, data, memory, position)
                return tensor
            if node[0] == COMPLEX and len(node) == 3 and type(node[1]) is float and type(node[2]) is float:
                return complex(node[1], node[2])
            if node[0] == DTYPE and len(node) == 2 and type(node[1]) is str and node[1] in _DTYPE_NAMES:
                return _DTYPE_NAMES[node[1]]
            return self.special(node, lambda item: value(item, depth + 1))

        try:
            return value(self._unpack.decode(skeleton))
        except WireError:
            raise
        except Exception as error:  # msgspec's errors, RecursionError, RuntimeError of torch, ...
            raise WireError(type(error).__name__) from None

    def _text(self, text: Any) -> Any:
        if len(text) > self.bounds.text:
            raise WireError("text too long")
        return text

    def _tensor(self, node: list[Any], data: bytearray, memory: int, at: int) -> tuple[Tensor, int]:
        """memory: where ``data`` lies.  at: where in it the tensor begins. -> the tensor, and where the next begins."""
        _, code, flags, shape, strides = node
        for number in (code, flags, *shape, *strides):
            if type(number) is not int or number < 0:
                raise WireError("tensor header")
        allowed = STRIDED | REQUIRES_GRAD if self.bounds.layout else 0
        if flags & ~allowed or code >= len(DTYPES) or len(shape) > MAX_DIMENSIONS:
            raise WireError("tensor header")
        dtype = DTYPES[code]
        span = math.prod(shape)
        if span and flags & STRIDED:
            span = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if span * dtype.itemsize > len(data) - at:
            raise WireError("tensor size")
        strided = span and flags & STRIDED
        tensor = torch.empty([span] if strided else shape, dtype=dtype, device=_CPU)
        if dtype is torch.bool and span:  # a byte other than 0 and 1 in a bool tensor is undefined behaviour
            tensor.view(-1).copy_(torch.frombuffer(data, dtype=torch.uint8, count=span, offset=at))
        elif span:
            ctypes.memmove(tensor.data_ptr(), memory + at, span * dtype.itemsize)
        if strided:
            tensor = tensor.as_strided(shape, strides)
        if flags & REQUIRES_GRAD:
            tensor.requires_grad_()
        return tensor, at + _padded(span * dtype.itemsize)


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _span(tensor: Tensor, strides: tuple[int, ...]) -> int:
    """Entries from the first to the last in the layout that is sent; no strides: contiguous."""
    if not strides or not tensor.numel():
        return tensor.numel()
    return 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, strides, strict=True))


def _copy_out(tensor: Tensor, strides: tuple[int, ...], data: bytearray, at: int, size: int) -> None:
    """Copy into data; the gaps of a strided layout stay zero: what lies between the entries is not the worker's."""
    if tensor.is_conj() or tensor.is_neg() or not (strides or tensor.is_contiguous()):
        tensor = tensor.detach().resolve_conj().resolve_neg()
        tensor = tensor if strides else tensor.contiguous()
    if tensor.is_cpu and tensor.data_ptr() and _has_no_gaps(tensor, strides):
        data[at : at + size] = ctypes.string_at(tensor.data_ptr(), size)
        return
    tensor = tensor.detach()
    flat = torch.frombuffer(data, dtype=tensor.dtype, count=size // tensor.element_size(), offset=at)
    if not strides:
        flat.view(tensor.shape).copy_(tensor)
        return
    for axis, stride in enumerate(strides):  # a copy may not write one place twice, as in an expanded tensor
        tensor = tensor.narrow(axis, 0, 1) if stride == 0 else tensor
    flat.as_strided(tensor.shape, strides).copy_(tensor)


def _has_no_gaps(tensor: Tensor, strides: tuple[int, ...]) -> bool:
    """Whether its memory holds just what is sent: its entries in a row, or a matrix column by column."""
    if not strides:
        return tensor.is_contiguous()
    return tensor.dim() > 1 and tensor.stride() == strides and tensor.mT.is_contiguous()
