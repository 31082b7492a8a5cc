# SPDX-License-Identifier: Apache-2.0
"""JSON web tokens and key sets, made with openssl alone."""

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import time


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(user, **more):
    return {"sub": user, "exp": int(time.time()) + 600, **more}


def unsigned(header, body):
    return ".".join(encode(json.dumps(part).encode()) for part in (header, body))


def hs256(secret, body, **header):
    text = unsigned({"alg": "HS256", "typ": "JWT", **header}, body)
    return text + "." + encode(hmac.new(secret, text.encode(), hashlib.sha256).digest())


class RsaKey:
    def __init__(self, folder, kid):
        self.kid = kid
        self.path = os.path.join(folder, kid + ".key")
        self.public = os.path.join(folder, kid + ".pub")
        self._openssl("genrsa", "-out", self.path, "2048")
        self._openssl("rsa", "-in", self.path, "-pubout", "-out", self.public)

    @staticmethod
    def _openssl(*arguments, data=None):
        done = subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=False)
        if done.returncode:
            raise AssertionError(f"openssl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def token(self, body, **header):
        text = unsigned({"alg": "RS256", "typ": "JWT", "kid": self.kid, **header}, body)
        signed = self._openssl("dgst", "-sha256", "-sign", self.path, data=text.encode())
        return text + "." + encode(signed)

    def jwk(self):
        said = self._openssl("rsa", "-in", self.path, "-noout", "-modulus").decode()
        modulus = bytes.fromhex(re.search("Modulus=([0-9A-F]+)", said).group(1))
        return {"kty": "RSA", "kid": self.kid, "alg": "RS256", "use": "sig", "n": encode(modulus),
                "e": encode(b"\x01\x00\x01")}
