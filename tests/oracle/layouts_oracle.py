#!/usr/bin/env python3
"""What stands inside of fields, by an implementation that owes nothing to Pointsman's: its witness.

Written from the descriptions of the fields alone, in plain Python. Each layout makes random values with the parts they have,
and reads them again:

    layouts_oracle.py golden tests/golden/layouts           # rewrites the committed sets
    layouts_oracle.py selfcheck                             # read(make(x)) == x, many times

A line holds `mti`, `field`, `value` (the field as text, hex for binary ones) and `parts`, an object by tags; the second of a tag
has #2.
"""

import argparse
import json
import pathlib
import random
import re
import string
import sys

ALPHABETS = {
    "n": string.digits,
    "a": string.ascii_letters + " ",
    "an": string.ascii_letters + string.digits + " ",
    "ans": string.ascii_letters + string.digits + " .,-/+:!#&",
    "b": "0123456789ABCDEF",
}


class Wrong(Exception):
    """The value is not laid out so."""


class Value:
    """`n6`, `ans..25`, `x+n8`, `b4`, or a class alone: the rest. How it is written in a binary field is `encoding`; text and digits
    are written as their field is."""

    def __init__(self, kind, encoding=None, prefix="ascii"):
        self.content, dots, number = re.fullmatch(r"(x\+n|[a-z]+)(\.*)(\d*)", kind).groups()
        self.prefix_digits, self.length = len(dots), int(number or 0)
        self.is_rest = not number
        self.encoding, self.prefix = encoding or ("raw" if self.content == "b" else "ascii"), prefix

    def random(self, rng, is_last=False):
        if self.content == "x+n":
            return rng.choice("CD") + "".join(rng.choices(string.digits, k=self.length))
        length = self.length
        if self.is_rest:
            length = rng.randint(1, 12)
        elif self.prefix_digits:
            length = rng.randint(0, min(self.length, 20))
        if self.content == "b":
            length *= 2
        return "".join(rng.choices(ALPHABETS[self.content], k=length))

    def write(self, text, is_binary):
        """The value with its length, as text or as bytes."""
        count = len(text) // 2 if self.content == "b" and is_binary else len(text)
        prefix = str(count).zfill(self.prefix_digits) if self.prefix_digits else ""
        if not is_binary:
            return prefix + text
        if self.encoding == "bcd":
            wire = bytes.fromhex(("0" if len(text) % 2 else "") + text)
        elif self.encoding == "raw":
            wire = bytes.fromhex(text)
        else:
            wire = text.encode("ascii")
        return self.written_prefix(prefix) + wire

    def written_prefix(self, prefix):
        if not prefix:
            return b""
        if self.prefix == "bcd":
            return bytes.fromhex(("0" if len(prefix) % 2 else "") + prefix)
        return prefix.encode("ascii")

    def read(self, value, at):
        """The text that begins at a place, and where it ends."""
        is_binary = isinstance(value, bytes)
        if self.is_rest:
            count = len(value) - at
        elif self.prefix_digits:
            width = self.prefix_digits
            if is_binary and self.prefix == "bcd":
                width = (width + 1) // 2
                count = int(value[at : at + width].hex())
            else:
                digits = value[at : at + width]
                count = int(digits.decode("ascii") if is_binary else digits)
            at += width
        else:
            count = self.length + (self.content == "x+n")
            count *= 2 if self.content == "b" and not is_binary else 1
        if not is_binary:
            width, text = count, value[at : at + count]
        elif self.encoding == "bcd":
            width = (count + 1) // 2
            text = value[at : at + width].hex()[count % 2 :]
        elif self.encoding == "raw":
            width, text = count, value[at : at + count].hex().upper()
        else:
            width, text = count, value[at : at + count].decode("ascii")
        if len(value) - at < width:
            raise Wrong("too short")
        return text, at + width


class Sequence:
    """Parts in an order: values, or other sequences. The last `optional` ones may be missing; `repeat` is the most of a group, which
    `counted_by` (the number of a part before) or the end of the value ends."""

    def __init__(self, *parts, optional=0, repeat=None, counted_by=None):
        self.parts, self.optional = parts, optional
        self.repeat, self.counted_by = repeat, counted_by

    def random(self, rng):
        parts = {}
        wanted = len(self.parts) - rng.randint(0, self.optional)
        for place, part in enumerate(self.parts[:wanted], 1):
            if isinstance(part, Value):
                parts[str(place)] = part.random(rng)
                continue
            if part.repeat is None:
                times = 1
            elif part.counted_by:
                times = rng.randint(0, part.repeat)
                counter = self.parts[part.counted_by - 1]
                parts[str(part.counted_by)] = str(times).zfill(counter.length)
            else:
                times = rng.randint(1, part.repeat)
            for occurrence in range(times):
                parts[key(str(place), occurrence)] = part.random(rng)
        return parts

    def write(self, parts, is_binary):
        out = b"" if is_binary else ""
        for place, part in enumerate(self.parts, 1):
            occurrence = 0
            while key(str(place), occurrence) in parts:
                out += part.write(parts[key(str(place), occurrence)], is_binary)
                occurrence += 1
        return out

    def read(self, value, at=0):
        parts = {}
        for place, part in enumerate(self.parts, 1):
            if place > len(self.parts) - self.optional and at == len(value):
                break
            if isinstance(part, Value) or part.repeat is None:
                parts[str(place)], at = part.read(value, at)
                continue
            times = int(parts[str(part.counted_by)]) if part.counted_by else None
            occurrence = 0
            while occurrence < times if times is not None else at < len(value):
                parts[key(str(place), occurrence)], at = part.read(value, at)
                occurrence += 1
        return parts, at


class Inside:
    """A value of some type that has parts itself."""

    repeat = None

    def __init__(self, value, layout):
        self.value, self.layout = value, layout

    def random(self, rng):
        return self.layout.random(rng)

    def write(self, parts, is_binary):
        inner = self.layout.write(parts, is_binary and self.value.encoding == "raw")
        return self.value.write(inner.hex().upper() if isinstance(inner, bytes) else inner, is_binary)

    def read(self, value, at):
        text, at = self.value.read(value, at)
        inner = bytes.fromhex(text) if isinstance(value, bytes) and self.value.encoding == "raw" else text
        parts, end = self.layout.read(inner)
        if end != len(inner):
            raise Wrong("something is left")
        return parts, at


class Tagged:
    """Tag and length of fixed widths, after what leads."""

    def __init__(self, tag, length, tags, leading=()):
        self.tag, self.length, self.tags = tag, length, tags
        self.leading = Sequence(*leading)

    def random(self, rng):
        parts = self.leading.random(rng)
        for tag in rng.sample(sorted(self.tags), rng.randint(1, len(self.tags))):
            parts[tag] = self.tags[tag].random(rng)
        return parts

    def write(self, parts, is_binary):
        out = self.leading.write(parts, is_binary)
        for tag, text in parts.items():
            if tag in self.tags:
                value = self.tags[tag].write(text, is_binary)
                head = tag + str(len(value)).zfill(self.length)
                out += (head.encode("ascii") if is_binary else head) + value
        return out

    def read(self, value, at=0):
        parts, at = self.leading.read(value, at)
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        while at < len(value):
            tag = text[at : at + self.tag]
            count = int(text[at + self.tag : at + self.tag + self.length])
            at += self.tag + self.length
            parts[tag], end = self.tags[tag].read(value[at : at + count], 0)
            if end != count or len(value) - at < count:
                raise Wrong("another length")
            at += count
        return parts, at


class Ber:
    """BER-TLV: tags of one or two bytes, templates walked."""

    TAGS = ["9F26", "9F27", "82", "95", "9C", "9F36", "DF31", "84"]
    TEMPLATES = ["71", "72"]

    def random(self, rng, depth=0):
        parts = {}
        for _ in range(rng.randint(1, 5)):
            is_template = depth < 2 and rng.random() < 0.25
            tag = rng.choice(self.TEMPLATES if is_template else self.TAGS)
            occurrence = 0
            while key(tag, occurrence) in parts:
                occurrence += 1
            if is_template:
                parts[key(tag, occurrence)] = self.random(rng, depth + 1)
            else:
                length = rng.choice([0, 1, 2, 8, 130 if depth == 0 else 3])
                parts[key(tag, occurrence)] = rng.randbytes(length).hex().upper()
        return parts

    def write(self, parts, is_binary=True):
        out = b""
        for tag, inner in parts.items():
            value = self.write(inner) if isinstance(inner, dict) else bytes.fromhex(inner)
            length = bytes([len(value)]) if len(value) < 128 else b"\x81" + bytes([len(value)]) if len(value) < 256 else b"\x82" + len(value).to_bytes(2, "big")
            out += bytes.fromhex(tag.split("#")[0]) + length + value
        return out

    def read(self, value, at=0):
        parts = {}
        while at < len(value):
            width = 2 if value[at] & 0x1F == 0x1F else 1
            tag = value[at : at + width]
            at += width
            count, at = value[at], at + 1
            if count > 0x80:
                count, at = int.from_bytes(value[at : at + (count & 15)], "big"), at + (count & 15)
            inner = value[at : at + count]
            at += count
            name, occurrence = tag.hex().upper(), 0
            while key(name, occurrence) in parts:
                occurrence += 1
            parts[key(name, occurrence)] = self.read(inner)[0] if tag[0] & 0x20 else inner.hex().upper()
        return parts, at


class Bits:
    """A bitmap of eight raw bytes, then its parts."""

    def __init__(self, parts):
        self.parts = parts

    def random(self, rng):
        bits = [bit for bit in self.parts if rng.random() < 0.4] or [min(self.parts)]
        return {str(bit): self.parts[bit].random(rng) for bit in bits}

    def write(self, parts, is_binary):
        bitmap = sum(1 << (64 - int(bit)) for bit in parts).to_bytes(8, "big")
        return bitmap + b"".join(self.parts[int(bit)].write(parts[bit], True) for bit in sorted(parts, key=int))

    def read(self, value, at=0):
        bits = int.from_bytes(value[:8], "big")
        parts, at = {}, 8
        for bit in range(1, 65):
            if bits >> (64 - bit) & 1:
                parts[str(bit)], at = self.parts[bit].read(value, at)
        return parts, at


class Tokens:
    """BASE24: the header counts itself, and its length is that of all."""

    def random(self, rng):
        names = rng.sample(["Q2", "B3", "C4", "XY"], rng.randint(1, 4))
        return {name: Value("ans").random(rng) for name in names}

    def write(self, parts, is_binary):
        tokens = "".join(f"! {name}{len(data):05} {data}" for name, data in parts.items())
        return f"& {len(parts) + 1:05}{len(tokens) + 12:05}{tokens}"

    def read(self, value, at=0):
        if value[:2] != "& " or int(value[7:12]) != len(value):
            raise Wrong("no header")
        parts, at = {}, 12
        while at < len(value):
            count = int(value[at + 4 : at + 9])
            parts[value[at + 2 : at + 4]] = value[at + 10 : at + 10 + count]
            at += 10 + count
        if int(value[2:7]) != len(parts) + 1:
            raise Wrong("another count")
        return parts, at


def key(tag, occurrence):
    return tag if occurrence == 0 else f"{tag}#{occurrence + 1}"


def values(*kinds):
    return [Value(kind) for kind in kinds]


def group(*kinds, **how):
    return Sequence(*values(*kinds), **how)


PROCESSING_CODE = group("n2", "n2", "n2")
ORIGINAL_1987 = group("n4", "n6", "n10", "n11", "n11")
AMOUNTS_1987 = Sequence(group("n2", "n2", "an3", "a1", "n12", repeat=6))
REPLACEMENT = group("n12", "n12", "x+n8", "x+n8")
FEES_1993 = Sequence(group("an2", "an3", "x+n8", "n8", "x+n8", "an3", repeat=6))
FEES_2003 = Sequence(group("an2", "an3", "n1", "x+n8", "n8", "x+n8", "an3", "n1", repeat=6))
AMOUNT_2003 = group("n3", "n1", "n12")
TOTALS = Sequence(group("n12", "n3", "n12", "n3", "n1"), group("n12", "n3", "n12", "n3", "n1"))
BATCH = Sequence(Value("n2"), group("n2", "n6", "n20", "n12", repeat=8, counted_by=1))
PRIVATE_TYPE = group("n2", "n6", "n3", "n1", "n1", "n1", "n3", optional=5)
SUBELEMENTS = Tagged(
    2,
    2,
    {
        "20": Value("ans"),
        "42": Tagged(2, 2, {"01": Inside(Value("n3"), group("n1", "n1", "n1"))}),
        "43": Value("ans"),
        "71": Value("ans"),
        "92": Value("ans"),
        "99": Value("ans"),
    },
    leading=values("an1"),
)
CARD_ACCEPTOR = Bits(
    dict(zip(range(2, 13), values("ans..50", "ans..99", "ans..50", "ans3", "ans10", "ans3", "ans16", "ans16", "ans..30", "ans...255", "ans..99")))
)
POSTILION = Bits(
    dict(
        zip(
            range(2, 26),
            values(
                "ans..32", "ans48", "ans22", "ans73", "n2", "ans..50", "ans...128", "ans...255", "n3", "ans..32", "ans..25", "ans17", "ans8",
                "ans..29", "ans1", "ans..50", "ans..50", "ans45", "n8", "ans..12", "ans.....65535", "ans253", "ans..28", "ans....8000",
            ),
        )
    )
)
KEYS = {length: group(*kinds) for length, kinds in {24: ["b8", "b4"] * 2, 40: ["b16", "b4"] * 2, 60: ["b16", "b4"] * 3}.items()}
POS_DATA = group("n1", "n1", "n1", "n1", "n1", "n1", "n1", "n1", "n1", "n1", "n1", "n2", "n3", "ans", optional=3)

# Dialect, message type, field, form (text or bytes), layout.
CASES = [
    *[("iso87-ascii", "0200", *case) for case in [(3, "text", PROCESSING_CODE), (22, "text", group("n2", "n1")), (54, "text", AMOUNTS_1987), (55, "bytes", Ber()), (90, "text", ORIGINAL_1987), (95, "text", REPLACEMENT)]],
    *[("iso87-bcd", "0200", *case) for case in [(3, "text", PROCESSING_CODE), (22, "text", group("n2", "n1")), (55, "bytes", Ber()), (90, "text", ORIGINAL_1987)]],
    *[("iso87-ebcdic", "0200", *case) for case in [(54, "text", AMOUNTS_1987), (90, "text", ORIGINAL_1987), (95, "text", REPLACEMENT)]],
    *[(name, "1200", *case) for name in ["iso93-ascii", "iso93-binary"] for case in [(22, "text", group(*["an1"] * 12)), (30, "text", group("n12", "n12")), (46, "text", FEES_1993), (55, "bytes", Ber()), (56, "text", group("n4", "n6", "n12", "n..11")), (66, "text", FEES_1993)]],
    *[
        ("iso2003-cmf", "2200", *case)
        for case in [
            (4, "text", AMOUNT_2003),
            (8, "text", group("n3", "n1", "n8")),
            (18, "text", Sequence(group("n2", "n4", "n3", "n2", "an1", "an2", repeat=10))),
            (21, "text", group("an1", "an15", "n2", "n4")),
            (22, "bytes", group("b4", "b4", "b4", "b4")),
            (30, "text", Sequence(Inside(Value("n16"), AMOUNT_2003), Inside(Value("n16"), AMOUNT_2003))),
            (31, "text", group("n1", "n6", "n4", "n11", "n1")),
            (43, "bytes", CARD_ACCEPTOR),
            (46, "text", FEES_2003),
            (54, "text", Sequence(group("n2", "n2", "an3", "n1", "a1", "n12", repeat=6))),
            (74, "text", group(*["n16", "n10"] * 6)),
        ]
    ],
    ("unionpay-pos", "0510", 48, "text", TOTALS),
    ("unionpay-pos", "0320", 48, "text", BATCH),
    ("unionpay-pos", "0320", 48, "text", group("n4")),
    ("unionpay-pos", "0200", 53, "text", group("n1", "n1", "n1", "n13")),
    ("unionpay-pos", "0200", 60, "text", PRIVATE_TYPE),
    ("unionpay-pos", "0200", 61, "text", group("n6", "n6", "n4", optional=1)),
    *[("unionpay-pos", "0810", 62, "bytes", keys) for keys in KEYS.values()],
    ("unionpay-pos", "0800", 63, "bytes", group("ans3", "b", optional=1)),
    ("mastercard-like", "0100", 48, "text", SUBELEMENTS),
    ("mastercard-like", "0100", 61, "text", POS_DATA),
    ("mastercard-like", "0420", 95, "text", group("n12", "n12", "n12", "n6")),
    ("base24-pos", "0200", 63, "text", Tokens()),
    ("base24-pos", "0200", 126, "text", Tokens()),
    ("postilion", "0200", 127, "bytes", POSTILION),
]


def cases(dialect, count, seed):
    rng = random.Random(f"{dialect}/{seed}")
    for name, mti, field, form, layout in CASES:
        if name == dialect:
            for _ in range(count):
                parts = layout.random(rng)
                yield mti, field, layout, parts, layout.write(parts, form == "bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    golden = commands.add_parser("golden")
    golden.add_argument("folder", type=pathlib.Path)
    for command, count in ((golden, 12), (commands.add_parser("selfcheck"), 200)):
        command.add_argument("--count", type=int, default=count)
        command.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for dialect in dict.fromkeys(case[0] for case in CASES):
        lines = []
        for mti, field, layout, parts, value in cases(dialect, args.count, args.seed):
            read, end = layout.read(value)
            assert (read, end) == (parts, len(value)), (dialect, field, parts, read)
            text = value.hex().upper() if isinstance(value, bytes) else value
            lines.append(json.dumps({"mti": mti, "field": field, "value": text, "parts": parts}, separators=(",", ":")))
        if args.command == "golden":
            args.folder.mkdir(parents=True, exist_ok=True)
            (args.folder / f"{dialect}.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        print(f"{dialect}: {len(lines)} values")


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    main()
