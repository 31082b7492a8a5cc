// SPDX-License-Identifier: Apache-2.0
// TLS, user and password.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/etcd/await.h"
#include "tests/etcd/etcd_cluster.h"

namespace roost::cluster {
namespace {

using Outcome = TxnResult::Outcome;
using testing::HasSubstr;

EtcdOptions impatient(EtcdOptions options) {
  options.timeout_ms = 500;
  return options;
}

// A password takes a server that is busy its time.
EtcdOptions patient(EtcdOptions options) {
  options.timeout_ms = 3000;
  return options;
}

TEST(EtcdTls, AsksForTheAuthorityAndShowsACertificate) {
  EtcdCluster etcd({.members = 1, .with_tls = true});
  const auto coordinator = connect(etcd.options());
  const TxnResult result = transact(*coordinator, create("/a", "x"));
  EXPECT_EQ(result.outcome, Outcome::done) << result.why;

  EtcdOptions without = impatient(etcd.options());
  without.cert_file = without.key_file = "";
  EXPECT_NE(transact(*connect(without), create("/b", "x")).outcome, Outcome::done);

  EtcdOptions plain = impatient(etcd.options());
  plain.ca_file = plain.cert_file = plain.key_file = "";
  EXPECT_NE(transact(*connect(plain), create("/b", "x")).outcome, Outcome::done);

  EtcdCluster other({.members = 1, .with_tls = true, .is_started = false});
  EtcdOptions stranger = impatient(etcd.options());
  stranger.ca_file = other.options().ca_file;
  const TxnResult unproven = transact(*connect(stranger), create("/b", "x"));
  EXPECT_EQ(unproven.outcome, Outcome::failed);
  EXPECT_THAT(unproven.why, HasSubstr("certificate verify failed"));
  EXPECT_TRUE(list(*coordinator, "/b")->keys.empty());
}

TEST(EtcdTls, SaysWhichFileItCannotRead) {
  EtcdOptions options;
  options.endpoints = {"127.0.0.1:1"};
  options.ca_file = "/nonexistent/ca.pem";
  const auto made = make_etcd_coordinator(options);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("/nonexistent/ca.pem"));
}

TEST(EtcdOptions, NeedAnEndpointAndACertificatesKey) {
  EXPECT_EQ(make_etcd_coordinator({}).error().kind, ErrorKind::invalid_argument);
  EtcdOptions options;
  options.endpoints = {"127.0.0.1:1"};
  options.cert_file = "cert.pem";
  EXPECT_EQ(make_etcd_coordinator(options).error().kind, ErrorKind::invalid_argument);
}

class EtcdUsers : public testing::Test {
 protected:
  EtcdUsers() { etcd_.control({"user", "add", "root:secret"}); }
  void enable() {
    etcd_.control({"user", "grant-role", "root", "root"});
    etcd_.control({"auth", "enable"});
  }
  EtcdOptions options(const std::string& password) const {
    EtcdOptions options = etcd_.options();
    options.user = "root";
    options.password = password;
    return options;
  }

  EtcdCluster etcd_{{.members = 1}};
};

TEST_F(EtcdUsers, LoginByPassword) {
  enable();
  const auto coordinator = connect(options("secret"));
  const TxnResult result = transact(*coordinator, create("/a", "x"));
  EXPECT_EQ(result.outcome, Outcome::done) << result.why;
  EXPECT_EQ(list(*coordinator, "/")->keys.size(), 1u);

  const TxnResult wrong = transact(*connect(patient(options("wrong"))), create("/b", "x"));
  EXPECT_EQ(wrong.outcome, Outcome::failed);
  EXPECT_THAT(wrong.why, HasSubstr("authentication failed"));
  const TxnResult nobody = transact(*connect(patient(etcd_.options())), create("/b", "x"));
  EXPECT_EQ(nobody.outcome, Outcome::failed);
  EXPECT_THAT(nobody.why, HasSubstr("user name is empty"));
}

// A restarted member knows none of the tokens that it gave out.
TEST_F(EtcdUsers, GetANewTokenWhenTheOldOneIsRejected) {
  enable();
  const auto coordinator = connect(options("secret"));
  Recorder recorder;
  const auto watch = coordinator->watch("/", recorder);
  bool is_lost = false;
  const auto lease = grant(*coordinator, 10'000, [&] { is_lost = true; });
  ASSERT_TRUE(lease);
  ASSERT_EQ(transact(*coordinator, create("/a", "1", (*lease)->id())).outcome, Outcome::done);
  for (int round = 0; round < 2; ++round) {
    etcd_.kill(0);
    etcd_.start(0);
    const std::string key = "/round" + std::to_string(round);
    write(*coordinator, key, "x");
    EXPECT_TRUE(recorder.wait_for([&](const auto& told) { return told.value_of(key) == "x"; }));
  }
  EXPECT_EQ(list(*coordinator, "/a")->keys.size(), 1u);
  EXPECT_FALSE(is_lost);
}

TEST_F(EtcdUsers, NeedNoTokenUntilEtcdKnowsUsers) {
  const auto coordinator = connect(options("secret"));
  ASSERT_EQ(transact(*coordinator, create("/a", "x")).outcome, Outcome::done);
  enable();
  const TxnResult after = transact(*coordinator, create("/b", "x"));
  EXPECT_EQ(after.outcome, Outcome::done) << after.why;
}

}  // namespace
}  // namespace roost::cluster
