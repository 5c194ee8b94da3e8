#!/usr/bin/env python3
"""Holds the command `pointsman` against the oracle: field for field, byte for byte, error for error.

    cargo build --release
    tests/oracle/against_pointsman.py [--pointsman target/release/pointsman] [--count 2000] [--seed 7]

For each dialect: random messages through `decode --json --unmask` and `encode`, and spoiled ones, where both must refuse
the same messages at the same byte of the same field.
"""

import argparse
import json
import random
import subprocess
import sys

import iso8583_oracle as oracle


def run(pointsman, arguments, lines):
    """One line in, one line out."""
    text = "".join(line + "\n" for line in lines)
    done = subprocess.run([pointsman, *arguments], input=text.encode(), capture_output=True, check=False)
    out = done.stdout.decode().splitlines()
    if len(out) != len(lines):
        sys.exit(f"{' '.join(arguments)}: {len(lines)} lines in, {len(out)} out; {done.stderr.decode()[:500]}")
    return out, done.returncode


class Tally:
    def __init__(self, name):
        self.name, self.count, self.wrong = name, 0, []

    def compare(self, what, ours, theirs):
        self.count += 1
        if ours != theirs:
            self.wrong.append(f"{what}\n    oracle    {ours}\n    pointsman {theirs}")

    def report(self):
        print(f"{self.name}: {self.count} compared, {len(self.wrong)} different")
        for text in self.wrong[:5]:
            print("  " + text)


def decoded(line):
    """What a line of `decode --json` says: the message, or where it breaks."""
    value = json.loads(line)
    # Whether a message is complete by its dialect's rules is nothing that its bytes say.
    value.pop("presence", None)
    if "error" in value:
        return {"broken": (value["error"]["offset"], value["error"]["field"])}
    return value


def check(pointsman, dialect, count, seed):
    valid = list(oracle.messages(dialect, count, seed))
    hexes = [data.hex().upper() for _, data in valid]

    decode = Tally(f"{dialect.name} decode")
    out, code = run(pointsman, ["decode", "--json", "--unmask", "--dialect", dialect.name], hexes)
    for (message, _), text, line in zip(valid, hexes, out):
        decode.compare(text, message, decoded(line))
    decode.compare("exit code", 0, code)

    encode = Tally(f"{dialect.name} encode")
    lines = [json.dumps(message, ensure_ascii=False) for message, _ in valid]
    out, code = run(pointsman, ["encode", "--dialect", dialect.name], lines)
    for text, line, written in zip(hexes, lines, out):
        encode.compare(line, text, written)
    encode.compare("exit code", 0, code)

    spoiled = Tally(f"{dialect.name} spoiled")
    rng = random.Random(f"{dialect.name}/{seed}/spoiled")
    broken = [oracle.broken(dialect, data, rng) for _, data in valid]
    broken = [data for data in broken if data]
    out, code = run(pointsman, ["decode", "--json", "--unmask", "--dialect", dialect.name], [data.hex() for data in broken])
    for data, line in zip(broken, out):
        try:
            expected = oracle.decode(dialect, data)
        except oracle.Broken as error:
            expected = {"broken": (error.offset, error.field)}
        spoiled.compare(data.hex().upper(), expected, decoded(line))
    spoiled.compare("exit code", 65, code)

    tallies = [decode, encode, spoiled]
    for tally in tallies:
        tally.report()
    return sum(len(tally.wrong) for tally in tallies)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pointsman", default="target/release/pointsman")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    wrong = sum(check(args.pointsman, dialect, args.count, args.seed) for dialect in oracle.DIALECTS.values())
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
