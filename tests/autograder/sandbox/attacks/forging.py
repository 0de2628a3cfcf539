"""The channel to the grader: replies that are forged, malformed, early, late, endless, or that unfold without end.

What is forged in time and in form is just an answer, and judged as one.
"""

import ctypes
import gc
import os
import struct
import sys
import threading
import time

import msgspec

pack = msgspec.msgpack.encode


def worker():
    return next(thing for thing in gc.get_objects() if type(thing).__name__ == "Worker" and hasattr(thing, "channel"))


def send(*pieces):
    for piece in pieces:
        view = memoryview(piece)
        while view:
            view = view[os.write(3, view) :]


def frame(skeleton, data=b""):
    return struct.pack("<II", len(skeleton), len(data)) + skeleton + data


def reply(value, kind="ok", output="", data=b"", number=None):
    number = worker().number if number is None else number
    return frame(pack([0, number, kind, value, output]), data)


def wait():
    while True:
        time.sleep(1)


def noise():
    """died: bytes without meaning."""
    send(b"\x07" * 1000)
    wait()


def a_frame_of_nothing():
    """died: no skeleton at all."""
    send(struct.pack("<II", 0, 0))
    wait()


def a_frame_of_four_gigabytes():
    """died: only its announcement."""
    send(b"\xff" * 8)
    wait()


def announced_and_never_sent():
    """timeout: a reply of the largest size that is allowed, without its end."""
    send(struct.pack("<II", 100, 1 << 20), b"\x00" * 100)
    wait()


def dripping():
    """timeout: a byte now and then keeps no deadline open."""
    send(struct.pack("<II", 1 << 17, 0))
    while True:
        send(b"\x90")
        time.sleep(0.01)


def endless():
    """ok, then died: the same reply for ever."""
    answer = reply([0])
    while True:
        send(answer * 1000)


def endless_evaluations(f):
    """timeout: the grader's function is asked without end."""
    while True:
        try:
            f("nothing")
        except (TypeError, ValueError):
            pass


def endless_questions_without_listening(f):
    """timeout | died: questions sent, answers never read."""
    question = frame(pack([0, worker().number, "callback", [0, f._reference, [0, 1.0]], ""]))
    while True:
        send(question)


def a_function_that_was_never_lent(f):
    """error: its number is made up."""
    f._reference = 10**9
    return f(1.0)


def a_function_by_an_odd_number(f):
    """error: neither true nor text is a number."""
    for number in (True, -1, "1", 1.0, None, [0]):
        f._reference = number
        try:
            f(1.0)
        except ValueError:
            continue
        return ["answered"]
    return f(1.0)


def a_function_that_is_another():
    """died: a stub made by hand, outside of any question."""
    send(frame(pack([0, worker().number, "callback", "nonsense", ""])))
    wait()


def an_answer_to_another_request():
    """died: the right form, the wrong number."""
    send(reply(1.0, number=worker().number + 1))
    wait()


def a_number_that_is_true():
    """died: exact types, also for the number of the request."""
    send(frame(pack([0, True, "ok", 1.0, ""])))
    wait()


def an_unknown_kind():
    """died: neither an answer nor an error."""
    send(reply(1.0, kind="perfect score"))
    wait()


def an_error_of_odd_parts():
    """died: an exception described by numbers."""
    send(reply([1, 1, 2, 3], kind="error"))
    wait()


def an_error_of_many_kinds():
    """died: a million base classes."""
    send(reply([1, [0, *["x"] * 9], "text", None], kind="error"))
    wait()


def an_object_by_timestamp():
    """died: what the packing offers beyond plain data."""
    import datetime

    send(reply(datetime.datetime.now(datetime.UTC)))
    wait()


def an_object_by_extension():
    """died: an extension type."""
    send(reply(msgspec.msgpack.Ext(5, b"payload")))
    wait()


def nested_without_end():
    """died: lists in lists."""
    send(frame(b"\x92\x00" * 60000 + b"\xc0"))
    wait()


def many_empty_lists():
    """died: small to send, large to unfold."""
    send(reply([0, *[[0]] * 60000]))
    wait()


def a_large_integer():
    """died: beyond 64 bits with a sign."""
    send(reply(2**64 - 1))
    wait()


def a_tag_that_is_unknown():
    """died: a node of no kind."""
    send(reply([99, 1]))
    wait()


def a_described_function():
    """died: only the grader describes functions."""
    send(reply([5, "Affine", {}]))
    wait()


def a_handle_that_is_none():
    """died: an object under a text."""
    send(reply([7, "number", "kind"]))
    wait()


def a_reference_that_was_never_lent():
    """died: a function of the grader under a number of its own choice."""
    send(reply([6, 10**6]))
    wait()


def a_tensor_without_its_bytes():
    """died: the header says more than there is."""
    send(reply([2, 0, 0, [1000], []], data=b"\x00" * 16))
    wait()


def a_tensor_of_negative_size():
    """died: a shape below zero."""
    send(reply([2, 0, 0, [-1, -4], []], data=b"\x00" * 16))
    wait()


def a_tensor_of_overflowing_size():
    """died: a product beyond the address space, times zero."""
    send(reply([2, 0, 0, [0, 2**62, 2**62], []]))
    wait()


def a_tensor_with_strides():
    """died: a layout that reaches beyond its bytes."""
    send(reply([2, 0, 1, [4], [10**6]], data=b"\x00" * 16))
    wait()


def a_tensor_that_requires_grad():
    """died: a flag that is not for replies."""
    send(reply([2, 0, 2, [4], []], data=b"\x00" * 16))
    wait()


def a_tensor_of_unknown_type():
    """died: a code beyond the table."""
    send(reply([2, 99, 0, [4], []], data=b"\x00" * 16))
    wait()


def a_dict_with_odd_keys():
    """died: keys are text."""
    send(reply({1: 2.0}))
    wait()


def text_that_is_no_text():
    """died: bytes that are not UTF-8, sent as text."""
    send(frame(b"\x95\x00" + pack(worker().number) + b"\xa2ok" + b"\xa2\xff\xfe" + b"\xa0"))
    wait()


def a_second_answer_for_the_next_call():
    """ok, then died: it lies there before the question."""
    number = worker().number
    send(reply([0]) + reply([0, "free points"], number=number + 1))
    wait()


def a_thread_that_answers_first():
    """ok | died, then died: a race for the channel between calls."""
    number = worker().number

    def race():
        for ahead in range(1, 50):
            send(reply([0, "free points"], number=number + ahead))

    threading.Thread(target=race).start()
    return []


def a_codec_that_lies():
    """ok: the worker's own encoder replaced; the answer is only an answer."""
    wire = sys.modules["autograder.sandbox.inside.wire"]
    wire.Encoder.encode = lambda self, value: (pack([0, value[0], "ok", [0], ""]), b"")
    return ["what the codec should have sent"]


def a_loop_of_its_own():
    """ok: the worker's loop replaced by the student's, which answers every call alike."""
    channel = worker().channel
    send(reply([0]))
    while True:
        channel.receive()
        worker().number += 1
        send(reply([0]))


def half_a_frame_and_gone():
    """died: the process ends in the middle of its answer."""
    send(struct.pack("<II", 100, 100), b"\x00" * 50)
    ctypes.CDLL(None).exit(0)
