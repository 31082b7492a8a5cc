// SPDX-License-Identifier: Apache-2.0
// TLS 1.3 after the handshake, which is ours, against OpenSSL's client.
#include "broker/net/tls_records.h"

#include <gmock/gmock.h>

#include <string>

#include "broker/net/tls.h"
#include "tests/net/filter_text.h"
#include "tests/net/tls_client.h"

namespace roost::net {
namespace {

using ::testing::HasSubstr;

// A client and the server's filter, after their handshake.
class Pair {
 public:
  explicit Pair(const char* suite = nullptr) {
    auto context = TlsContext::load(folder_.server());
    EXPECT_TRUE(context);
    filter_ = (*context)->make_filter();
    if (suite == nullptr) return;
    EXPECT_EQ(::SSL_set_ciphersuites(client.ssl(), suite), 1);
  }

  void shake_hands() {
    deliver(client.exchange(""));
    ASSERT_TRUE(run.handshake_done);
  }
  // To the server in pieces; what it answers goes to the client, and so on.
  void deliver(std::string to_server, std::size_t piece = 1'000'000) {
    while (!to_server.empty()) {
      const std::size_t before = run.wire.size();
      for (std::size_t at = 0; at < to_server.size(); at += piece) {
        feed(*filter_, std::string_view(to_server).substr(at, piece), run);
      }
      to_server = client.exchange(std::string_view(run.wire).substr(before));
    }
  }
  std::string sealed(std::string_view text) {
    FilterOutput wire;
    EXPECT_EQ(filter_->to_wire(as_bytes(text), wire), FilterStatus::ok);
    return std::string(as_text(wire));
  }
  void send_to_client(std::string_view text) { client.exchange(sealed(text)); }

  TlsClient client;
  FilterRun run;

 private:
  CertificateFolder folder_;
  std::unique_ptr<ByteFilter> filter_;
};

TEST(TlsRecords, SpeakEverySuite) {
  for (const char* const suite :
       {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}) {
    Pair pair(suite);
    pair.shake_hands();
    EXPECT_STREQ(::SSL_get_cipher_name(pair.client.ssl()), suite);
    for (int i = 0; i < 300; ++i) {
      pair.deliver(pair.client.write("ping"), 1 + static_cast<std::size_t>(i) % 7);
      pair.send_to_client("pong");
    }
    EXPECT_EQ(pair.run.app.size(), 4U * 300);
    EXPECT_EQ(pair.client.received().size(), 4U * 300);
    EXPECT_FALSE(pair.client.failed());
  }
}

TEST(TlsRecords, ChangeKeysWhenTheClientDoes) {
  for (const int kind : {SSL_KEY_UPDATE_REQUESTED, SSL_KEY_UPDATE_NOT_REQUESTED}) {
    Pair pair;
    pair.shake_hands();
    for (int i = 0; i < 5; ++i) {
      ASSERT_EQ(::SSL_key_update(pair.client.ssl(), kind), 1);
      pair.deliver(pair.client.write("under new keys "));
      pair.send_to_client("so are we ");
      EXPECT_FALSE(pair.client.failed());
    }
    EXPECT_EQ(pair.run.app.size(), 5 * std::string("under new keys ").size());
    EXPECT_EQ(pair.client.received().size(), 5 * std::string("so are we ").size());
  }
}

TEST(TlsRecords, AnswerManyWishesForNewKeysOnce) {
  Pair pair;
  pair.shake_hands();
  std::string wire;
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(::SSL_key_update(pair.client.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    wire += pair.client.write("x");
  }
  const std::size_t before = pair.run.wire.size();
  pair.deliver(wire);
  EXPECT_EQ(pair.run.app, "xxxxxxxxxx");
  EXPECT_LT(pair.run.wire.size() - before, 100U);
  pair.send_to_client("still here");
  EXPECT_EQ(pair.client.received(), "still here");
}

TEST(TlsRecords, RefuseWhatIsDamagedInEveryByte) {
  constexpr std::size_t kLengthHigh = 3;  // then the record waits for more, which come
  for (std::size_t at = 0; at < 5 + 4 + 1 + 16; ++at) {
    Pair pair;
    pair.shake_hands();
    std::string wire = pair.client.write("text");
    ASSERT_EQ(wire.size(), 5U + 4 + 1 + 16);
    wire[at] = static_cast<char>(wire[at] ^ 1);
    pair.deliver(wire);
    if (at <= kLengthHigh + 1) pair.deliver(std::string(256, '\0'));
    EXPECT_EQ(pair.run.app, "") << at;
    EXPECT_EQ(pair.run.status, FilterStatus::failed) << at;
  }
}

TEST(TlsRecords, RefuseARecordThatIsTooLong) {
  Pair pair;
  pair.shake_hands();
  pair.deliver(std::string("\x17\x03\x03\xff\xff", 5));
  EXPECT_EQ(pair.run.status, FilterStatus::failed);
  EXPECT_THAT(pair.run.error, HasSubstr("too long"));
}

TEST(TlsRecords, RefuseOneThatIsNotEncrypted) {
  Pair pair;
  pair.shake_hands();
  pair.deliver(std::string("\x15\x03\x03\x00\x02\x01\x00", 7));
  EXPECT_EQ(pair.run.status, FilterStatus::failed);
}

TEST(TlsRecords, ReplayedOnesAreRefused) {
  Pair pair;
  pair.shake_hands();
  const std::string wire = pair.client.write("once");
  pair.deliver(wire);
  pair.deliver(wire);
  EXPECT_EQ(pair.run.app, "once");
  EXPECT_EQ(pair.run.status, FilterStatus::failed);
}

TEST(TlsRecords, LeaveAClientWithShortFragmentsToOpenSsl) {
  Pair pair;
  ::SSL_set_tlsext_max_fragment_length(pair.client.ssl(), TLSEXT_max_fragment_length_512);
  pair.shake_hands();
  pair.send_to_client(std::string(5'000, 'x'));
  EXPECT_EQ(pair.client.received().size(), 5'000U);
  EXPECT_FALSE(pair.client.failed());
}

}  // namespace
}  // namespace roost::net
