"""Values that are not what they seem: none is compared, none harms the grader."""

import collections
import enum
import sys

import numpy as np
import torch


class Agreeable(torch.Tensor):
    def __eq__(self, other):
        return True

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), options=None):
        return True


class Equal:
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __lt__(self, other):
        return True

    __gt__ = __le__ = __ge__ = __lt__

    def __hash__(self):
        return 0

    def __float__(self):
        return 0.0

    def __array__(self, *arguments, **options):
        return np.zeros(2)

    def __instancecheck__(self, other):
        return True


class Meta(type):
    def __instancecheck__(cls, other):
        return True

    def __getattribute__(cls, name):
        raise RuntimeError(name)


class Misbehaving(metaclass=Meta):
    pass


class Real(float):
    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__

    def __eq__(self, other):
        return True

    __hash__ = float.__hash__


class Words(str):
    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


class Truth(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


class Many(list):
    def __len__(self):
        return 1

    def __iter__(self):
        while True:
            yield 0.0


class Table(dict):
    def items(self):
        while True:
            yield "a", 1.0


class Colour(enum.IntEnum):
    RED = 1


Pair = collections.namedtuple("Pair", "a b")


def subclass_of_tensor():
    """unsendable: a tensor that equals everything."""
    return torch.zeros(2).as_subclass(Agreeable)


def subclass_in_disguise():
    """unsendable: its class is changed after the fact."""
    tensor = torch.zeros(2)
    tensor.__class__ = Agreeable
    return tensor


def subclass_of_float():
    """unsendable: every difference to it is zero."""
    return Real(1.0)


def subclass_of_str():
    """unsendable: text that equals everything."""
    return Words("a")


def subclass_of_int():
    """unsendable: a number that equals everything."""
    return Truth(1)


def subclass_of_list():
    """unsendable: a list without end."""
    return Many([1.0])


def subclass_of_dict():
    """unsendable: a dict without end."""
    return Table(a=1.0)


def a_named_tuple():
    """unsendable: a tuple of its own class."""
    return Pair(1.0, 2.0)


def a_member_of_an_enum():
    """unsendable: an integer of its own class."""
    return Colour.RED


def keys_of_another_class():
    """unsendable: a dict whose key equals every key."""
    return {Words("a"): 1.0}


def an_object_that_equals_everything():
    """handle: it stays in the worker; the grader holds a handle, which equals nothing."""
    return Equal()


def an_object_whose_class_misbehaves():
    """error | unsendable | handle: even asking for its name raises."""
    return Misbehaving()


def a_class():
    """handle: callable, so it stays in the worker."""
    return Equal


def a_generator():
    """unsendable: values without end."""
    return (0.0 for _ in iter(int, 1))


def a_module():
    """unsendable: not data."""
    return sys


def a_frame():
    """unsendable: not data."""
    return sys._getframe()


def a_sparse_tensor():
    """unsendable: another layout."""
    return torch.eye(2).to_sparse()


def a_compressed_tensor():
    """unsendable: another layout."""
    return torch.eye(2).to_sparse_csr()


def a_tensor_without_memory():
    """unsendable: only a shape."""
    return torch.empty(2, 2, device="meta")


def a_quantized_tensor():
    """unsendable: another kind of number."""
    return torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)


def a_nested_tensor():
    """unsendable: another layout."""
    return torch.nested.nested_tensor([torch.ones(1), torch.ones(2)])


def an_expanded_tensor():
    """unsendable: one number that claims to be a billion."""
    return torch.zeros(1).expand(10**9)


def a_tensor_of_a_huge_empty_shape():
    """ok: nothing in it; a shape that is only wrong."""
    return [] if torch.zeros(0, 10**15).numel() == 0 else [1]


def a_tensor_inside_a_transform():
    """unsendable: it escaped from vmap."""
    escaped = []
    torch.func.vmap(lambda x: escaped.append(x) or x)(torch.ones(2))
    return escaped[0]


def a_tensor_whose_memory_is_gone():
    """error | unsendable | ok: its storage is freed under it."""
    tensor = torch.ones(1 << 20)
    tensor.untyped_storage().resize_(0)
    return tensor if False else [] if tensor.untyped_storage().nbytes() == 0 else [1]


def a_list_that_holds_itself():
    """unsendable: endless depth."""
    nested = []
    nested.append(nested)
    return nested


def many_views_of_one_tensor():
    """unsendable: little memory here, much on the way."""
    large = torch.zeros(1 << 18)
    return [large] * 200


def an_integer_of_a_million_digits():
    """unsendable: beyond 64 bits."""
    return 10**6000


def an_array():
    """unsendable: arrays are not tensors."""
    return np.ones(2)


def an_array_of_objects():
    """unsendable: arrays of anything."""
    return np.array([Equal()], dtype=object)


def a_float_of_numpy():
    """unsendable: a subclass of float."""
    return np.float64(1.0)


def a_set():
    """unsendable: no order."""
    return {1.0}


def bytes_without_end():
    """unsendable: more text than may cross."""
    return b"x" * (1 << 20)


def a_bytearray():
    """unsendable: it could change after the check."""
    return bytearray(8)
