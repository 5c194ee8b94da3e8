#!/usr/bin/env python3
"""Messages with one known fault each, labelled with what is wrong, in which field, at which byte.

    malformed.py write tests/golden/malformed/suite.jsonl    # rewrites the committed suite
    malformed.py check tests/golden/malformed/suite.jsonl    # is the committed suite what this program makes?
    malformed.py oracle tests/golden/malformed/suite.jsonl   # does the Python codec name field and offset as the labels do?
    malformed.py classes                                     # the classes, as the table of docs/malformed-suite.md

A label comes from the knowledge of the fault that was made, never from a decoder: each maker below builds a message that
is in order, of which it knows where every part stands, spoils one thing and says what a decoder must say about it. The
format is described in docs/malformed-suite.md.
"""

import argparse
import itertools
import json
import pathlib
import random
import string
import sys

import iso8583_oracle as oracle

EACH = 55  # lines of a class

REQUESTS = ["0100", "0200", "0201", "0220", "0400", "0420", "0421", "0800", "0820"]
ANSWERS = ["0110", "0210", "0230", "0410", "0430", "0810"]

ALL_87 = ["iso87-ascii", "iso87-mixed", "iso87-bcd", "iso87-ebcdic"]
EVERY = [*ALL_87, "unionpay-pos"]
PACKED = ["iso87-bcd", "unionpay-pos"]
TEXTUAL = ["iso87-ascii", "iso87-mixed", "iso87-ebcdic"]


# --------------------------------------------------------------------------------------------------- whole messages


class Base:
    """A message in order, in parts: `parts[(field, what)]` is a bytearray. Field 0 is header and MTI, 1 the bitmaps."""

    def __init__(self, rng, name, numbers, *, mti=None, values=(), lengths=(1, 9)):
        self.dialect = dialect = oracle.DIALECTS[name]
        self.numbers = sorted(numbers)
        self.mti = mti or (rng.choice(REQUESTS) if rng.random() < 0.8 else rng.choice(ANSWERS))
        self.values = dict(values)
        for number in self.numbers:
            if number not in self.values:
                self.values[number] = simple_value(dialect, number, rng, lengths)
        message = {"mti": self.mti, "fields": {str(number): self.values[number] for number in self.numbers}}
        if dialect.header:
            message["header"] = dialect.header.hex()
        whole = oracle.encode(dialect, message)

        # Where everything stands follows from the widths alone.
        self.parts = {}
        at = 0

        def cut(key, width):
            nonlocal at
            self.parts[key] = bytearray(whole[at : at + width])
            at += width

        cut((0, "header"), len(dialect.header))
        cut((0, "mti"), 2 if dialect.packed else 4)
        bitmap = 16 if dialect.hex_binary else 8
        cut((1, "primary"), bitmap)
        cut((1, "secondary"), bitmap if self.numbers and self.numbers[-1] > 64 else 0)
        for number in self.numbers:
            prefix = prefix_width(dialect, number)
            cut((number, "prefix"), prefix)
            cut((number, "value"), len(oracle.encode_field(dialect, number, self.values[number])) - prefix)
        assert at == len(whole), "the parts are the message"

    def at(self, field, what):
        """Offset of a part."""
        offset = 0
        for key, part in self.parts.items():
            if key == (field, what):
                return offset
            offset += len(part)
        raise KeyError((field, what))

    def bytes(self):
        return b"".join(self.parts.values())

    def up_to(self, field, what, more=0):
        return self.bytes()[: self.at(field, what) + more]

    @property
    def last(self):
        return self.numbers[-1] if self.numbers else 1

    def digit(self, value):
        """One digit as a character of the dialect."""
        return str(value).encode(self.dialect.text)[0]

    def action(self, field):
        """Who can be told by a readable message type that somebody waits is answered 30 (format error), all else is
        closed and counted."""
        readable = field != 0
        return "answer-30" if readable and self.mti[2] in "024" else "close"

    def case(self, data, field, offset, kind, **details):
        return {
            "dialect": self.dialect.name,
            "layer": "message",
            "hex": bytes(data).hex().upper(),
            "expected": {"field": field, "offset": offset, "kind": kind, **details},
            "action": self.action(field),
        }

    def with_byte(self, field, what, place, byte, kind, **details):
        """One byte of a part replaced."""
        self.parts[(field, what)][place] = byte
        return self.case(self.bytes(), field, self.at(field, what) + place, kind, byte=f"{byte:02X}", **details)


def prefix_width(dialect, number):
    digits = dialect.fields[number].prefix_digits
    return (digits + 1) // 2 if dialect.packed else digits


def simple_value(dialect, number, rng, lengths):
    kind = dialect.fields[number]
    length = rng.randint(lengths[0], min(kind.length, lengths[1])) if kind.prefix_digits else kind.length
    if kind.content == "b":
        return rng.randbytes(length).hex().upper()
    if kind.content == "x+n":
        return rng.choice("CD") + digits(rng, length - 1)
    if kind.content in ("n", "z"):
        return digits(rng, length)
    return "".join(rng.choices(string.ascii_uppercase + string.digits, k=length))


def digits(rng, count):
    """No leading zero, so that a digit is never taken for a filler."""
    return "".join(rng.choice("123456789" if place == 0 else "0123456789") for place in range(count))


def number_of(dialect, rng, wanted):
    """A field of the dialect whose type is wanted."""
    found = [number for number, kind in dialect.fields.items() if wanted(number, kind)]
    return rng.choice(found)


def some(dialect, rng, *more, most=4, below=129, above=1):
    """A few fixed and variable fields, and these."""
    numbers = [number for number in dialect.fields if above < number < below and number not in more]
    return sorted({*rng.sample(numbers, k=min(len(numbers), rng.randint(0, most))), *more})


def is_variable(number, kind):
    return kind.prefix_digits > 0


def is_fixed(number, kind):
    return kind.prefix_digits == 0


def prefix(dialect, kind, length):
    """A length prefix."""
    text = str(length).zfill(kind.prefix_digits)
    if dialect.packed:
        return bytes.fromhex(text.zfill(len(text) + len(text) % 2))
    return text.encode(dialect.text)


def wire_width(dialect, number, units):
    """Bytes of a variable value of so many units."""
    return (units + 1) // 2 if dialect.is_packed(number) else units


# ------------------------------------------------------------------------------------------------------- the classes

CLASSES = {}


def fault(name, dialects, text):
    """Registers the maker of one class."""

    def register(make):
        CLASSES[name] = (dialects, text, make)
        return make

    return register


@fault("header-truncated", ["unionpay-pos"], "the message ends inside the header")
def _(rng, name):
    base = Base(rng, name, [3])
    header = len(base.dialect.header)
    left = rng.randrange(header)
    noise = rng.randbytes(left)
    return base.case(noise, 0, 0, "truncated", needed=header, available=left)


@fault("mti-truncated", EVERY, "the message ends inside the message type")
def _(rng, name):
    base = Base(rng, name, [3])
    width = len(base.parts[(0, "mti")])
    left = rng.randrange(width)
    return base.case(base.up_to(0, "mti", left), 0, base.at(0, "mti"), "truncated", needed=width, available=left)


@fault("mti-not-digits", EVERY, "the message type holds something else than digits")
def _(rng, name):
    base = Base(rng, name, some(oracle.DIALECTS[name], rng))
    place = rng.randrange(len(base.parts[(0, "mti")]))
    if base.dialect.packed:
        return base.with_byte(0, "mti", place, bad_pair(rng), "not-bcd")
    return base.with_byte(0, "mti", place, not_digit(rng, base.dialect), "not-digit")


@fault("mti-charset", EVERY, "the message type is written in another character set")
def _(rng, name):
    base = Base(rng, name, some(oracle.DIALECTS[name], rng))
    other = "latin-1" if base.dialect.text == "cp500" else "cp500"
    written = base.mti.encode(other)
    base.parts[(0, "mti")] = bytearray(written)
    kind = "not-bcd" if base.dialect.packed else "not-digit"
    return base.case(base.bytes(), 0, base.at(0, "mti"), kind, byte=f"{written[0]:02X}")


@fault("bitmap-truncated", EVERY, "the message ends inside a bitmap")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    second = dialect.secondary and rng.random() < 0.5
    base = Base(rng, name, [3, 70] if second else some(dialect, rng, below=65))
    what = "secondary" if second else "primary"
    width = 16 if dialect.hex_binary else 8
    left = rng.randrange(width)
    return base.case(base.up_to(1, what, left), 1, base.at(1, what), "truncated", needed=width, available=left)


@fault("bitmap-not-hex", ["iso87-ascii"], "a bitmap in hex holds another character")
def _(rng, name):
    base = Base(rng, name, some(oracle.DIALECTS[name], rng, 70))
    what = rng.choice(["primary", "secondary"])
    return base.with_byte(1, what, rng.randrange(16), not_hex(rng), "not-hex")


@fault("secondary-bitmap-missing", ALL_87, "bit 1 announces a second bitmap, and too few bytes follow")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    # Everything after the primary bitmap is shorter than a bitmap.
    numbers = rng.choice([[], [25], [23], [25, 39], [27]])
    base = Base(rng, name, numbers)
    data = bytearray(base.bytes())
    at = base.at(1, "primary")
    set_bit(dialect, data, at, 1)
    start = base.at(1, "secondary")
    return base.case(data, 1, start, "truncated", needed=16 if dialect.hex_binary else 8, available=len(data) - start)


@fault("secondary-bitmap-forbidden", ["unionpay-pos"], "bit 1 is set in a dialect of one bitmap")
def _(rng, name):
    base = Base(rng, name, some(oracle.DIALECTS[name], rng))
    data = bytearray(base.bytes())
    at = base.at(1, "primary")
    set_bit(base.dialect, data, at, 1)
    return base.case(data, 1, at, "undefined-field")


@fault("tertiary-bitmap", ALL_87, "bit 65 announces a third bitmap, which no 1987 dialect has")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    base = Base(rng, name, some(dialect, rng, rng.randint(66, 128)))
    data = bytearray(base.bytes())
    at = base.at(1, "primary")
    place = set_bit(dialect, data, at, 65)
    return base.case(data, 65, place, "tertiary-bitmap")


@fault("bitmap-all-ones", EVERY, "every bit of the bitmaps is set")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    base = Base(rng, name, some(dialect, rng, 70) if dialect.secondary else some(dialect, rng))
    for what in ("primary", "secondary"):
        part = base.parts[(1, what)]
        part[:] = (b"F" if dialect.hex_binary else b"\xff") * len(part)
    if not dialect.secondary:
        return base.case(base.bytes(), 1, base.at(1, "primary"), "undefined-field")
    return base.case(base.bytes(), 65, base.at(1, "secondary"), "tertiary-bitmap")


@fault("undefined-field", ALL_87, "a bit is set whose field the dialect (without some fields) does not define")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    without = rng.choice([number for number in dialect.fields if number not in (2, 3, 4, 11)])
    base = Base(rng, name, some(dialect, rng, without))
    place = bit_place(dialect, base.at(1, "primary"), without)
    return {**base.case(base.bytes(), without, place, "undefined-field"), "without": [without]}


@fault("length-truncated", EVERY, "the message ends inside a length prefix")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    number = number_of(dialect, rng, is_variable)
    base = Base(rng, name, some(dialect, rng, number, below=number + 1))
    width = prefix_width(dialect, number)
    left = rng.randrange(width)
    data = base.up_to(number, "prefix", left)
    return base.case(data, number, base.at(number, "prefix"), "truncated", needed=width, available=left)


@fault("length-not-digits", EVERY, "a length prefix holds something else than digits")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    number = number_of(dialect, rng, is_variable)
    base = Base(rng, name, some(dialect, rng, number))
    place = rng.randrange(prefix_width(dialect, number))
    byte = bad_pair(rng) if dialect.packed else not_digit(rng, dialect)
    return base.with_byte(number, "prefix", place, byte, "length-not-digits")


@fault("length-charset", EVERY, "a length prefix is written in another character set")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    number = number_of(dialect, rng, is_variable)
    base = Base(rng, name, some(dialect, rng, number))
    kind = dialect.fields[number]
    other = "latin-1" if dialect.text == "cp500" else "cp500"
    written = str(len(base.parts[(number, "value")])).zfill(kind.prefix_digits).encode(other)
    base.parts[(number, "prefix")] = bytearray(written)
    # Where the prefix is packed, an EBCDIC digit is a nibble F.
    return base.case(base.bytes(), number, base.at(number, "prefix"), "length-not-digits", byte=f"{written[0]:02X}")


@fault("length-binary", EVERY, "a length is written as a binary number where digits are agreed")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    number = number_of(dialect, rng, lambda number, kind: kind.prefix_digits and kind.length >= 15)
    base = Base(rng, name, some(dialect, rng, number), lengths=(10, 15))
    kind = dialect.fields[number]
    units = int(oracle_length(base, number))
    width = prefix_width(dialect, number)
    written = units.to_bytes(width, "big")
    # 10 to 15 end in a nibble A to F; as characters, no byte of it is a digit.
    base.parts[(number, "prefix")] = bytearray(written)
    place = width - 1 if dialect.packed else 0
    offset = base.at(number, "prefix") + place
    return base.case(base.bytes(), number, offset, "length-not-digits", byte=f"{written[place]:02X}")


@fault("length-over-maximum", EVERY, "a length is more than the dialect allows")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    limit = lambda number, kind: kind.prefix_digits and kind.length < 10**kind.prefix_digits - 1
    number = number_of(dialect, rng, limit)
    base = Base(rng, name, some(dialect, rng, number))
    kind = dialect.fields[number]
    top = 10**kind.prefix_digits - 1
    length = rng.choice([kind.length + 1, top, rng.randint(kind.length + 1, top)])
    base.parts[(number, "prefix")] = bytearray(prefix(dialect, kind, length))
    # The value is as long as announced, so that nothing else is wrong.
    value = base.parts[(number, "value")]
    fill = b"\x11" if dialect.is_packed(number) else b"1" if dialect.text != "cp500" else b"\xf1"
    value[:] = (bytes(value) + fill * top)[: wire_width(dialect, number, length)]
    offset = base.at(number, "prefix")
    return base.case(base.bytes(), number, offset, "length-too-long", length=length, max=kind.length)


@fault("length-over-rest", EVERY, "a length is more than what is left of the message")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    number = number_of(dialect, rng, lambda number, kind: kind.prefix_digits and kind.length >= 16)
    base = Base(rng, name, some(dialect, rng, number, below=number + 1), lengths=(1, 8))
    kind = dialect.fields[number]
    left = len(base.parts[(number, "value")])
    # Even, so that it is no fault of its own where the value is hex text.
    units = rng.choice(range(int(oracle_length(base, number)) // 2 * 2 + 2, kind.length + 1, 2))
    base.parts[(number, "prefix")] = bytearray(prefix(dialect, kind, units))
    needed = wire_width(dialect, number, units)
    if needed <= left:
        needed, units = wire_width(dialect, number, units + 2), units + 2
        base.parts[(number, "prefix")] = bytearray(prefix(dialect, kind, units))
    offset = base.at(number, "value")
    return base.case(base.bytes(), number, offset, "truncated", needed=needed, available=left)


@fault("length-zero", EVERY, "a length is 0 although a value follows")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    number = number_of(dialect, rng, is_variable)
    base = Base(rng, name, some(dialect, rng, number, below=number + 1))
    base.parts[(number, "prefix")] = bytearray(prefix(dialect, dialect.fields[number], 0))
    count = len(base.parts[(number, "value")])
    return base.case(base.bytes(), number, base.at(number, "value"), "trailing-bytes", count=count)


@fault("length-odd", ["iso87-ascii"], "bytes in hex have an odd count of characters")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    base = Base(rng, name, some(dialect, rng, 55))
    value = base.parts[(55, "value")]
    del value[-1]
    base.parts[(55, "prefix")] = bytearray(prefix(dialect, dialect.fields[55], len(value)))
    return base.case(base.bytes(), 55, base.at(55, "prefix"), "length-odd", length=len(value))


@fault("value-truncated", EVERY, "the message ends inside a fixed value")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    number = number_of(dialect, rng, is_fixed)
    base = Base(rng, name, some(dialect, rng, number, below=number + 1))
    needed = len(base.parts[(number, "value")])
    left = rng.randrange(needed)
    data = base.up_to(number, "value", left)
    return base.case(data, number, base.at(number, "value"), "truncated", needed=needed, available=left)


@fault("field-missing", EVERY, "a bit is set, and its field is not there at all")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    numbers = some(dialect, rng, most=4) or [3]
    base = Base(rng, name, numbers)
    number = base.last
    first = "prefix" if dialect.fields[number].prefix_digits else "value"
    needed = prefix_width(dialect, number) or len(base.parts[(number, "value")])
    offset = base.at(number, first)
    return base.case(base.bytes()[:offset], number, offset, "truncated", needed=needed, available=0)


@fault("mac-missing", EVERY, "the bit of the message authentication code is set, and the code is not there whole")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    number = rng.choice([64, 128]) if dialect.secondary else 64
    base = Base(rng, name, some(dialect, rng, number, below=64))
    needed = len(base.parts[(number, "value")])
    left = rng.choice([0, 0, 0, rng.randrange(needed)])
    offset = base.at(number, "value")
    return base.case(base.up_to(number, "value", left), number, offset, "truncated", needed=needed, available=left)


@fault("digits-not-digits", TEXTUAL, "a numeric value of characters holds another one")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    number = number_of(dialect, rng, lambda number, kind: kind.content == "n")
    base = Base(rng, name, some(dialect, rng, number))
    place = rng.randrange(len(base.parts[(number, "value")]))
    return base.with_byte(number, "value", place, not_digit(rng, dialect), "not-digit")


@fault("packed-nibble", PACKED, "packed digits hold a nibble A to F")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    number = number_of(dialect, rng, lambda number, kind: kind.content == "n" and kind.length > 1)
    base = Base(rng, name, some(dialect, rng, number), lengths=(2, 9))
    value = base.parts[(number, "value")]
    pad = pad_nibble(base, number)
    nibble = rng.choice([nibble for nibble in range(len(value) * 2) if nibble != pad])
    byte = with_nibble(value[nibble // 2], nibble, rng.randint(10, 15))
    return base.with_byte(number, "value", nibble // 2, byte, "not-bcd")


@fault("packed-filler", PACKED, "the filler nibble of an odd count of packed digits is not 0")
def _(rng, name):
    base, number = odd_packed(rng, name)
    value = base.parts[(number, "value")]
    pad = pad_nibble(base, number)
    byte = with_nibble(value[pad // 2], pad, rng.randint(1, 15))
    return base.with_byte(number, "value", pad // 2, byte, "filler-nibble")


@fault("packed-filler-side", PACKED, "an odd count of packed digits is filled on the other side")
def _(rng, name):
    base, number = odd_packed(rng, name)
    value = base.values[number][:-1] + rng.choice("123456789")
    right = number in base.dialect.right_pad
    written = bytes.fromhex("0" + value if right else value + "0")
    base.parts[(number, "value")] = bytearray(written)
    place = len(written) - 1 if right else 0
    offset = base.at(number, "value") + place
    return base.case(base.bytes(), number, offset, "filler-nibble", byte=f"{written[place]:02X}")


@fault("packed-as-text", PACKED, "digits are written as ASCII characters where packed ones are agreed")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    # The last field, and an even count: the first half reads as packed digits, the rest is too much.
    number = number_of(dialect, rng, lambda number, kind: kind.content == "n" and not kind.prefix_digits and kind.length % 2 == 0)
    base = Base(rng, name, some(dialect, rng, number, below=number + 1))
    written = base.values[number].encode()
    base.parts[(number, "value")] = bytearray(written)
    read = len(written) // 2
    return base.case(base.bytes(), number, base.at(number, "value") + read, "trailing-bytes", count=len(written) - read)


@fault("text-charset", ["iso87-ascii", "iso87-mixed", "iso87-bcd", "iso87-ebcdic", "unionpay-pos"], "a text is written in another character set")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    number = number_of(dialect, rng, lambda number, kind: kind.content == "an")
    base = Base(rng, name, some(dialect, rng, number))
    other = "latin-1" if dialect.text == "cp500" else "cp500"
    written = base.values[number].encode(other)
    base.parts[(number, "value")] = bytearray(written)
    return base.case(base.bytes(), number, base.at(number, "value"), "not-text", byte=f"{written[0]:02X}")


@fault("text-control", EVERY, "a text holds a control character")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    number = number_of(dialect, rng, lambda number, kind: kind.content in ("an", "ans", "ns"))
    base = Base(rng, name, some(dialect, rng, number))
    place = rng.randrange(len(base.parts[(number, "value")]))
    # The same controls in both sets: NUL, SOH, STX, ETX, VT, FF, CR, SO, SI, DLE.
    return base.with_byte(number, "value", place, rng.choice(b"\x00\x01\x02\x03\x0b\x0c\x0d\x0e\x0f\x10"), "not-text")


@fault("text-class", EVERY, "a text of letters and digits holds punctuation")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    number = number_of(dialect, rng, lambda number, kind: kind.content == "an")
    base = Base(rng, name, some(dialect, rng, number))
    place = rng.randrange(len(base.parts[(number, "value")]))
    byte = rng.choice("!\"%&'()*+,-./:;<=>?_").encode(dialect.text)[0]
    return base.with_byte(number, "value", place, byte, "not-text")


@fault("sign", ALL_87, "a signed amount begins with neither C nor D")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    number = number_of(dialect, rng, lambda number, kind: kind.content == "x+n")
    base = Base(rng, name, some(dialect, rng, number))
    byte = rng.choice("+-0123456789 ABEFcdx").encode(dialect.text)[0]
    return base.with_byte(number, "value", 0, byte, "not-sign")


@fault("signed-digits", ALL_87, "a signed amount holds something else than digits after its sign")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    number = number_of(dialect, rng, lambda number, kind: kind.content == "x+n")
    base = Base(rng, name, some(dialect, rng, number))
    place = rng.randrange(1, len(base.parts[(number, "value")]))
    return base.with_byte(number, "value", place, not_digit(rng, dialect), "not-digit")


@fault("track-separator", EVERY, "track 2 or 3 has a separator or sentinel that is none of the interface's")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    separator = "D" if dialect.packed else "="
    number, value = rng.choice([(35, f"{rng.choice(oracle.TEST_CARDS)}{separator}2912101{digits(rng, rng.randint(2, 8))}"), (36, f"01{rng.choice(oracle.TEST_CARDS)}{separator}724724{digits(rng, 10)}")])
    base = Base(rng, name, some(dialect, rng, number), values={number: value})
    if not dialect.packed:
        byte = rng.choice("^;?:-/ B").encode(dialect.text)[0]
        return base.with_byte(number, "value", value.index(separator), byte, "not-track")
    nibble = value.index(separator)
    if pad_nibble(base, number) == 0:
        nibble += 1
    byte = with_nibble(base.parts[(number, "value")][nibble // 2], nibble, rng.choice([0xA, 0xB, 0xC, 0xE, 0xF]))
    return base.with_byte(number, "value", nibble // 2, byte, "not-track")


@fault("bytes-not-hex", ["iso87-ascii"], "bytes in hex hold another character")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    number = rng.choice([52, 55, 64, 96, 128])
    base = Base(rng, name, some(dialect, rng, number, below=129))
    # A variable value counts characters: the oracle is given bytes.
    place = rng.randrange(len(base.parts[(number, "value")]))
    return base.with_byte(number, "value", place, not_hex(rng), "not-hex")


@fault("trailing-bytes", EVERY, "bytes follow the last field")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    base = Base(rng, name, some(dialect, rng))
    count = rng.choice([1, 1, 2, 3, rng.randint(4, 20)])
    data = base.bytes()
    more = rng.choice([rng.randbytes(count), bytes(count), b"\x03" * count])
    return base.case(data + more, base.last, len(data), "trailing-bytes", count=count)


@fault("bit-missing", EVERY, "the last field's bit is not set although its value is there")
def _(rng, name):
    dialect = oracle.DIALECTS[name]
    low, high = sorted(rng.sample([number for number in dialect.fields if number <= 64], k=2))
    base = Base(rng, name, [low, high])
    data = bytearray(base.bytes())
    clear_bit(dialect, data, base.at(1, "primary"), high)
    offset = base.at(high, "prefix")
    return base.case(data, low, offset, "trailing-bytes", count=len(data) - offset)


# ------------------------------------------------------------------------------------------------- inside field 55

ICC = [
    ("9F26", "1122334455667788"), ("9F27", "80"), ("9F10", "0110A00003220000000000000000000000FF"), ("9F37", "1A2B3C4D"),
    ("9F36", "0042"), ("95", "0880048000"), ("9A", "261124"), ("9C", "00"), ("9F02", "000000012345"), ("5F2A", "0840"),
    ("82", "3900"), ("9F1A", "0840"), ("9F03", "000000000000"), ("9F33", "E0F0C8"), ("9F34", "420300"), ("9F35", "22"),
    ("84", "A0000000031010"), ("9F41", "00000123"),
]  # fmt: skip


def tlv(tag, value):
    length = len(value) // 2
    return bytes.fromhex(tag) + bytes([length]) + bytes.fromhex(value)


def icc(rng, name, broken, kind, offset, *, without=None, only=False, **details):
    """A message in order whose field 55 holds some good elements (not of the tag `without`, none if `only`), then `broken`;
    `offset` counts from its start."""
    dialect = oracle.DIALECTS[name]
    some_good = rng.sample([one for one in ICC if one[0] != without], k=0 if only else rng.randint(0, 4))
    good = b"".join(itertools.starmap(tlv, some_good))
    base = Base(rng, name, some(dialect, rng, 55, most=2), mti=rng.choice(["0100", "0200", "0220", "0420"]), values={55: (good + broken).hex().upper()})
    # Hex text takes two characters a byte.
    scale = 2 if dialect.hex_binary else 1
    case = base.case(base.bytes(), 55, base.at(55, "value") + (len(good) + offset) * scale, kind, **details)
    return {**case, "layer": "icc", "action": "forward"}


@fault("icc-length-four-bytes", EVERY, "field 55: a length in the form 83 or 84, as 84 FF FF FF FF")
def _(rng, name):
    tag = rng.choice(["9F10", "71", "84", "DF8101"])
    form = rng.choice(["84FFFFFFFF", "847FFFFFFF", "8400000001", "83FFFFFF", "83000002", "FF", "85FFFFFFFFFF"])
    broken = bytes.fromhex(tag + form) + rng.randbytes(rng.randint(0, 8))
    return icc(rng, name, broken, "tlv-length-form", len(tag) // 2, byte=form[:2])


@fault("icc-length-indefinite", EVERY, "field 55: the indefinite length 80, which EMV does not use")
def _(rng, name):
    tag = rng.choice(["70", "71", "72", "77", "9F10"])
    broken = bytes.fromhex(tag + "80") + tlv("9F27", "80") + bytes(2)
    return icc(rng, name, broken, "tlv-length-form", len(tag) // 2, byte="80")


@fault("icc-length-over-rest", EVERY, "field 55: a length is more than what is left of the field")
def _(rng, name):
    tag, value = rng.choice(ICC)
    length = len(value) // 2 + rng.randint(1, 60)
    broken = bytes.fromhex(tag) + bytes([length]) + bytes.fromhex(value)
    needed = len(tag) // 2 + 1 + length
    return icc(rng, name, broken, "tlv-truncated", 0, needed=needed, available=len(broken))


@fault("icc-tag-truncated", EVERY, "field 55: it ends inside a tag or a length")
def _(rng, name):
    broken = bytes.fromhex(rng.choice(["9F", "DF81", "9F26", "95", "9A81", "9F1082", "9F108200", "5F", "BF"]))
    return icc(rng, name, broken, "tlv-truncated", 0, needed=len(broken) + 1, available=len(broken))


@fault("icc-tag-too-long", EVERY, "field 55: a tag of five bytes")
def _(rng, name):
    broken = bytes.fromhex(rng.choice(["9F", "DF", "5F", "BF"])) + bytes(rng.choice(b"\x81\x82\x85\xff") for _ in range(3))
    broken += bytes.fromhex(rng.choice(["0101FF", "8101AA", "7F00"]))
    return icc(rng, name, broken, "tlv-tag-too-long", 4)


@fault("icc-nesting", EVERY, "field 55: templates nested sixty-four deep")
def _(rng, name):
    tag = rng.choice([0x70, 0x71, 0x72, 0x77, 0xA5])
    broken, widths = tlv("9F27", "80"), []
    for _ in range(64):
        # The outer ones need the long form.
        length = bytes([len(broken)]) if len(broken) < 128 else bytes([0x81, len(broken)])
        widths.insert(0, 1 + len(length))
        broken = bytes([tag]) + length + broken
    # The eight outermost may be open; the ninth is too deep.
    return icc(rng, name, broken, "tlv-too-deep", sum(widths[:8]))


@fault("icc-child-past-template", EVERY, "field 55: an element reaches past the end of its template")
def _(rng, name):
    template = rng.choice(["70", "71", "72", "77"])
    tag, value = rng.choice(ICC)
    child = tlv(tag, value)
    cut = rng.randint(1, len(value) // 2)
    broken = bytes.fromhex(template) + bytes([len(child) - cut]) + child
    return icc(rng, name, broken, "tlv-truncated", 2, needed=len(child), available=len(child) - cut)


# Well-formed, but not what EMV says of the tag. The offset is the element's.


@fault("icc-element-length", EVERY, "field 55: a value shorter or longer than EMV gives the tag")
def _(rng, name):
    tag, low, high = rng.choice([("9F26", 8, 8), ("9F27", 1, 1), ("9F37", 4, 4), ("9F36", 2, 2), ("95", 5, 5), ("9A", 3, 3), ("82", 2, 2), ("9F33", 3, 3), ("9F34", 3, 3), ("9F10", 0, 32), ("84", 5, 16), ("9F02", 6, 6)])
    length = rng.choice([length for length in (low - 1, high + 1, 0, 40) if length >= 0 and not low <= length <= high])
    # Digits, which every format allows.
    broken = tlv(tag, "11" * length)
    return icc(rng, name, broken, "emv-length", 0, without=tag, tag=tag, length=length)


@fault("icc-element-format", EVERY, "field 55: packed digits with a nibble A to F, or text with a control character")
def _(rng, name):
    tag, value = rng.choice([(tag, value) for tag, value in ICC if tag in ("9A", "9C", "9F02", "5F2A", "9F1A", "9F03", "9F35", "9F41")] + [("8A", "3030"), ("9F1E", "5445524D30303031")])
    value = bytearray.fromhex(value)
    place = rng.randrange(len(value))
    value[place] = rng.randrange(0x20) if tag in ("8A", "9F1E") else with_nibble(value[place], rng.randrange(2), rng.randint(10, 15))
    return icc(rng, name, tlv(tag, value.hex()), "emv-format", 0, without=tag, tag=tag)


@fault("icc-forbidden", EVERY, "field 55: card data that must not be sent there")
def _(rng, name):
    card = rng.choice([card for card in oracle.TEST_CARDS if len(card) % 2 == 0])
    tag, value = rng.choice([
        ("5A", card),
        ("57", f"{card}D2912201{digits(rng, 6)}00"[: (len(card) + 14) // 2 * 2]),
        ("56", f"B{card}^A^2912".encode().hex()),
        ("5F20", b"DOE/JOHN".hex()),
        ("5F24", "291231"),
        ("99", "1234"),
        ("9F0B", (b"DOE/JOHN" + b" " * 20).hex()),
        ("9F1F", digits(rng, 4).encode().hex()),
        ("9F20", digits(rng, 4)),
    ])  # fmt: skip
    # 57 is bytes, so that its separator is no fault.
    return icc(rng, name, tlv(tag, value), "emv-forbidden", 0, tag=tag)


@fault("icc-duplicate", EVERY, "field 55: an element that is there already")
def _(rng, name):
    tag, value = rng.choice(ICC)
    first = tlv(tag, value)
    between = b"".join(itertools.starmap(tlv, rng.sample([one for one in ICC if one[0] != tag], k=rng.randint(0, 2))))
    broken = first + between + tlv(tag, value)
    return icc(rng, name, broken, "emv-duplicate", len(first) + len(between), only=True, tag=tag)


# --------------------------------------------------------------------------------------------------- on the stream

FRAMINGS = ["binary-2", "binary-2-inclusive", "binary-4", "ascii-4", "bcd-2"]
FRAME_BYTES_MAX = 8192
TPDU = bytes.fromhex("6000030000")


def frame_length(framing, length):
    """The prefix of a frame of `length` bytes."""
    if framing == "binary-2":
        return length.to_bytes(2, "big")
    if framing == "binary-2-inclusive":
        return (length + 2).to_bytes(2, "big")
    if framing == "binary-4":
        return length.to_bytes(4, "big")
    if framing == "ascii-4":
        return str(length).zfill(4).encode()
    return bytes.fromhex(str(length).zfill(4))


def stream(rng, name, framing=None):
    """A message, its framing, and what is in the frame."""
    framing = framing or rng.choice(FRAMINGS)
    tpdu = rng.random() < 0.4
    base = Base(rng, name, some(oracle.DIALECTS[name], rng, 3))
    return base, framing, tpdu, (TPDU if tpdu else b"") + base.bytes()


def on_stream(base, framing, tpdu, data, kind, offset=0, **details):
    return {
        "dialect": base.dialect.name,
        "layer": "framing",
        "framing": {"kind": framing, "tpdu": tpdu, "frame_bytes_max": FRAME_BYTES_MAX, "keep_alive": "error"},
        "hex": bytes(data).hex().upper(),
        "expected": {"offset": offset, "kind": kind, **details},
        "action": "close",
    }


@fault("frame-length-zero", EVERY, "a frame of length 0 from a peer that sends no keep-alives")
def _(rng, name):
    base, framing, tpdu, body = stream(rng, name)
    return on_stream(base, framing, tpdu, frame_length(framing, 0) + body, "frame-keep-alive")


@fault("frame-length-short", EVERY, "a frame's length is one less than the message's")
def _(rng, name):
    base, framing, tpdu, body = stream(rng, name)
    data = frame_length(framing, len(body) - 1) + body
    number = base.last
    value = base.parts[(number, "value")]
    # Without its last byte the message ends inside its last value.
    case = base.case(data, number, base.at(number, "value"), "truncated", needed=len(value), available=len(value) - 1)
    return {**on_stream(base, framing, tpdu, data, ""), "layer": "message", "expected": case["expected"], "action": case["action"]}


@fault("frame-length-long", EVERY, "a frame's length is more than what the stream still gives")
def _(rng, name):
    base, framing, tpdu, body = stream(rng, name)
    length = len(body) + rng.choice([1, 1, 1, 2, 5, 100, 1000])
    data = frame_length(framing, length) + body
    needed = len(data) - len(body) + length
    return on_stream(base, framing, tpdu, data, "frame-truncated", needed=needed, available=len(data))


@fault("frame-cut", EVERY, "the stream ends inside a frame")
def _(rng, name):
    base, framing, tpdu, body = stream(rng, name)
    data = frame_length(framing, len(body)) + body
    width = len(data) - len(body)
    left = rng.choice([rng.randrange(1, width), rng.randrange(width, len(data))])
    needed = width if left < width else len(data)
    return on_stream(base, framing, tpdu, data[:left], "frame-truncated", needed=needed, available=left)


@fault("frame-length-over-limit", EVERY, "a frame's length is more than the agreed limit")
def _(rng, name):
    base, framing, tpdu, body = stream(rng, name)
    top = {"binary-2": 0xFFFF, "binary-2-inclusive": 0xFFFD, "binary-4": 0xFFFFFFFF}.get(framing, 9999)
    length = rng.choice([FRAME_BYTES_MAX + 1, top, rng.randint(FRAME_BYTES_MAX + 1, top)])
    data = frame_length(framing, length) + body
    return on_stream(base, framing, tpdu, data, "frame-too-long", length=length, max=FRAME_BYTES_MAX)


@fault("frame-length-little-endian", EVERY, "a frame's length is written with its bytes the other way round")
def _(rng, name):
    base, framing, tpdu, body = stream(rng, name, rng.choice(FRAMINGS[:3]))
    while len(body) < 33 or len(body) > 250:  # so that it is far over the limit when it is turned round
        base, framing, tpdu, body = stream(rng, name, framing)
    written = frame_length(framing, len(body))[::-1]
    length = int.from_bytes(written, "big") - (2 if framing == "binary-2-inclusive" else 0)
    return on_stream(base, framing, tpdu, written + body, "frame-too-long", length=length, max=FRAME_BYTES_MAX)


@fault("frame-length-not-digits", EVERY, "a frame's length of digits holds something else")
def _(rng, name):
    base, framing, tpdu, body = stream(rng, name, rng.choice(FRAMINGS[3:]))
    written = bytearray(frame_length(framing, len(body)))
    place = rng.randrange(len(written))
    if framing == "ascii-4":
        written[place] = rng.choice([byte for byte in range(256) if not 0x30 <= byte <= 0x39])
    else:
        written[place] = bad_pair(rng)
    return on_stream(base, framing, tpdu, written + body, "frame-length-not-digits", offset=place, byte=f"{written[place]:02X}")


@fault("frame-length-below-itself", EVERY, "a length that counts itself is smaller than itself")
def _(rng, name):
    base, framing, tpdu, body = stream(rng, name, "binary-2-inclusive")
    return on_stream(base, framing, tpdu, b"\x00\x01" + body, "frame-length-too-short", length=1)


@fault("frame-tpdu-missing", EVERY, "a frame ends inside its TPDU")
def _(rng, name):
    base, framing, _, _ = stream(rng, name)
    length = rng.randint(1, len(TPDU) - 1)
    data = frame_length(framing, length) + rng.choice([TPDU[:length], rng.randbytes(length)])
    return on_stream(base, framing, True, data, "frame-tpdu-missing", length=length)


# ------------------------------------------------------------------------------------------------------------ tools


def oracle_length(base, number):
    """What the length prefix of a field says."""
    value = base.values[number]
    if base.dialect.fields[number].content == "b":
        return len(value) if base.dialect.hex_binary else len(value) // 2
    return len(value)


def bad_pair(rng):
    """A byte that is not two packed digits."""
    return rng.choice([byte for byte in range(256) if byte >> 4 > 9 or byte & 15 > 9])


def not_digit(rng, dialect):
    """A byte that is no digit in the dialect's character set."""
    good = {str(digit).encode(dialect.text)[0] for digit in range(10)}
    return rng.choice([byte for byte in range(256) if byte not in good])


def not_hex(rng):
    return rng.choice([byte for byte in range(256) if chr(byte) not in oracle.HEX])


def bit_place(dialect, at, number):
    """The byte that carries a field's bit; the secondary bitmap follows the primary one."""
    return at + (number - 1) // (4 if dialect.hex_binary else 8)


def set_bit(dialect, data, at, number, on=True):
    place = bit_place(dialect, at, number)
    if dialect.hex_binary:
        bit = 8 >> (number - 1) % 4
        digit = int(chr(data[place]), 16)
        data[place] = ord(f"{digit | bit if on else digit & ~bit:X}")
    else:
        bit = 0x80 >> (number - 1) % 8
        data[place] = data[place] | bit if on else data[place] & ~bit
    return place


def clear_bit(dialect, data, at, number):
    return set_bit(dialect, data, at, number, on=False)


def odd_packed(rng, name):
    """A message with an odd count of packed digits in one field."""
    dialect = oracle.DIALECTS[name]
    while True:
        number = number_of(dialect, rng, lambda number, kind: kind.content == "n" and (kind.prefix_digits or kind.length % 2))
        base = Base(rng, name, some(dialect, rng, number), lengths=(1, 11))
        if len(base.values[number]) % 2:
            return base, number


def pad_nibble(base, number):
    """Which nibble of a packed value is the filler, if one is."""
    if len(base.values[number]) % 2 == 0:
        return None
    return len(base.parts[(number, "value")]) * 2 - 1 if number in base.dialect.right_pad else 0


def with_nibble(byte, nibble, value):
    return byte & 0x0F | value << 4 if nibble % 2 == 0 else byte & 0xF0 | value


# ------------------------------------------------------------------------------------------------------------- main


def suite():
    """Every class, each in its dialects by turns, no message twice."""
    for name, (dialects, _, make) in CLASSES.items():
        seen = set()
        turns = itertools.cycle(dialects)
        attempt = 0
        while len(seen) < EACH:
            dialect = next(turns)
            attempt += 1
            assert attempt < 50 * EACH, f"{name} has not so many different messages"
            case = make(random.Random(f"{name}/{dialect}/{attempt}"), dialect)
            key = json.dumps([case["dialect"], case["hex"], case.get("framing"), case.get("without")])
            if key in seen:
                continue
            seen.add(key)
            yield {"id": f"{name}-{len(seen):02}", "class": name, **case}


def lines():
    return "".join(json.dumps(case, separators=(",", ":")) + "\n" for case in suite())


def judge(suite_lines):
    """Holds the Python codec to the labels: how many it does not agree with."""
    judged, wrong = 0, 0
    for case in map(json.loads, suite_lines):
        if case["layer"] != "message" or "framing" in case or "without" in case:
            continue
        judged += 1
        label = (case["expected"]["field"], case["expected"]["offset"])
        try:
            oracle.decode(oracle.DIALECTS[case["dialect"]], bytes.fromhex(case["hex"]))
            found = "accepted"
        except oracle.Broken as broken:
            found = (broken.field, broken.offset)
        if found != label:
            wrong += 1
            print(f"{case['id']}: the codec says {found}, the label {label}")
    print(f"{judged} judged, {wrong} different")
    return wrong > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("write", "check", "oracle"):
        commands.add_parser(name).add_argument("file", type=pathlib.Path)
    commands.add_parser("classes")
    args = parser.parse_args()
    if args.command == "write":
        args.file.write_text(lines(), encoding="utf-8")
    elif args.command == "check":
        if args.file.read_text(encoding="utf-8") != lines():
            sys.exit(f"{args.file} is not what this program makes: malformed.py write {args.file}")
    elif args.command == "oracle":
        sys.exit(judge(args.file.read_text(encoding="utf-8").splitlines()))
    else:
        for name, (dialects, text, _) in CLASSES.items():
            print(f"| `{name}` | {text} | {'all' if dialects == EVERY else ', '.join(f'`{dialect}`' for dialect in dialects)} |")


if __name__ == "__main__":
    main()
