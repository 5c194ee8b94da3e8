#!/usr/bin/env python3
"""Tries the generated Wireshark dissectors in tshark: every field must read as `pointsman decode` reads it.

    apt-get install tshark
    cargo build && python3 tests/wireshark/try.py target/debug/pointsman

For each built-in dialect a purchase is encoded, framed in each way, cut into TCP segments (so that tshark has to put them
together), and dissected by the dialect's own script. Needs tshark with Lua; nothing in `cargo test` does.
"""

import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

FIELDS = {
    "2": "4111111111111111", "3": "000000", "4": "000000001000", "7": "1124141500", "11": "000042", "12": "141500",
    "13": "1124", "14": "3012", "22": "051", "25": "00", "35": "4111111111111111=30122010000000000",
    "37": "632814000123", "41": "TERM0001", "42": "MERCHANT0000001", "49": "978", "52": "0123456789ABCDEF",
    "70": "301", "90": "0" * 42, "102": "ACCOUNT-1",
}
FRAMINGS = {
    "binary-2": lambda n: struct.pack(">H", n),
    "binary-2-inclusive": lambda n: struct.pack(">H", n + 2),
    "binary-4": lambda n: struct.pack(">I", n),
    "ascii-4": lambda n: b"%04d" % n,
    "bcd-2": lambda n: bytes.fromhex("%04d" % n),
}
# A message of another edition than its dialect's may be read out of step: `decode` hides more of it than the dissector, which
# looks at one field at a time.
MESSAGE_TYPES = {"iso93": "1200", "iso2003": "2200"}
SECRETS = ["4111111111111111", "30122010000000000", "0123456789ABCDEF"]


def run(*args, stdin=""):
    return subprocess.run(args, input=stdin, capture_output=True, text=True)


def checksum_free_packet(sequence, payload):
    """Ethernet, IPv4 and TCP; tshark does not verify checksums unless it is told to."""
    tcp = struct.pack(">HHIIBBHHH", 40000, 8583, sequence, 1, 5 << 4, 0x18, 65535, 0, 0)
    total = 20 + len(tcp) + len(payload)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, total, 0, 0, 64, 6, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    return b"\x02" * 6 + b"\x04" * 6 + b"\x08\x00" + ip + tcp + payload


def capture(stream):
    out = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
    for at in range(0, len(stream), 50):
        packet = checksum_free_packet(1 + at, stream[at:at + 50])
        out += struct.pack("<IIII", 0, at, len(packet), len(packet)) + packet
    return out


def encode(pointsman, dialect):
    """The purchase in as many of its fields as the dialect has."""
    fields = dict(FIELDS)
    message_type = MESSAGE_TYPES.get(dialect.split("-")[0], "0200")
    while True:
        message = json.dumps({"mti": message_type, "fields": fields})
        ran = run(pointsman, "encode", "--dialect", dialect, stdin=message)
        if ran.returncode == 0:
            return ran.stdout.strip()
        number = str(json.loads(ran.stdout)["error"]["field"])
        if number == "35" and "=" in fields["35"]:
            fields["35"] = fields["35"].replace("=", "D")
        elif number in fields:
            del fields[number]
        else:
            sys.exit(f"{dialect}: {ran.stdout}")


def check(pointsman, dialect, folder):
    script = folder / f"{dialect}.lua"
    script.write_text(run(pointsman, "dialects", dialect, "--wireshark").stdout)
    hex_text = encode(pointsman, dialect)
    prefix = "iso8583_" + dialect.replace("-", "_")
    count = 0
    for unmask in (False, True):
        args = ["--unmask"] if unmask else []
        decoded = run(pointsman, "decode", "--dialect", dialect, "--json", *args, hex_text)
        expected = json.loads(decoded.stdout)["fields"]
        for place, (framing, length) in enumerate(FRAMINGS.items()):
            for tpdu in (False, True):
                body = (bytes.fromhex("6000030000") if tpdu else b"") + bytes.fromhex(hex_text)
                recording = folder / "recording.pcap"
                recording.write_bytes(capture((length(len(body)) + body) * 2))
                options = [f"framing:{framing}", f"tpdu:{str(tpdu).upper()}", f"unmask:{str(unmask).upper()}"]
                command = ["tshark", "-r", str(recording), "-X", f"lua_script:{script}", "-T", "json"]
                for option in options:
                    command += ["-o", f"{prefix}.{option}"]
                ran = run(*command)
                if ran.returncode != 0:
                    sys.exit(f"{dialect} {framing}: {ran.stderr}")
                found = list(messages(json.loads(ran.stdout), prefix))
                what = f"{dialect} {framing} tpdu={tpdu} unmask={unmask}"
                if len(found) != 2:
                    sys.exit(f"{what}: {len(found)} messages instead of 2\n{ran.stdout[-3000:]}")
                for message in found:
                    values = {key.removeprefix(prefix + ".f"): value for key, value in message.items()
                              if key.startswith(prefix + ".f")}
                    if values != expected or f"{prefix}.malformed" in json.dumps(message):
                        sys.exit(f"{what}:\n expected {expected}\n found    {values}\n{json.dumps(message, indent=1)}")
                    count += len(values)
                if not unmask:
                    whole = json.dumps(found)
                    for secret in SECRETS:
                        if secret in whole:
                            sys.exit(f"{what}: shows {secret}")
    print(f"{dialect}: {count} fields agree")


def messages(packets, prefix):
    """What the dissector made of each message; several in one packet become a list."""
    for packet in packets:
        layers = packet["_source"]["layers"].get(prefix, [])
        yield from layers if isinstance(layers, list) else [layers]


def main():
    pointsman = sys.argv[1] if len(sys.argv) > 1 else "pointsman"
    names = sys.argv[2:] or [line.split()[0] for line in run(pointsman, "dialects").stdout.splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        for dialect in names:
            check(pointsman, dialect, Path(folder))


if __name__ == "__main__":
    main()
