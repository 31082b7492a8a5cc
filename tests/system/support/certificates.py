# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of one test, a server's and clients' certificates."""

import os
import subprocess


class Certificates:
    def __init__(self, folder):
        self.folder = folder
        self.ca, self.ca_key = self._path("ca.pem"), self._path("ca.key")
        self._key(self.ca_key)
        self._openssl("req", "-x509", "-new", "-key", self.ca_key, "-out", self.ca, "-days", "2",
                      "-subj", "/CN=Roost test authority")
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"
        self.cert, self.key = self.issue("server", names)

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"openssl {' '.join(arguments)}: {done.stderr}")

    def _key(self, path):
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)

    def issue(self, name, extension="keyUsage=digitalSignature", days=2):
        """(certificate, key) signed by the authority; negative days: expired."""
        cert, key, request = (self._path(name + end) for end in (".pem", ".key", ".csr"))
        extensions = self._path(name + ".ext")
        with open(extensions, "w", encoding="ascii") as out:
            out.write(extension + "\n")
        self._key(key)
        self._openssl("req", "-new", "-key", key, "-out", request, "-subj", f"/CN={name}")
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.ca_key,
                      "-CAcreateserial", "-out", cert, "-days", str(days), "-extfile",
                      extensions)
        return cert, key

    def revoke(self, certificates):
        """The path of the authority's list of revoked certificates, with these and earlier ones."""
        config, database = self._path("crl.cnf"), self._path("index.txt")
        if not os.path.exists(database):
            with open(database, "w", encoding="ascii"):
                pass
            with open(config, "w", encoding="ascii") as out:
                out.write(f"[ca]\ndefault_ca = a\n[a]\ndatabase = {database}\n"
                          "default_md = sha256\ndefault_crl_days = 2\n")
        signer = ["-config", config, "-cert", self.ca, "-keyfile", self.ca_key]
        for certificate in certificates:
            self._openssl("ca", *signer, "-revoke", certificate)
        self._openssl("ca", *signer, "-gencrl", "-out", self._path("revoked.pem"))
        return self._path("revoked.pem")

    def listener(self, **more):
        return {"tls": {"cert": self.cert, "key": self.key, **more}}
