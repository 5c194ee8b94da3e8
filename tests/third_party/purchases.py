"""Purchases through the switch, with pyiso8583 as the terminal and as the bank.

The terminal speaks packed BCD with binary bitmaps over two-byte lengths, the
bank ASCII with hex bitmaps over four-digit lengths. Every purchase must come
back with the terminal's own fields and the bank's answer.
"""

import copy
import json
import random
import socket
import subprocess
import sys
import tempfile
import threading

import iso8583
from iso8583.specs import default_ascii

PURCHASES = 200
SEED = 8583


def fields_of(spec, fields, **knobs):
    for field in fields:
        spec[field].update(knobs)


def terminal_spec():
    """iso87-bcd: numeric and track fields packed, odd counts with a leading 0."""
    spec = copy.deepcopy(default_ascii)
    packed = {"data_enc": "b", "left_pad": "0"}
    spec["t"].update(data_enc="b")
    spec["p"].update(data_enc="b")
    spec["1"].update(data_enc="b")
    for field, knobs in spec.items():
        if field in ("h", "t", "p", "1"):
            continue
        if knobs["len_type"]:
            # Two or three digits of BCD: one or two bytes.
            knobs["len_enc"] = "bcd"
            knobs["len_type"] -= 1
    fields_of(
        spec,
        ["2", "3", "4", "7", "11", "12", "13", "14", "18", "22", "25", "70"],
        **packed,
        len_count="nibbles",
    )
    fields_of(spec, ["52", "55"], data_enc="b")
    spec["52"].update(max_len=8)
    spec["55"].update(max_len=999, len_type=2)
    return spec


def bank_spec():
    """iso87-ascii: everything printable."""
    spec = copy.deepcopy(default_ascii)
    # Binary fields as hex text; a length counts characters.
    spec["52"].update(data_enc="ascii", max_len=16)
    spec["55"].update(data_enc="ascii", max_len=998, len_type=3)
    return spec


def receive(stream, count):
    data = b""
    while len(data) < count:
        piece = stream.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


class Bank(threading.Thread):
    """Approves even amounts, declines odd ones with 51."""

    def __init__(self):
        super().__init__(daemon=True)
        self.spec = bank_spec()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.purchases = []
        self.signed_on = threading.Event()

    def run(self):
        stream, _ = self.listener.accept()
        try:
            while True:
                request, _ = iso8583.decode(receive(stream, int(receive(stream, 4))), self.spec)
                answer = self.answer(request)
                body, _ = iso8583.encode(answer, self.spec)
                stream.sendall(b"%04d" % len(body) + body)
                if request["t"] == "0800" and request["70"] == "001":
                    self.signed_on.set()
        except EOFError:
            pass

    def answer(self, request):
        answer = {"t": "0810" if request["t"] == "0800" else "0210", "39": "00"}
        for field in ("3", "4", "7", "11", "12", "13", "41", "42", "49", "70"):
            if field in request:
                answer[field] = request[field]
        if request["t"] == "0200":
            self.purchases.append(request)
            answer["37"] = "%012d" % len(self.purchases)
            if int(request["4"]) % 2:
                answer["39"] = "51"
            else:
                answer["38"] = "OK%04d" % (len(self.purchases) % 10_000)
        return answer


def config(bank):
    return f"""
[[listener]]
name = "pos"
bind = "127.0.0.1:0"
framing = "binary-2"
dialect = "iso87-bcd"

[[link]]
name = "bank"
connect = ["{bank}"]
framing = "ascii-4"
dialect = "iso87-ascii"
sign_on = true

[[route]]
bin = ["4"]
link = "bank"
"""


def purchase(rng, number):
    return {
        "t": "0200",
        "2": "4111111111111111",
        "3": "000000",
        "4": "%012d" % rng.randrange(1, 10**10),
        "7": "1124%06d" % rng.randrange(0, 235959),
        "11": "%06d" % (number + 1),
        "12": "101530",
        "13": "1124",
        "14": "3012",
        "18": "%04d" % rng.randrange(10_000),
        "22": "051",
        "25": "00",
        "41": "TERM%04d" % rng.randrange(10_000),
        "42": "MERCHANT%07d" % rng.randrange(10**7),
        "49": "978",
        "52": "%016X" % rng.randrange(16**16),
        "55": "9F2608%016X9F360200%02X" % (rng.randrange(16**16), number % 256),
    }


def check(condition, text):
    if not condition:
        sys.exit(f"third party: {text}")


def main(binary):
    rng = random.Random(SEED)
    bank = Bank()
    bank.start()
    spec = terminal_spec()
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(config(bank.address))
        file.flush()
        switch = subprocess.Popen(
            [binary, "serve", "--log-format", "json", "--config", file.name],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            address = None
            for line in switch.stderr:
                if line.startswith("{"):
                    record = json.loads(line)
                    if record["message"] == "listening":
                        address = record["address"].rsplit(":", 1)
                    if record.get("to") == "signed_on":
                        break
            check(address is not None, "the switch does not listen")
            threading.Thread(target=switch.stderr.read, daemon=True).start()
            stream = socket.create_connection((address[0], int(address[1])))
            for number in range(PURCHASES):
                sent = purchase(rng, number)
                body, _ = iso8583.encode(dict(sent), spec)
                stream.sendall(len(body).to_bytes(2, "big") + bytes(body))
                length = int.from_bytes(receive(stream, 2), "big")
                answer, _ = iso8583.decode(receive(stream, length), spec)
                check(answer["t"] == "0210", f"purchase {number}: {answer['t']}")
                for field in ("3", "4", "7", "11", "12", "13", "41", "42", "49"):
                    check(
                        answer[field] == sent[field],
                        f"purchase {number}, field {field}: sent {sent[field]!r}, back {answer[field]!r}",
                    )
                expected = "51" if int(sent["4"]) % 2 else "00"
                check(answer["39"] == expected, f"purchase {number}: {answer['39']}")
                seen = bank.purchases[-1]
                for field in sent:
                    if field != "11":
                        check(
                            seen[field] == sent[field],
                            f"purchase {number}, field {field}: sent {sent[field]!r}, the bank saw {seen[field]!r}",
                        )
            switch.terminate()
            check(switch.wait(timeout=20) == 0, "the switch did not drain")
        finally:
            switch.kill()
    print(f"third party: {PURCHASES} purchases, {sum(int(p['4']) % 2 for p in bank.purchases)} declined, all as they should be")


if __name__ == "__main__":
    main(sys.argv[1])
