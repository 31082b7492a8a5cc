// SPDX-License-Identifier: Apache-2.0
#include "tests/peer/certificates.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "broker/base/check.h"

namespace roost::cluster {

Certificates::Certificates()
    : folder_((std::filesystem::temp_directory_path() / "roost-peer-XXXXXX").string()) {
  CHECK(mkdtemp(folder_.data()));
}

Certificates::~Certificates() { std::filesystem::remove_all(folder_); }

void Certificates::openssl(const std::string& arguments) const {
  const std::string command = "cd " + folder_ + " && openssl " + arguments + " >>out 2>&1";
  if (std::system(command.c_str()) == 0) return;
  ADD_FAILURE() << arguments << "\n" << std::ifstream(path("out")).rdbuf();
}

void Certificates::make_authority(const std::string& name) {
  openssl("ecparam -name prime256v1 -genkey -noout -out " + name + ".key");
  openssl("req -x509 -new -key " + name + ".key -out " + name + ".pem -days 2 -subj /CN=" + name);
}

PeerTls Certificates::make(const std::string& authority, const std::string& node,
                           const std::string& names) {
  openssl("ecparam -name prime256v1 -genkey -noout -out " + node + ".key");
  openssl("req -new -key " + node + ".key -out " + node + ".csr -subj /CN=" + node);
  std::ofstream(path(node + ".ext")) << "subjectAltName=" << names << "\n";
  openssl("x509 -req -in " + node + ".csr -CA " + authority + ".pem -CAkey " + authority +
          ".key -CAcreateserial -out " + node + ".pem -days 2 -extfile " + node + ".ext");
  return {path(authority + ".pem"), path(node + ".pem"), path(node + ".key")};
}

}  // namespace roost::cluster
