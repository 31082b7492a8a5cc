// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/http/outbound.h"
#include "tests/http/outbound_calls.h"
#include "tests/net/tls_client.h"

namespace roost::http {
namespace {

using testing::HasSubstr;

class OutboundTls : public testing::Test {
 protected:
  std::string url(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(server_.port()) + "/";
  }
  std::unique_ptr<Outbound> trusting() {
    OutboundSettings settings;
    settings.ca_file = folder_.path("ca.pem");
    return open(settings);
  }

  net::CertificateFolder folder_;
  Loopback server_{[](Peer& peer, int) { answer_all(peer, peer.server_name()); },
                   folder_.path("server.pem"), folder_.path("server.key")};
};

TEST_F(OutboundTls, NamesTheServerAndKeepsTheConnection) {
  const auto client = trusting();
  for (int i = 0; i < 3; ++i) {
    const auto answer = get(*client, url("localhost"));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->body, "localhost");
  }
  EXPECT_EQ(server_.connections(), 1);
}

TEST_F(OutboundTls, RefusesAnotherName) {
  const auto client = trusting();
  const auto answer = get(*client, url("127.0.0.1"));
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("verify"));
}

TEST_F(OutboundTls, RefusesAnUnknownAuthority) {
  const auto client = open();
  const auto answer = get(*client, url("localhost"));
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("verify"));
}

TEST_F(OutboundTls, TakesAnybodyWhereItIsToldTo) {
  OutboundSettings settings;
  settings.verifies_server = false;
  EXPECT_TRUE(get(*open(settings), url("127.0.0.1")));
}

TEST_F(OutboundTls, AFileWithoutAuthoritiesIsAnError) {
  OutboundSettings settings;
  settings.ca_file = folder_.write("empty.pem", "nothing");
  const auto opened = Outbound::open(settings);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::invalid_argument);
  settings.ca_file = folder_.path("away.pem");
  EXPECT_EQ(Outbound::open(settings).error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace roost::http
