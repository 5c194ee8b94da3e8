#!/usr/bin/env python3
"""Holds the oracle against pyiso8583, a third party's codec (PyPI, MIT): the same bytes, the same values.

    pip install pyiso8583==4.0.1
    against_pyiso8583.py [--count 2000] [--seed 1]

pyiso8583 checks lengths and charsets but no content classes, so only valid messages are compared.
"""

import argparse

import iso8583

import iso8583_oracle as oracle


def specification(dialect):
    """The dialect in pyiso8583's terms. (It writes hex characters in upper case, as `b` fields in hex text need.)"""
    text = "ascii" if dialect.text == "latin-1" else dialect.text
    lengths = "bcd" if dialect.packed else text

    def entry(encoding, prefix_digits, maximum, **more):
        prefix_bytes = (prefix_digits + 1) // 2 if dialect.packed else prefix_digits
        return {"data_enc": encoding, "len_enc": lengths, "len_type": prefix_bytes, "max_len": maximum, "desc": "", **more}

    bitmap = entry("ascii", 0, 16) if dialect.hex_binary else entry("b", 0, 8)
    spec = {
        "h": entry("b", 0, len(dialect.header)),
        "t": entry("b", 0, 2) if dialect.packed else entry(text, 0, 4),
        "p": bitmap,
        "1": bitmap,
    }
    for number, kind in dialect.fields.items():
        if kind.content == "b" and dialect.hex_binary:
            maximum = kind.length if kind.prefix_digits else kind.length * 2
            spec[str(number)] = entry("ascii", kind.prefix_digits, maximum)
        elif kind.content == "b":
            spec[str(number)] = entry("b", kind.prefix_digits, kind.length)
        elif dialect.is_packed(number):
            side = "right_pad" if number in dialect.right_pad else "left_pad"
            spec[str(number)] = entry("b", kind.prefix_digits, kind.length, len_count="nibbles", **{side: "0"})
        else:
            spec[str(number)] = entry(text, kind.prefix_digits, kind.length)
    return spec


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for dialect in oracle.DIALECTS.values():
        if dialect.kind != "fixed" or dialect.binary_prefix:
            # Headers of a varying length and digits counted in binary are beyond it.
            continue
        spec = specification(dialect)
        for message, data in oracle.messages(dialect, args.count, args.seed):
            theirs, _ = iso8583.decode(data, spec)
            fields = {key: value for key, value in theirs.items() if key not in ("h", "t", "p", "1")}
            assert theirs["t"] == message["mti"], (dialect.name, message, theirs)
            assert theirs.get("h", "") == message.get("header", ""), (dialect.name, message, theirs)
            assert fields == message["fields"], (dialect.name, message, theirs)
            document = {"t": message["mti"], **message["fields"]}
            if dialect.header:
                document["h"] = message["header"]
            written, _ = iso8583.encode(document, spec)
            assert written == data, (dialect.name, message, written.hex(), data.hex())
        print(f"{dialect.name}: {args.count} messages, both ways the same as pyiso8583")


if __name__ == "__main__":
    main()
