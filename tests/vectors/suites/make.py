#!/usr/bin/env python3
"""Rewrites Wycheproof's test vectors, as far as JOSE has use for them, in this folder's own form.

    python3 tests/vectors/suites/make.py FOLDER

FOLDER holds Wycheproof's `testvectors_v1/*.json`; the crate `wycheproof` carries most of them in `src/data/`. A file that
FOLDER lacks is named and leaves its suite as it is. What is left out, and why, stands in the README beside this.
"""

import base64
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
HASHES = {"SHA-256": ("256", 32), "SHA-384": ("384", 48), "SHA-512": ("512", 64)}
CURVES = {
    "secp256r1": ("P-256", 32),
    "secp384r1": ("P-384", 48),
    "secp521r1": ("P-521", 66),
    "secp256k1": ("secp256k1", 32),
}
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth"}


def main():
    folder = pathlib.Path(sys.argv[1])
    missing = [name for name, convert in SUITES.items() if not make(folder, name, convert)]
    for name in missing:
        print(f"{name}: FOLDER has no {name}_test.json; left as it is")
    sys.exit(1 if len(missing) == len(SUITES) else 0)


def make(folder, name, convert):
    source = folder / f"{name}_test.json"
    if not source.is_file():
        return False
    document = json.loads(source.read_text())
    groups = [group for found in document["testGroups"] for group in convert(name, found)]
    write(HERE / f"{name}.json", {"suite": name, "source": f"Wycheproof testvectors_v1/{source.name}"}, groups)
    print(f"{name}: {sum(len(group['tests']) for group in groups)} of {document['numberOfTests']}")
    return True


def write(path, head, groups):
    """One line a test and a key, so that a change shows as the line it is."""
    lines = [json.dumps(head, ensure_ascii=False)[:-1] + ', "groups": [']
    for index, group in enumerate(groups):
        key = {name: member for name, member in group.items() if name != "tests"}
        lines.append(json.dumps(key, ensure_ascii=False)[:-1] + ', "tests": [')
        tests = (json.dumps(test, ensure_ascii=False, separators=(",", ":")) for test in group["tests"])
        lines.append(",\n".join(tests))
        lines.append("]}," if index + 1 < len(groups) else "]}")
    path.write_text("\n".join([*lines, "]}", ""]))


def ecdsa(algorithm):
    def convert(_, group):
        key = group["publicKey"]
        curve, size = CURVES[key["curve"]]
        jwk = {"kty": "EC", "crv": curve, "x": coordinate(key["wx"], size), "y": coordinate(key["wy"], size)}
        yield signatures(algorithm, jwk, group["tests"])

    return convert


def eddsa(_, group):
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(group["publicKey"]["pk"])}
    yield signatures("EdDSA", jwk, group["tests"])


def rsa(family):
    def convert(_, group):
        if group["sha"] not in HASHES:
            return
        bits, salt = HASHES[group["sha"]]
        if family == "PS" and (group["mgf"], group["mgfSha"], group["sLen"]) != ("MGF1", group["sha"], salt):
            return
        key = group["publicKey"]
        jwk = {"kty": "RSA", "n": number(key["modulus"]), "e": number(key["publicExponent"])}
        yield signatures(family + bits, jwk, group["tests"])

    return convert


def hmac(algorithm):
    """A group for each run of tests with one key."""

    def convert(_, group):
        run = []
        for test in group["tests"]:
            if run and run[0]["key"] != test["key"]:
                yield signatures(algorithm, secret(run[0]), run)
                run = []
            run.append(test)
        yield signatures(algorithm, secret(run[0]), run)

    return convert


def secret(test):
    return {"kty": "oct", "k": base64url(test["key"])}


def ml_dsa(algorithm):
    """Tests with a context stay: JOSE's is empty (RFC 9964), so that such a signature is none."""

    def convert(_, group):
        jwk = {"kty": "AKP", "alg": algorithm, "pub": base64url(group["publicKey"])}
        yield signatures(algorithm, jwk, group["tests"])

    return convert


def signatures(algorithm, jwk, tests):
    return {"alg": algorithm, "jwk": jwk, "tests": [signature(test) for test in tests]}


def signature(test):
    made = {"id": test["tcId"], "comment": test["comment"], "msg": base64url(test["msg"])}
    made["sig"] = base64url(test.get("sig", test.get("tag")))
    made["result"] = test["result"]
    if test.get("ctx"):
        made["ctx"] = base64url(test["ctx"])
    return with_flags(made, test)


def tokens(_, group):
    """The public keys; where a group has none apart, what is public of the private ones."""
    keys = group.get("public", group.get("private"))
    keys = keys.get("keys", [keys])
    keys = [{name: member for name, member in jwk.items() if name not in PRIVATE} for jwk in keys]
    made = [
        with_flags(
            {"id": test["tcId"], "comment": test["comment"], "token": test["jws"], "result": test["result"]}, test
        )
        for test in group["tests"]
    ]
    yield {"comment": group.get("comment", ""), "jwks": {"keys": keys}, "tests": made}


def with_flags(made, test):
    if test.get("flags"):
        made["flags"] = test["flags"]
    return made


def number(hexadecimal):
    return base64.urlsafe_b64encode(bytes.fromhex(hexadecimal).lstrip(b"\0")).decode().rstrip("=")


def coordinate(hexadecimal, size):
    """As many bytes as the field has (RFC 7518 §6.2.1.2)."""
    return base64url(f"{int(hexadecimal, 16):0{2 * size}x}")


def base64url(hexadecimal):
    return base64.urlsafe_b64encode(bytes.fromhex(hexadecimal)).decode().rstrip("=")


SUITES = {
    "json_web_signature": tokens,
    "json_web_key": tokens,
    "ecdsa_secp256r1_sha256_p1363": ecdsa("ES256"),
    "ecdsa_secp384r1_sha384_p1363": ecdsa("ES384"),
    "ecdsa_secp521r1_sha512_p1363": ecdsa("ES512"),
    "ecdsa_secp256k1_sha256_p1363": ecdsa("ES256K"),
    "ed25519": eddsa,
    **{f"rsa_signature_{size}_sha{bits}": rsa("RS") for size in (2048, 3072, 4096, 8192) for bits in (256, 384, 512)},
    "rsa_pss_2048_sha256_mgf1_32": rsa("PS"),
    "rsa_pss_2048_sha384_mgf1_48": rsa("PS"),
    "rsa_pss_3072_sha256_mgf1_32": rsa("PS"),
    "rsa_pss_4096_sha256_mgf1_32": rsa("PS"),
    "rsa_pss_4096_sha384_mgf1_48": rsa("PS"),
    "rsa_pss_4096_sha512_mgf1_64": rsa("PS"),
    "rsa_pss_misc": rsa("PS"),
    **{f"hmac_sha{bits}": hmac(f"HS{bits}") for bits in (256, 384, 512)},
    **{f"mldsa_{size}_verify": ml_dsa(f"ML-DSA-{size}") for size in (44, 65, 87)},
}

if __name__ == "__main__":
    main()
