// SPDX-License-Identifier: Apache-2.0
// Certificates between nodes: of the cluster's authority, and each names its node.
#include <gtest/gtest.h>

#include <string>

#include "tests/peer/certificates.h"
#include "tests/peer/peer_node.h"

namespace roost::cluster {
namespace {

class PeerTlsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    files_ = new Certificates;
    files_->make_authority("ours");
    files_->make_authority("theirs");
  }
  static void TearDownTestSuite() { delete files_; }

  // No session, and the one that dials says why.
  static void expect_none(PeerNode& a, PeerNode& b, const std::string& why) {
    join(a, b);
    ASSERT_TRUE(comes_true([&] { return a.log().count(why) > 0; })) << [&] {
      std::string said;
      for (const std::string& line : a.log().take()) said += line + "\n";
      return said;
    }();
    EXPECT_EQ(a.network().counters().sessions, 0u);
    EXPECT_EQ(b.network().counters().sessions, 0u);
  }

  static Certificates* files_;
};

Certificates* PeerTlsTest::files_ = nullptr;

TEST_F(PeerTlsTest, NodesOfOneAuthorityAreLinked) {
  PeerNode a("a", {.tls = files_->make("ours", "a", "DNS:a")});
  PeerNode b("b", {.tls = files_->make("ours", "b", "DNS:other,DNS:b")});
  link(a, b);
  ASSERT_TRUE(a.send(kB, Lane::bulk, std::string(kChunkBytesMax, 'x')));
  ASSERT_TRUE(b.send(kA, Lane::traffic, "back"));
  EXPECT_TRUE(b.events().wait_for([](auto& told) { return told[kA.value].chunks[2].size() == 1; }));
  EXPECT_TRUE(a.events().wait_for([](auto& told) { return told[kB.value].chunks[1].size() == 1; }));
}

TEST_F(PeerTlsTest, AServiceOfAnotherAuthorityIsNotTrusted) {
  PeerNode a("a", {.tls = files_->make("ours", "a", "DNS:a")});
  PeerNode b("b", {.tls = files_->make("theirs", "b", "DNS:b")});
  expect_none(a, b, "peer b at " + b.as(kB).address + ": no link: ");
  EXPECT_EQ(a.log().count("ertificate"), 1u) << "it doesn't say that it is the certificate";
}

// Trusts the service, but isn't of its authority.
TEST_F(PeerTlsTest, ADiallerOfAnotherAuthorityIsNotTrusted) {
  PeerTls theirs = files_->make("theirs", "a", "DNS:a");
  const PeerTls ours = files_->make("ours", "b", "DNS:b");
  theirs.ca_file = ours.ca_file;
  PeerNode a("a", {.tls = theirs});
  PeerNode b("b", {.tls = ours});
  expect_none(a, b, "peer b at " + b.as(kB).address + ": no link: ");
}

TEST_F(PeerTlsTest, ADiallerInPlainTextGetsNothing) {
  PeerNode a("a");
  PeerNode b("b", {.tls = files_->make("ours", "b", "DNS:b")});
  expect_none(a, b, "peer b at " + b.as(kB).address + ": no link: ");
}

TEST_F(PeerTlsTest, AServiceWhoseCertificateNamesAnotherNodeIsNotTrusted) {
  PeerNode a("a", {.tls = files_->make("ours", "a", "DNS:a")});
  PeerNode b("b", {.tls = files_->make("ours", "b", "DNS:c,IP:127.0.0.1")});
  expect_none(a, b, "peer b at " + b.as(kB).address + ": no link: ");
}

TEST_F(PeerTlsTest, ADiallerWhoseCertificateNamesAnotherNodeIsRefused) {
  PeerNode a("a", {.tls = files_->make("ours", "a", "DNS:c")});
  PeerNode b("b", {.tls = files_->make("ours", "b", "DNS:b")});
  const std::string why = "the certificate of node 'a' doesn't name it among its DNS names";
  expect_none(a, b, why);
  EXPECT_TRUE(comes_true([&] { return b.log().count(why) == 1; }));
}

TEST_F(PeerTlsTest, FilesThatAreNotThereOrAreMissingAreErrors) {
  PeerRecorder events(nullptr);
  support::VectorLog log;
  PeerNetworkOptions options;
  options.self = {"farm", "a", 1, "", "", 1, 0};
  options.bind = "127.0.0.1:0";
  options.tls = files_->make("ours", "a", "DNS:a");
  options.tls.key_file.clear();
  const auto without_key = make_peer_network(options, events, log);
  ASSERT_FALSE(without_key);
  EXPECT_EQ(without_key.error().kind, ErrorKind::invalid_argument);
  options.tls.key_file = options.tls.cert_file + ".none";
  const auto not_there = make_peer_network(options, events, log);
  ASSERT_FALSE(not_there);
  EXPECT_EQ(not_there.error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace roost::cluster
