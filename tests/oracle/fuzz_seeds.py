#!/usr/bin/env python3
"""Writes the inputs that the fuzzers start from, one folder a target, from the golden messages and the malformed suite.

    tests/oracle/fuzz_seeds.py target/fuzz-seeds

What the fuzzers keep of them after minimising is committed in fuzz/corpus.
"""

import hashlib
import itertools
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden"
# The places of the dialects in tests/fuzz-targets/src/dialects.rs: these, then the packs as the library lists them.
FIRST = ["iso87-ascii", "iso87-mixed", "iso87-bcd", "iso87-ebcdic", "unionpay-pos"]
LIBRARY = (ROOT / "crates/iso8583/src/dialect.rs").read_text(encoding="utf-8")
PACKS = re.search(r"const PACK_NAMES: [^=]*= \[(.*?)\];", LIBRARY, re.DOTALL)
DIALECTS = FIRST + re.findall(r'"([^"]+)"', PACKS.group(1))
KINDS = ["binary-2", "binary-2-inclusive", "binary-4", "ascii-4", "bcd-2"]

# A field with one knob turned, and a value of it.
KNOBS = [
    ('type = "n....9", encoding = "ebcdic", prefix = "ebcdic"', "F0F0F0F3F1F2F3"),
    ('type = "n..19", prefix = "binary2"', "000F0411111111111111"),
    ('type = "n..18", prefix = "binary1", counts = "bytes"', "021234"),
    ('type = "ans..9", prefix = "ascii", counts = "element"', "30344142"),
    ('type = "b..9", encoding = "hex", prefix = "bcd", counts = "element"', "034131"),
    ('type = "n..19", prefix = "bcd", filler = "F", pad = "right", counts = "bytes"', "02123F"),
    ('type = "z..37", prefix = "binary1", filler = "F", pad = "right", counts = "element"', "041D345F"),
    ('type = "n3", filler = "F"', "F051"),
    ('type = "an5", encoding = "ascii", fill = " ", fill_side = "left", strip = true', "2020204142"),
    ('type = "ans4", encoding = "ebcdic-037", fill = "[", strip = true', "C15ABABA"),
    ('type = "n6", fill = "0", strip = true', "000042"),
    ('type = "ans..9", encoding = "ebcdic-1047", prefix = "binary1"', "03AD5A4F"),
]

# Kinds of header, and one of each.
HEADERS = [
    ("fixed", "0011"),
    ("tpdu", "6000030000603100310100"),
    ("base24", b"ISO025000010".hex()),
    ("visa", "16010200281234567890120000000000000000000000"),
]


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def seeds():
    """Pairs of target and input."""
    suite = lines(GOLDEN / "malformed/suite.jsonl")
    for place, name in enumerate(DIALECTS):
        # Long ones cost time and teach nothing.
        golden = [message for message in lines(GOLDEN / f"oracle/{name}.jsonl") if len(message["hex"]) < 800][:60]
        for index, message in enumerate(golden):
            data = bytes.fromhex(message["hex"])
            yield "decode", bytes([place]) + data
            yield "explain", bytes([place]) + data
            if index % 20 == 0:
                yield "detect", bytes([index % 4]) + bytes(index % 4) + data
            yield "layouts", bytes([0, place]) + data
            for number, value in message.get("fields", {}).items():
                if index % 10 == 0 and 40 < int(number) < 128:
                    yield "layouts", bytes([1 + index % 8, place, int(number)]) + value.encode("latin-1")
            yield "transcode", bytes([place, index % len(DIALECTS)]) + data
            line = {key: value for key, value in message.items() if key != "hex"}
            yield "json", bytes([place]) + json.dumps(line, ensure_ascii=False).encode()
            kind = index % len(KINDS)
            if kind != 4:
                length = len(data) + (2 if kind == 1 else 0)
                prefix = str(length).zfill(4).encode() if kind == 3 else length.to_bytes(4 if kind == 2 else 2, "big")
                frame = prefix + data
                yield "framing", bytes([kind + 5 * (index % 3), index]) + frame[:200] * 2
    for path in sorted((GOLDEN / "unionpay").glob("*.jsonl")):
        for message in lines(path):
            data = bytes.fromhex(message["framed_hex"])[2:] if "framed_hex" in message else bytes.fromhex(message["hex"])
            yield "decode", b"\4" + data
            yield "explain", b"\4" + data
            yield "transcode", b"\4\2" + data
    for _, cases in itertools.groupby(suite, key=lambda case: case["class"]):
        for case in itertools.islice(cases, 6):
            data = bytes.fromhex(case["hex"])
            place = DIALECTS.index(case["dialect"])
            if "framing" in case:
                kind = KINDS.index(case["framing"]["kind"])
                yield "framing", bytes([kind + 10 + 15 * case["framing"]["tpdu"], 0x21]) + data
            else:
                yield "decode", bytes([place]) + data
                yield "explain", bytes([place]) + data
            if case["layer"] == "icc" and case["dialect"] != "iso87-ascii":
                yield "tlv", data[max(case["expected"]["offset"] - 8, 0) :]
    for message in lines(GOLDEN / "unionpay/constructed.jsonl") + lines(GOLDEN / "unionpay/sanitized.jsonl"):
        if "55" in message.get("fields", {}):
            yield "tlv", bytes.fromhex(message["fields"]["55"])
    tags = ["9F2608A1B2C3D4E5F60718", "9F270180", "5A084111111111111111", "5F3401018407A0000000031010", "700A5A084111111111111111", "77819F2701800000", "DF810101AA", "9F33E0F8C8"]
    for count in range(1, len(tags) + 1):
        yield "tlv", bytes.fromhex("".join(tags[:count]))
    for path in sorted((ROOT / "crates/iso8583/dialects").glob("*.toml")):
        yield "dialect", path.read_bytes()
    for dialect in ("iso87-ascii", "iso87-bcd", "unionpay-pos"):
        head = f'name = "x"\nextends = "{dialect}"\n'
        for body in (
            '[fields]\n48 = { type = "b...255" }\n22 = { pad = "right" }\n',
            '[message]\nheader = "6000030000"\ntpdu = true\nmti = "ebcdic"\nbitmap = "hex"\nsecondary_bitmap = true\n',
            '[defaults]\ndigits = "ebcdic"\ntext = "ebcdic"\nprefix = "bcd"\nbinary = "raw"\npad = "left"\n',
            '[response_codes]\nformat_error = "30"\n',
            "echo = [3, 11]\n[fields]\n50 = false\n",
            '[fields]\n2 = { name = "P", type = "n..19", sensitive = "pan", encoding = "bcd", prefix = "ascii" }\n',
        ):
            yield "dialect", (head + body).encode() + b"\0" + bytes.fromhex("0200" + "2000000000000000" + "123456")
            yield "dialect", (head + body).encode()
    # One mistake each; what stands behind the NUL is what a text extends, if it extends a file.
    broken = (ROOT / "crates/iso8583/tests/broken_dialects.txt").read_text(encoding="utf-8").split("=== ")[1:]
    for case in broken:
        texts = case.split("\n", 1)[1].split("---\n")[0].split("+++ ")
        parents = [text.split("\n", 1)[1] for text in texts[1:]]
        yield "dialect", "\0".join(texts[:1] + parents[:1]).encode()
    house = 'name = "h"\nextends = "unionpay-pos"\n[fields]\n48 = false\n[messages]\n"0200" = { mandatory = [35] }\n'
    yield "dialect", ('name = "x"\nextends = "h.toml"\n[fields]\n2 = { pad = "left" }\n\0' + house).encode()
    rules = '"0[12]x0, 0420" = { mandatory = [3, 11], optional = [41], echoed = [4] }\n"0210" = { echoed = [] }\n'
    when = '[{ present = [2] }, { absent = [35, 36] }, { field = 22, starts_not = ["05", "07"] }]'
    rules += f'[messages."0200"]\nwhy = "w"\nconditional = [{{ fields = [55], demand = "forbidden", when = {when}, why = "y" }}]\n'
    yield "dialect", f'name = "x"\nextends = "iso87-bcd"\n[messages]\n{rules}'.encode()
    for kind, header in HEADERS:
        toml = f'name = "headers"\nextends = "iso87-mixed"\n[message]\nheader = "{header}"\nheader_kind = "{kind}"\n'
        yield "dialect", toml.encode() + b"\0" + bytes.fromhex(header) + b"0200" + bytes.fromhex("0020000000000000") + b"000042"
    for field, wire in KNOBS:
        toml = f'name = "knobs"\nextends = "iso87-bcd"\n[fields]\n2 = {{ name = "Value", {field} }}\n'
        yield "dialect", toml.encode() + b"\0" + bytes.fromhex("02004000000000000000" + wire)


def main():
    folder = pathlib.Path(sys.argv[1])
    for target, data in seeds():
        (folder / target).mkdir(parents=True, exist_ok=True)
        (folder / target / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)


if __name__ == "__main__":
    main()
