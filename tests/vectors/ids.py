#!/usr/bin/env python3
"""Writes ids.json, from the table in src/revocation/id.rs alone: nothing of the crate's code is used.

    python3 tests/vectors/ids.py > tests/vectors/ids.json
"""

import hashlib
import json
import struct


def field(tag, data):
    return tag + struct.pack("<I", len(data)) + data


def value(v):
    if isinstance(v, bool):
        return field(b"b", b"\x01" if v else b"\x00")
    if isinstance(v, int):
        return field(b"i", struct.pack("<q", v))
    return field(b"s", v.encode("utf-8"))


def target_id(salt, rule, issuer, values):
    members = sorted(zip(rule, values), key=lambda pair: pair[0].encode("utf-8"))
    data = field(b"s", b"revocable/1") + field(b"x", salt)
    data += b"l" + struct.pack("<I", len(members))
    data += b"".join(field(b"s", name.encode("utf-8")) for name, _ in members)
    data += field(b"s", issuer.encode("utf-8"))
    data += b"".join(value(v) for _, v in members)
    return hashlib.sha256(data).digest()[:16]


ISSUER = "https://issuer.example"
ZERO, COUNTING = bytes(16), bytes(range(16))
TARGETS = [
    (ZERO, ["jti"], ISSUER, ["a"]),
    (COUNTING, ["jti"], ISSUER, ["a"]),
    (ZERO, ["jti"], ISSUER, [""]),
    (ZERO, ["jti"], "", ["a"]),
    (ZERO, ["jti"], "https://issuer.example/", ["a"]),
    (ZERO, ["jti"], ISSUER, ["A"]),
    (ZERO, ["sub"], ISSUER, ["a"]),
    (ZERO, ["header:jti"], ISSUER, ["a"]),
    (COUNTING, ["@key"], ISSUER, ["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"]),
    (COUNTING, [], ISSUER, []),
    (COUNTING, [], "", []),
    (COUNTING, ["sub", "azp"], ISSUER, ["alice", "app-1"]),
    (COUNTING, ["azp", "sub"], ISSUER, ["app-1", "alice"]),
    (COUNTING, ["azp", "sub"], ISSUER, ["alice", "app-1"]),
    (COUNTING, ["sub", "azp"], ISSUER, ["ab", ""]),
    (COUNTING, ["sub", "azp"], ISSUER, ["a", "b"]),
    (COUNTING, ["sub", "@key", "header:kid", "Sub"], ISSUER, ["alice", "name", "k", "Alice"]),
    (COUNTING, ["tenant"], ISSUER, [0]),
    (COUNTING, ["tenant"], ISSUER, [1]),
    (COUNTING, ["tenant"], ISSUER, [-1]),
    (COUNTING, ["tenant"], ISSUER, [2**53 - 1]),
    (COUNTING, ["tenant"], ISSUER, [-(2**53 - 1)]),
    (COUNTING, ["tenant"], ISSUER, ["1"]),
    (COUNTING, ["tenant"], ISSUER, [True]),
    (COUNTING, ["tenant"], ISSUER, [False]),
    (COUNTING, ["tenant"], ISSUER, ["true"]),
    (COUNTING, ["tenant", "sub", "admin"], ISSUER, [7, "alice", False]),
    (COUNTING, ["sub"], ISSUER, ["caf\u00e9"]),
    (COUNTING, ["sub"], ISSUER, ["cafe\u0301"]),
    (COUNTING, ["sub"], ISSUER, ["\u2126"]),
    (COUNTING, ["sub"], ISSUER, ["\u03a9"]),
    (COUNTING, ["sub"], ISSUER, ["\U0001f511 \u540d\u524d"]),
    (COUNTING, ["sub"], ISSUER, ["nul\u0000\r\n\t\"\\"]),
    (COUNTING, ["sub"], ISSUER, ["x" * 1024]),
    (COUNTING, ["\u00e9", "z", "\U0001f600", "\ufb00"], "https://\u00e9.example", ["1", "2", "3", "4"]),
]

if __name__ == "__main__":
    rows = [
        {"salt": salt.hex(), "rule": rule, "issuer": issuer, "values": values,
         "id": target_id(salt, rule, issuer, values).hex()}
        for salt, rule, issuer, values in TARGETS
    ]
    # One row a line, so that a change shows as one.
    print("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]")
