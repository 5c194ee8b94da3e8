#!/usr/bin/env python3
"""An ISO 8583 codec that owes nothing to Pointsman's: the witness that its messages are what the standard says.

Written from the field tables of ISO 8583:1987, 1993 and 2003 and the descriptions of the dialects alone, in plain Python, one byte
after the other. It makes random messages (seeded), so that any codec can be held against it:

    iso8583_oracle.py generate --dialect iso87-bcd --count 200 --seed 1 > messages.jsonl
    iso8583_oracle.py golden tests/golden/oracle            # rewrites the committed sets
    iso8583_oracle.py selfcheck                             # decode(encode(m)) == m, many times

A line holds `mti`, `header` (where the dialect has one), `fields` and `hex`, the message on the wire.
"""

import argparse
import json
import pathlib
import random
import re
import string
import sys

# ISO 8583:1987, fields 2..128. Field 65 is the tertiary bitmap's announcement and never a field.
TABLE_1987 = """
2 n..19     3 n6       4 n12      5 n12      6 n12      7 n10      8 n8       9 n8
10 n8       11 n6      12 n6      13 n4      14 n4      15 n4      16 n4      17 n4
18 n4       19 n3      20 n3      21 n3      22 n3      23 n3      24 n3      25 n2
26 n2       27 n1      28 x+n8    29 x+n8    30 x+n8    31 x+n8    32 n..11   33 n..11
34 ns..28   35 z..37   36 z...104 37 an12    38 an6     39 an2     40 an3     41 ans8
42 ans15    43 ans40   44 ans..25 45 ans..76 46 ans...999  47 ans...999  48 ans...999
49 an3      50 an3     51 an3     52 b8      53 n16     54 an...120   55 b...999
56 ans...999  57 ans...999  58 ans...999  59 ans...999
60 ans...999  61 ans...999  62 ans...999  63 ans...999  64 b8
66 n1       67 n2      68 n3      69 n3      70 n3      71 n4      72 n4      73 n6
74 n10      75 n10     76 n10     77 n10     78 n10     79 n10     80 n10     81 n10
82 n12      83 n12     84 n12     85 n12     86 n16     87 n16     88 n16     89 n16
90 n42      91 an1     92 an2     93 an5     94 an7     95 an42    96 b8      97 x+n16
98 ans25    99 n..11   100 n..11  101 ans..17  102 ans..28  103 ans..28  104 ans...100
105 ans...999 106 ans...999 107 ans...999 108 ans...999 109 ans...999 110 ans...999 111 ans...999
112 ans...999 113 ans...999 114 ans...999 115 ans...999 116 ans...999 117 ans...999 118 ans...999 119 ans...999
120 ans...999 121 ans...999 122 ans...999 123 ans...999 124 ans...999 125 ans...999 126 ans...999 127 ans...999
128 b8
"""

# The UnionPay POS terminal interface as far as its public description goes; 43, 46, 47, 56, 59, 62 and 63 hold GBK text
# or keys and are treated as bytes. The random messages hold these fields only; all others are read as in the table
# above. 60 has at most 17 digits by the interface, but published frames have 19: what is read may be longer.
TABLE_UNIONPAY = """
2 n..19     3 n6       4 n12      11 n6      12 n6      13 n4      14 n4      15 n4
22 n3       23 n3      25 n2      26 n2      32 n..11   35 z..37   36 z...104 37 an12
38 an6      39 an2     41 ans8    42 ans15   43 b40     44 ans..25 46 b...999 47 b...999
48 n...322  49 an3     52 b8      53 n16     54 an...120   55 b...999
56 b...999  59 b...999  60 n...17   61 n...16   62 b...999  63 b...999  64 b8
"""
UNIONPAY_READ = "60 n...30  61 n...29"

# ISO 8583:1993, where it differs from 1987. The longest b fields are given in bytes; hex text takes two characters each.
TABLE_1993 = """
12 n12      15 n6      22 an12    25 n4      26 n4      28 n6      29 n3      30 n24     31 ans..99
39 n3       40 n3      43 ans..99 44 ans..99 46 ans...204 53 b..48 55 b...255 56 n..35   57 n3      58 n..11
66 ans...204 71 n8     72 ans...999 82 n10   83 n10     84 n10     85 n10     90 n10     91 n3      92 n3
93 n..11    94 n..11   95 ans..99 96 b...999 99 an..11  105 n16    106 n16    107 n10    108 n10
109 ans..84 110 ans..84
"""

# ISO 8583:2003 in the common message format, where it differs from 1993; 0 takes a field out.
TABLE_2003 = """
3 an6       4 n16      5 n16      6 n16      8 n12      11 n12     12 n14     13 n6      15 n8
18 an...140 21 an22    22 b16     27 b27     28 n8      30 n32     31 n23     34 b....9999
39 n4       41 ans16   42 ans..35 43 b....9999 44 b....9999 46 ans...216 49 b....9999 50 0 51 0
54 ans...126 55 b....9999 56 an..41 66 ans...216 68 an9 69 an40    70 n18     71 0       72 b....9999
73 n8       74 n156    75 n90     76 0 77 0 78 0 79 0 80 0 81 0 82 0 83 0 84 0 85 0 86 0 87 0 88 0 89 0 90 0 91 0 92 0
96 0        97 n21     101 ans..99 104 b....9999 105 0 106 0 107 0 108 0 109 ans...144 110 ans...144
"""

# Where Visa's and Mastercard's 1987 are narrower: no length of Visa's is longer than a byte can say.
TABLE_VISA = """
22 n4       49 n3      50 n3      51 n3      55 b...255 60 b...255 62 b...255 63 b...255 126 b...255
130 b3      131 b5     132 b4     133 an8    134 b...255 135 b...255 136 b8    137 b2     138 b2     139 b10
140 b...255 142 b...255 143 b...255 144 n2   145 n3     146 n6     147 n12     148 n3     149 n12
"""
TABLE_MASTERCARD = "45 ans..78  55 b...255"

# Postilion: field 127 has a length of six digits; the MACs are hex, all other b fields raw.
TABLE_POSTILION = "53 b48  127 b......65535"


class Broken(Exception):
    """The message breaks a rule of the dialect at `offset`, in `field` (0: header or MTI, 1: bitmaps)."""

    def __init__(self, offset, field, rule):
        super().__init__(f"field {field} at offset {offset}: {rule}")
        self.offset, self.field, self.rule = offset, field, rule


class Type:
    """`n6`, `ans..25`, `b...999`, `x+n8`."""

    def __init__(self, text):
        self.content, dots, number = re.fullmatch(r"(x\+n|[a-z]+)(\.*)(\d+)", text).groups()
        self.prefix_digits = len(dots)
        # x+n8 is a sign and 8 digits: nine characters (95, an42, is made of n12 n12 x+n8 x+n8).
        self.length = int(number) + (self.content == "x+n")


def table(text):
    words = text.split()
    return {int(number): Type(kind) for number, kind in zip(words[::2], words[1::2]) if kind != "0"}


def merged(*texts):
    """One table of several, later ones first."""
    kinds = {}
    for text in texts:
        words = text.split()
        kinds.update(zip(words[::2], words[1::2]))
    return " ".join(f"{number} {kind}" for number, kind in kinds.items() if kind != "0")


def in_characters(text):
    """A table whose variable b fields count hex characters."""
    return re.sub(r"b(\.+)(\d+)", lambda found: f"b{found[1]}{min(int(found[2]) * 2, 10 ** len(found[1]) // 2 * 2 - 2)}", text)


def in_one_byte(text):
    """A table whose lengths are at most what a byte can say."""
    return re.sub(r"(\.{2,})(\d+)", lambda found: f"{found[1]}{min(int(found[2]), 255)}", text)


class Dialect:
    def __init__(self, name, fields, *, text="latin-1", packed=False, hex_binary=False, header=b"", right_pad=(), secondary=True, read="", kind="fixed", binary_prefix=False, third=False, hex_fields=()):
        self.name = name
        self.generated = table(fields)  # the fields of random messages
        everything = {} if secondary else table(TABLE_1987)
        self.fields = {number: kind for number, kind in everything.items() if number <= 64}
        self.fields.update(self.generated)
        self.fields.update(table(read))
        self.text = text  # code page of characters
        self.packed = packed  # n, z, MTI and lengths in BCD
        self.hex_binary = hex_binary  # bitmaps and b fields as hex characters
        self.header = header
        self.right_pad = right_pad  # fields whose odd digits are filled on the right
        self.secondary = secondary
        self.kind = kind  # of the header: fixed, base24 or visa
        self.binary_prefix = binary_prefix  # lengths are one binary byte
        self.third = third  # a third bitmap, directly behind the second
        self.hex_fields = hex_fields  # b fields as hex characters where the others are not

    def is_hex(self, number):
        return self.hex_binary or number in self.hex_fields

    def is_packed(self, number):
        return self.packed and self.fields[number].content in ("n", "z")


UNIONPAY_HEADER = bytes.fromhex("6000030000" "603100310100")
VISA_HEADER = bytes.fromhex("16010200000000000000000000000000000000000000")
_odd_right = [number for number in range(2, 65) if number != 23]

DIALECTS = {
    dialect.name: dialect
    for dialect in [
        Dialect("iso87-ascii", TABLE_1987, hex_binary=True),
        Dialect("iso87-mixed", TABLE_1987),
        Dialect("iso87-bcd", TABLE_1987, packed=True),
        Dialect("iso87-ebcdic", TABLE_1987, text="cp500"),
        Dialect("unionpay-pos", TABLE_UNIONPAY, packed=True, header=UNIONPAY_HEADER, right_pad=_odd_right, secondary=False, read=UNIONPAY_READ),
        Dialect("iso93-ascii", in_characters(merged(TABLE_1987, TABLE_1993)), hex_binary=True),
        Dialect("iso93-binary", merged(TABLE_1987, TABLE_1993), packed=True),
        Dialect("iso2003-cmf", merged(TABLE_1987, TABLE_1993, TABLE_2003)),
        Dialect("unionpay-host", merged(TABLE_1987, "43 b40")),
        Dialect("base24-pos", TABLE_1987, hex_binary=True, header=b"ISO026000070", kind="base24"),
        Dialect("visa-like", in_one_byte(merged(TABLE_1987, TABLE_VISA)), text="cp500", packed=True, header=VISA_HEADER, kind="visa", binary_prefix=True, third=True),
        Dialect("mastercard-like", merged(TABLE_1987, TABLE_MASTERCARD), text="cp500"),
        Dialect("postilion", merged(TABLE_1987, TABLE_POSTILION), hex_fields={64, 96, 128}),
    ]
}

DIGITS = set(string.digits)
PRINTABLE_ASCII = {chr(code) for code in range(0x20, 0x7F)}
PRINTABLE_LATIN1 = PRINTABLE_ASCII | {chr(code) for code in range(0xA0, 0x100)}
HEX = set(string.hexdigits)


def allowed(dialect, content):
    """The characters that a value of this content may hold."""
    return {
        "n": DIGITS,
        "x+n": DIGITS,
        "z": DIGITS | {"D"} if dialect.packed else DIGITS | {"=", "D"},
        "a": set(string.ascii_letters + " "),
        "an": set(string.ascii_letters + string.digits + " "),
        "ans": PRINTABLE_LATIN1 if dialect.text == "cp500" else PRINTABLE_ASCII,
        "ns": PRINTABLE_LATIN1 if dialect.text == "cp500" else PRINTABLE_ASCII,
    }[content]


# ---------------------------------------------------------------------------------------------------------- writing


def encode(dialect, message):
    """The bytes of {"mti": ..., "header": ..., "fields": {"2": ...}}."""
    out = bytearray(bytes.fromhex(message["header"]) if dialect.header else b"")
    mti = message["mti"]
    out += bytes.fromhex(mti) if dialect.packed else mti.encode(dialect.text)
    numbers = sorted(int(number) for number in message["fields"])
    # Bit 1 announces a second bitmap, bit 65 a third.
    last = numbers[-1] if numbers else 0
    announced = [1] * (last > 64) + [65] * (last > 128)
    bits = sum(1 << (192 - number) for number in numbers + announced)
    bitmap = bits.to_bytes(24, "big")[: 8 + 8 * len(announced)]
    out += bitmap.hex().upper().encode() if dialect.hex_binary else bitmap
    for number in numbers:
        out += encode_field(dialect, number, message["fields"][str(number)])
    if dialect.kind == "visa":
        out[3:5] = len(out).to_bytes(2, "big")  # header field 4: the length of the whole message
    return bytes(out)


def encode_field(dialect, number, value):
    kind = dialect.fields[number]
    if kind.content == "b":
        wire = value.upper().encode() if dialect.is_hex(number) else bytes.fromhex(value)
        count = len(wire)
    elif dialect.is_packed(number):
        count = len(value)
        nibbles = value.replace("=", "D")
        if count % 2:
            nibbles = nibbles + "0" if number in dialect.right_pad else "0" + nibbles
        wire = bytes.fromhex(nibbles)
    else:
        wire = value.encode(dialect.text)
        count = len(wire)
    if not kind.prefix_digits:
        return wire
    prefix = str(count).zfill(kind.prefix_digits)
    if dialect.binary_prefix:
        return bytes([count]) + wire
    if dialect.packed:
        return bytes.fromhex(prefix.zfill(len(prefix) + len(prefix) % 2)) + wire
    return prefix.encode(dialect.text) + wire


# ---------------------------------------------------------------------------------------------------------- reading


def decode(dialect, data):
    at = header_end(dialect, data)
    message = {"mti": None}
    if dialect.header:
        message["header"] = data[:at].hex().upper()
    width = 2 if dialect.packed else 4
    piece = take(data, at, width, 0)
    message["mti"] = digits_packed(piece, at, 0) if dialect.packed else characters(dialect, piece, at, 0, "n")
    at += width

    width = 16 if dialect.hex_binary else 8
    bitmap_at = at
    bits = read_bitmap(dialect, data, at)
    at += width
    numbers = [number for number in range(1, 65) if bits >> (64 - number) & 1]
    if 1 in numbers:
        if not dialect.secondary:
            raise Broken(bitmap_at, 1, "there is no secondary bitmap in this dialect")
        bits = read_bitmap(dialect, data, at)
        numbers = numbers[1:] + [64 + number for number in range(1, 65) if bits >> (64 - number) & 1]
        if 65 in numbers and not dialect.third:
            raise Broken(at, 65, "a third bitmap")
        at += width
        if 65 in numbers:
            numbers.remove(65)
            bits = read_bitmap(dialect, data, at, 65)
            numbers += [128 + number for number in range(1, 65) if bits >> (64 - number) & 1]
            at += width

    message["fields"] = {}
    last = 1
    for number in numbers:
        if number not in dialect.fields:
            bit_byte = (number - 1) // 4 if dialect.hex_binary else (number - 1) // 8
            raise Broken(bitmap_at + bit_byte, number, "the dialect has no such field")
        value, at = decode_field(dialect, number, data, at)
        message["fields"][str(number)] = value
        last = number
    if at != len(data):
        raise Broken(at, last, "bytes after the last field")
    return message


def header_end(dialect, data):
    if dialect.kind == "visa":
        at = visa_header_end(data, 0)
        return visa_header_end(data, at) if data[1] & 0x80 else at
    header = take(data, 0, len(dialect.header), 0)
    if dialect.kind == "base24":
        for place, byte in enumerate(header):
            if chr(byte) not in ("ISO"[place] if place < 3 else string.digits):
                raise Broken(place, 0, "no BASE24 header")
    return len(header)


def visa_header_end(data, at):
    """The first byte of a BASE I header says its length, 22 at least."""
    length = take(data, at, 22, 0)[0]
    if not 22 <= length <= 32:
        raise Broken(at, 0, "no length of a BASE I header")
    take(data, at + 22, length - 22, 0)
    return at + length


def take(data, at, count, field):
    if len(data) - at < count:
        raise Broken(at, field, f"needs {count} bytes")
    return data[at : at + count]


def read_bitmap(dialect, data, at, field=1):
    piece = take(data, at, 16 if dialect.hex_binary else 8, field)
    if not dialect.hex_binary:
        return int.from_bytes(piece, "big")
    for place, byte in enumerate(piece):
        if chr(byte) not in HEX:
            raise Broken(at + place, field, "no hex character")
    return int(piece, 16)


def digits_packed(piece, at, field):
    for place, byte in enumerate(piece):
        if byte >> 4 > 9 or byte & 15 > 9:
            raise Broken(at + place, field, "no packed digits")
    return piece.hex()


def characters(dialect, piece, at, field, content):
    text = piece.decode(dialect.text)
    for place, character in enumerate(text):
        if character not in allowed(dialect, content):
            raise Broken(at + place, field, f"not {content}")
    return text


def decode_field(dialect, number, data, at):
    kind = dialect.fields[number]
    packed = dialect.is_packed(number)
    if kind.prefix_digits:
        width = (kind.prefix_digits + 1) // 2 if dialect.packed else kind.prefix_digits
        width = 1 if dialect.binary_prefix else width
        prefix = take(data, at, width, number)
        if dialect.binary_prefix:
            count = prefix[0]
        else:
            count = int(digits_packed(prefix, at, number) if dialect.packed else characters(dialect, prefix, at, number, "n"))
        if count > kind.length:
            raise Broken(at, number, "length over the limit")
        if kind.content == "b" and dialect.is_hex(number) and count % 2:
            raise Broken(at, number, "an odd count of hex characters")
        at += width
    else:
        count = kind.length * 2 if kind.content == "b" and dialect.is_hex(number) else kind.length
    width = (count + 1) // 2 if packed else count
    piece = take(data, at, width, number)
    end = at + width

    if kind.content == "b":
        if not dialect.is_hex(number):
            return piece.hex().upper(), end
        for place, byte in enumerate(piece):
            if chr(byte) not in HEX:
                raise Broken(at + place, number, "no hex character")
        return piece.decode().upper(), end
    if packed:
        nibbles = piece.hex().upper()
        value, pad = nibbles, None
        if count % 2:
            value, pad = (nibbles[:-1], len(nibbles) - 1) if number in dialect.right_pad else (nibbles[1:], 0)
        good = allowed(dialect, kind.content)
        for place in range(width):
            of_value = [nibble for nibble in (place * 2, place * 2 + 1) if nibble != pad]
            if any(nibbles[nibble] not in good for nibble in of_value):
                raise Broken(at + place, number, f"not {kind.content}")
            if pad is not None and pad // 2 == place and nibbles[pad] != "0":
                raise Broken(at + place, number, "filler is not 0")
        return value, end
    if kind.content == "x+n":
        text = piece.decode(dialect.text)
        if text[0] not in "CD":
            raise Broken(at, number, "no sign")
        return text[0] + characters(dialect, piece[1:], at + 1, number, "n"), end
    return characters(dialect, piece, at, number, kind.content), end


# ------------------------------------------------------------------------------------------------------- generating

MTIS = ["0100", "0110", "0121", "0200", "0201", "0210", "0220", "0230", "0320", "0400", "0420", "0421", "0430", "0500", "0510", "0620", "0800", "0810", "0820", "0830"]
TEST_CARDS = ["4111111111111111", "5555555555554444", "378282246310005", "6228480000000000", "30569309025904", "4222222222222"]


def random_message(dialect, rng):
    message = {"mti": rng.choice(MTIS)}
    if rng.random() < 0.1:
        message["mti"] = "".join(rng.choices(string.digits, k=4))
    if dialect.header:
        # The dialect's own, and sometimes any other of its kind.
        header = dialect.header
        if rng.random() >= 0.7:
            header = random_header(dialect, rng)
        message["header"] = header.hex().upper()
    density = rng.choice([0.05, 0.1, 0.2, 0.35])
    numbers = [number for number in dialect.generated if rng.random() < density]
    if rng.random() < 0.5:
        numbers = [number for number in numbers if number <= 64]
    # The MAC is the last field: 64, or 128 when there is a secondary bitmap.
    if any(number > 64 for number in numbers) and 64 in numbers:
        numbers.remove(64)
    message["fields"] = {str(number): random_value(dialect, number, rng) for number in numbers}
    return message


def random_header(dialect, rng):
    if dialect.kind == "base24":
        return b"ISO" + "".join(rng.choices(string.digits, k=9)).encode()
    if dialect.kind == "visa":
        # Without reject data, or with it and the header of the rejected message.
        plain = bytes([22, rng.randrange(0x80)]) + rng.randbytes(20)
        reject = bytes([26, 0x80 | rng.randrange(0x80)]) + rng.randbytes(20) + bytes([0x80, 0]) + rng.randbytes(2)
        return plain if rng.random() < 0.7 else reject + plain
    return rng.randbytes(len(dialect.header))


def random_length(kind, rng):
    if not kind.prefix_digits:
        return kind.length
    choice = rng.random()
    if choice < 0.03:
        return 0
    if choice < 0.05:
        return min(kind.length, 9999)  # No message is longer than 65,535 bytes.
    return rng.randint(1, min(kind.length, rng.choice([8, 24, 64])))


def random_value(dialect, number, rng):
    kind = dialect.generated[number]
    length = random_length(kind, rng)
    if number == 2 and rng.random() < 0.7:
        return rng.choice(TEST_CARDS)
    if kind.content == "b":
        if kind.prefix_digits and dialect.is_hex(number):
            length //= 2  # The length counts characters there.
        return rng.randbytes(length).hex().upper()
    if kind.content == "x+n":
        return rng.choice("CD") + "".join(rng.choices(string.digits, k=length - 1))
    if kind.content == "z":
        separator = "D" if dialect.packed else rng.choice("==D")
        if number == 35 and rng.random() < 0.7:
            return rng.choice(TEST_CARDS) + separator + "2912" + "".join(rng.choices(string.digits, k=rng.randint(3, 15)))
        return "".join(rng.choices(string.digits + separator, k=length))
    alphabet = sorted(allowed(dialect, kind.content))
    if rng.random() < 0.5:
        alphabet = [character for character in alphabet if character in string.ascii_uppercase + string.digits]
    return "".join(rng.choices(alphabet, k=length))


def broken(dialect, data, rng):
    """A message with one thing spoiled."""
    data = bytearray(data)
    choice = rng.randrange(5)
    if choice == 0:
        return bytes(data[: rng.randrange(len(data))])
    if choice == 1:
        return bytes(data) + rng.randbytes(rng.randint(1, 4))
    if choice == 2:
        del data[rng.randrange(len(data))]
        return bytes(data)
    if choice == 3:
        data.insert(rng.randrange(len(data) + 1), rng.randrange(256))
        return bytes(data)
    data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def messages(dialect, count, seed):
    rng = random.Random(f"{dialect.name}/{seed}")
    for _ in range(count):
        message = random_message(dialect, rng)
        data = encode(dialect, message)
        if dialect.header:
            message["header"] = data[: len(message["header"]) // 2].hex().upper()
        yield message, data


def lines(dialect, count, seed):
    for message, data in messages(dialect, count, seed):
        yield json.dumps({**message, "hex": data.hex().upper()}, ensure_ascii=False, separators=(",", ":"))


def selfcheck(count, seed):
    for dialect in DIALECTS.values():
        spoiled = 0
        rng = random.Random(seed)
        for message, data in messages(dialect, count, seed):
            again = decode(dialect, data)
            assert again == message, (dialect.name, message, again)
            try:
                bad = broken(dialect, data, rng)
                assert encode(dialect, decode(dialect, bad)).hex()
            except Broken:
                spoiled += 1
        print(f"{dialect.name}: {count} messages, {spoiled} of as many spoiled ones refused")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    generate = commands.add_parser("generate")
    generate.add_argument("--dialect", choices=DIALECTS, required=True)
    golden = commands.add_parser("golden")
    golden.add_argument("folder", type=pathlib.Path)
    for command in (generate, golden, commands.add_parser("selfcheck")):
        command.add_argument("--count", type=int, default=200)
        command.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if args.command == "generate":
        for line in lines(DIALECTS[args.dialect], args.count, args.seed):
            print(line)
    elif args.command == "golden":
        for dialect in DIALECTS.values():
            text = "".join(line + "\n" for line in lines(dialect, args.count, args.seed))
            (args.folder / f"{dialect.name}.jsonl").write_text(text, encoding="utf-8")
    else:
        selfcheck(args.count, args.seed)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    main()
