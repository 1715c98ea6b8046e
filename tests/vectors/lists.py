#!/usr/bin/env python3
"""Reads the snapshots in lists/ and says what they say, from the tables at `Segment` and `Manifest` alone: nothing of the
crate's code is used. Signatures are left alone; every rule of the layout that a writer must keep is asserted.

    python3 tests/vectors/lists.py > tests/vectors/lists.json
"""

import base64
import hashlib
import itertools
import json
import math
import pathlib
import struct

from ids import target_id

ISSUER = "https://issuer.example"
HERE = pathlib.Path(__file__).parent / "lists"
KINDS = ["outright", "cutoff", "minimum"]
WORD = 2**64 - 1


def base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def bits(data, at, width):
    """Bits are counted from the least significant of the first byte."""
    return int.from_bytes(data, "little") >> at & ((1 << width) - 1)


def mix(number):
    number = (number + 0x9E3779B97F4A7C15) & WORD
    number = ((number ^ number >> 30) * 0xBF58476D1CE4E5B9) & WORD
    number = ((number ^ number >> 27) * 0x94D049BB133111EB) & WORD
    return number ^ number >> 31


class Segment:
    def __init__(self, data):
        magic, version, kind, self.p, self.r, self.n, self.cells, self.shard, self.v, structure, self.seed, zero, self.base = (
            struct.unpack("<4sBBBBIIIBBBBq", data[:32]))
        assert (magic, version, zero) == (b"RVOC", 3, 0)
        assert self.p <= 16 and self.shard < 2**self.p and 1 <= self.r <= 64 and self.v <= 54
        assert 1 <= self.n and (self.n + 1) // 2 <= self.cells <= 2 * self.n + 2
        self.kind, self.is_ribbon, body = KINDS[kind], structure == 1, data[32:]
        assert structure in (0, 1) and (self.is_ribbon or self.seed == 0)
        assert self.kind != "outright" or (self.v, self.base) == (0, 0)
        if self.is_ribbon:
            self.read_slots(body)
        else:
            self.read_quotients(body)

    def read_quotients(self, body):
        n, b, at = self.n, self.cells, 0

        def take(length):
            nonlocal at
            at += length
            return body[at - length:at]

        blocks = [take(34) for _ in range(math.ceil(b / 128))]
        remainders, values = take(math.ceil(n * self.r / 8)), take(math.ceil(n * self.v / 8))
        crowds = [struct.unpack("<II", take(8)) for _ in range((len(body) - at - 8) // 8)]
        assert crowds == sorted(set(crowds)) and all(entries >= 8 for _, entries in crowds)
        assert take(8) == bytes(8) and at == len(body)
        crowds, self.entries, share, index = dict(crowds), {}, (n << 32) // b, 0
        remainder = lambda nth: bits(remainders, nth * self.r, self.r)
        value = lambda nth: self.base + bits(values, nth * self.v, self.v)
        for k, block in enumerate(blocks):
            counts = [bits(block[:16] + block[18:], 2 * nth, 2) for nth in range(128)]
            assert not any(counts[b - 128 * k:])
            middle, = struct.unpack("<h", block[16:18])
            assert index + sum(counts[:64]) == ((128 * k + 64) * share >> 32) + middle
            further = index + sum(counts)
            for bucket, count in enumerate(counts, 128 * k):
                found, others = list(range(index, index + count)), 0
                index += count
                if count == 3:
                    order = [sorted(map(remainder, found)).index(remainder(nth)) for nth in found]
                    others = list(itertools.permutations(range(3))).index(tuple(order))
                    if others == 5:
                        others = crowds.pop(bucket) - 3
                    found.sort(key=remainder)
                else:
                    assert found == sorted(found, key=remainder)
                for nth in found + list(range(further, further + others)):
                    assert not self.entries or next(reversed(self.entries)) < (bucket, remainder(nth))
                    self.entries[bucket, remainder(nth)] = value(nth)
                further += others
            index = further
        assert index == n and not crowds
        assert bits(remainders, n * self.r, 8) == 0 and bits(values, n * self.v, 8) == 0
        if self.kind != "outright":
            least, most = min(self.entries.values()), max(self.entries.values())
            assert least == self.base and self.v == (most - least).bit_length()

    def read_slots(self, body):
        assert self.kind == "outright" and self.cells % 128 == 0
        assert len(body) == self.cells // 128 * self.r * 16
        self.columns = [int.from_bytes(body[at:at + 16], "little") for at in range(0, len(body), 16)]

    def rest(self, ident):
        """What follows the bits that all ids share, as a number of 128 bits; nothing where those are others."""
        number = int.from_bytes(ident, "big")
        if number >> (128 - self.p) != self.shard:
            return None
        return number << self.p & (2**128 - 1)

    def get(self, ident):
        rest = self.rest(ident)
        if rest is None:
            return None
        if self.is_ribbon:
            return 0 if self.has(rest >> 64) else None
        # In units of 2^-96.
        scaled = (rest >> 32) * self.cells
        bucket, fraction = scaled >> 96, scaled & (2**96 - 1)
        return self.entries.get((bucket, fraction >> (96 - self.r)))

    def has(self, h):
        start = h * (self.cells - 127) >> 64
        x = mix(h ^ self.seed * 0x9E3779B97F4A7C15 & WORD)
        y = mix(x)
        picked, fingerprint = (x << 64 | y) | 1, mix(y) >> (64 - self.r)
        for bit in range(self.r):
            parity = 0
            for nth in range(128):
                slot = start + nth
                column = self.columns[slot // 128 * self.r + bit] if picked >> nth & 1 else 0
                parity ^= column >> slot % 128 & 1
            if parity != fingerprint >> bit & 1:
                return False
        return True


class Snapshot:
    def __init__(self, folder):
        header, payload, _ = (folder / "manifest.jwt").read_text().split(".")
        assert json.loads(base64url(header))["typ"] == "revocations+jwt"
        self.claims = json.loads(base64url(payload))
        assert self.claims["hash"] == "sha-256-128"
        self.salt = base64url(self.claims["salt"])
        self.parts, self.recent, named = [], {}, set()
        for one in self.claims["segments"]:
            segment = self.read(folder, one, named)
            assert segment.n == one["entries"]
            exact = self.read(folder, {**one, **one["exact"]}, named) if "exact" in one else None
            sure = segment.r - (segment.cells < segment.n)
            assert (exact is None) == (sure >= 40) and (exact is None or exact.r == 64)
            self.parts.append((self.table(one), one.get("layer", 0), segment, exact))
        assert {path.name for path in (folder / "segments").iterdir()} == named
        for group in self.claims.get("recent", []):
            width = group.get("width", 0)
            data, before = base64url(group["data"]), b""
            assert data and len(data) % (14 + width) == 0
            for at in range(0, len(data), 14 + width):
                ident, value = data[at:at + 14], data[at + 14:at + 14 + width]
                assert before < ident and (self.table(group), ident) not in self.recent
                before = ident
                added = group.get("base", 0) + int.from_bytes(value, "little")
                self.recent[self.table(group), ident] = added if group["op"] == "add" else None

    def read(self, folder, one, named):
        data = (folder / "segments" / one["hash"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == one["hash"] and len(data) == one["bytes"]
        named.add(one["hash"])
        segment = Segment(data)
        assert (segment.kind, segment.p, segment.shard) == (one["kind"], one.get("bits", 0), one.get("shard", 0))
        return segment

    def table(self, one):
        return tuple(self.claims["rules"][one["rule"]]), one["kind"], one.get("claim")

    def say(self, table, ident):
        """The strictest that the segments say, and what is said for certain; an operation replaces both."""
        if (table, ident[:14]) in self.recent:
            return [self.recent[table, ident[:14]]] * 2
        found, certain, layers = [], [], set()
        for of, layer, segment, exact in self.parts:
            if of != table or segment.rest(ident) is None:
                continue
            assert layer not in layers, "a layer is asked once"
            layers.add(layer)
            found.append(segment.get(ident))
            if found[-1] is not None:
                certain.append((exact or segment).get(ident))
        strictest = lambda values: max((value for value in values if value is not None), default=None)
        return [strictest(found), strictest(certain)]


def main():
    rows = []
    for folder in sorted(path for path in HERE.iterdir() if path.is_dir()):
        snapshot = Snapshot(folder)
        tables = sorted({part[0] for part in snapshot.parts} | {of for of, _ in snapshot.recent}, key=str)
        for table in tables:
            rule, kind, claim = table
            letter = {"jti": "t", "sub": "u"}[rule[0]]
            for nth in list(range(0, 40)) + list(range(40, 5000, 97)):
                value = "%s-%d" % (letter, nth)
                ident = target_id(snapshot.salt, list(rule), ISSUER, [value])
                found, certain = snapshot.say(table, ident)
                rows.append({"list": folder.name, "rule": list(rule), "kind": kind, "claim": claim, "value": value,
                             "id": ident.hex(), "found": found, "certain": certain})
    # One row a line, so that a change shows as one.
    print("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]")


if __name__ == "__main__":
    main()
