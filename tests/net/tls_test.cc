// SPDX-License-Identifier: Apache-2.0
#include "broker/net/tls.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "tests/net/filter_text.h"
#include "tests/net/tls_client.h"

namespace roost::net {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;

std::unique_ptr<TlsContext> load(const TlsSettings& settings) {
  auto loaded = TlsContext::load(settings);
  EXPECT_TRUE(loaded) << loaded.error().message;
  return std::move(loaded).value();
}

// Client and filter talk until both are silent; `piece` bytes at a time reach the filter.
void converse(TlsClient& client, ByteFilter& filter, FilterRun& run, std::string to_server,
              std::size_t piece = 1'000'000) {
  for (int round = 0; round < 20; ++round) {
    const std::size_t sent_before = run.wire.size();
    for (std::size_t at = 0; at < to_server.size(); at += piece) {
      feed(filter, std::string_view(to_server).substr(at, piece), run);
    }
    to_server = client.exchange(std::string_view(run.wire).substr(sent_before));
    if (to_server.empty() && run.wire.size() == sent_before) return;
  }
}

TEST(Tls, ShakesHandsAndCarriesBytesBothWaysInEveryVersion) {
  const CertificateFolder folder;
  const auto context = load(folder.server());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1'000'000}}) {
      const auto filter = context->make_filter();
      TlsClient client(nullptr, version);
      FilterRun run;
      converse(client, *filter, run, client.exchange(""), piece);
      ASSERT_TRUE(client.connected());
      ASSERT_TRUE(run.handshake_done);
      converse(client, *filter, run, client.write("from the client"), piece);
      EXPECT_EQ(run.app, "from the client");
      FilterOutput wire;
      EXPECT_EQ(filter->to_wire(as_bytes("from the server"), wire), FilterStatus::ok);
      client.exchange(as_text(wire));
      EXPECT_EQ(client.received(), "from the server");
      filter->describe(run.peer);
      EXPECT_TRUE(run.peer.tls);
      EXPECT_EQ(run.peer.certificate, nullptr);
    }
  }
}

TEST(Tls, CarriesMegabytesThroughManyRecords) {
  const CertificateFolder folder;
  const auto context = load(folder.server());
  const auto filter = context->make_filter();
  TlsClient client;
  FilterRun run;
  converse(client, *filter, run, client.exchange(""));
  std::string large(2'000'000, ' ');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i % 251);
  converse(client, *filter, run, client.write(large), 50'000);
  EXPECT_EQ(run.app, large);
  FilterOutput wire;
  filter->to_wire(as_bytes(large), wire);
  client.exchange(as_text(wire));
  EXPECT_EQ(client.received(), large);
}

TEST(Tls, KeepsWhatIsWrittenBeforeTheHandshakeIsDone) {
  const CertificateFolder folder;
  const auto context = load(folder.server());
  const auto filter = context->make_filter();
  FilterOutput wire;
  filter->to_wire(as_bytes("early"), wire);
  EXPECT_TRUE(wire.empty());
  TlsClient client;
  FilterRun run;
  converse(client, *filter, run, client.exchange(""));
  EXPECT_EQ(client.received(), "early");
}

TEST(Tls, EndsPolitelyFromEitherSide) {
  const CertificateFolder folder;
  const auto context = load(folder.server());
  {
    const auto filter = context->make_filter();
    TlsClient client;
    FilterRun run;
    converse(client, *filter, run, client.exchange(""));
    FilterOutput wire;
    filter->to_wire(as_bytes("last"), wire);
    filter->end(wire);
    client.exchange(as_text(wire));
    EXPECT_EQ(client.received(), "last");
    EXPECT_TRUE(client.was_closed());
  }
  {
    const auto filter = context->make_filter();
    TlsClient client;
    FilterRun run;
    converse(client, *filter, run, client.exchange(""));
    std::string wire = client.write("last");
    wire += client.end();
    converse(client, *filter, run, wire);
    EXPECT_EQ(run.app, "last");
    EXPECT_EQ(run.status, FilterStatus::closed);
  }
}

TEST(Tls, SaysInWordsThatAClientSpeaksNoTls) {
  const CertificateFolder folder;
  const auto context = load(folder.server());
  for (const std::string& wire :
       {"\x10\x0E\x00\x04MQTT\x04\x02\x00\x3C\x00\x02id"s, "GET / HTTP/1.1\r\n\r\n"s}) {
    const FilterRun run = run_split([&] { return context->make_filter(); }, wire);
    EXPECT_EQ(run.status, FilterStatus::failed);
    EXPECT_THAT(run.error, HasSubstr("is the client speaking TLS at all?"));
  }
}

TEST(Tls, RefusesAnOlderVersionThanItsMinimum) {
  const CertificateFolder folder;
  TlsSettings settings = folder.server();
  settings.min_version = "1.3";
  const auto context = load(settings);
  const auto filter = context->make_filter();
  TlsClient client(nullptr, TLS1_2_VERSION);
  FilterRun run;
  converse(client, *filter, run, client.exchange(""));
  EXPECT_EQ(run.status, FilterStatus::failed);
  EXPECT_TRUE(client.failed());  // it got an alert
}

TEST(Tls, FailsOnDamagedRecordsAndStaysFailed) {
  const CertificateFolder folder;
  const auto context = load(folder.server());
  const auto filter = context->make_filter();
  TlsClient client;
  FilterRun run;
  converse(client, *filter, run, client.exchange(""));
  std::string record = client.write("secret");
  record.back() = static_cast<char>(record.back() ^ 1);
  feed(*filter, record, run);
  EXPECT_EQ(run.status, FilterStatus::failed);
  EXPECT_EQ(run.app, "");
  feed(*filter, "more", run);
  EXPECT_EQ(run.status, FilterStatus::failed);
  FilterOutput wire;
  EXPECT_EQ(filter->to_wire(as_bytes("answer"), wire), FilterStatus::failed);
}

// --- client certificates ---

FilterRun shake_hands(const CertificateFolder& folder, ClientCertificate rule,
                      const Identity* identity, int version) {
  const auto context = load(folder.server(rule));
  const auto filter = context->make_filter();
  TlsClient client(identity, version);
  FilterRun run;
  converse(client, *filter, run, client.exchange(""));
  if (run.handshake_done) filter->describe(run.peer);
  EXPECT_EQ(client.failed(), run.status == FilterStatus::failed);
  return run;
}

TEST(Tls, TakesTheNameFromAVerifiedClientCertificate) {
  const CertificateFolder folder;
  const Identity alice = make_identity("alice", &folder.authority());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const auto rule : {ClientCertificate::optional, ClientCertificate::required}) {
      const FilterRun run = shake_hands(folder, rule, &alice, version);
      EXPECT_TRUE(run.handshake_done);
      ASSERT_NE(run.peer.certificate, nullptr);
      EXPECT_EQ(run.peer.certificate->common_name, "alice");
      EXPECT_EQ(run.peer.certificate->subject, "CN=alice,O=Roost");
    }
    const FilterRun run = shake_hands(folder, ClientCertificate::none, &alice, version);
    EXPECT_TRUE(run.handshake_done);
    EXPECT_EQ(run.peer.certificate, nullptr);
  }
}

TEST(Tls, AsksForAClientCertificateOnlyWhereItIsRequired) {
  const CertificateFolder folder;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    EXPECT_TRUE(shake_hands(folder, ClientCertificate::optional, nullptr, version).handshake_done);
    const FilterRun run = shake_hands(folder, ClientCertificate::required, nullptr, version);
    EXPECT_FALSE(run.handshake_done);
    EXPECT_EQ(run.status, FilterStatus::failed);
    EXPECT_THAT(run.error, HasSubstr("certificate"));
  }
}

TEST(Tls, RefusesACertificateOfAnotherAuthorityEvenWhereNoneIsRequired) {
  const CertificateFolder folder;
  const Identity stranger = make_identity("alice");
  const FilterRun run = shake_hands(folder, ClientCertificate::optional, &stranger, TLS1_3_VERSION);
  EXPECT_EQ(run.status, FilterStatus::failed);
  EXPECT_FALSE(run.handshake_done);
}

TEST(Tls, TakesNoNameThatHidesBehindANul) {
  const CertificateFolder folder;
  const Identity mallory = make_identity("alice\0.mallory"s, &folder.authority());
  const FilterRun run = shake_hands(folder, ClientCertificate::required, &mallory, TLS1_3_VERSION);
  EXPECT_TRUE(run.handshake_done);
  ASSERT_NE(run.peer.certificate, nullptr);
  EXPECT_EQ(run.peer.certificate->common_name, "");
}

// --- files ---

Error error_of(const TlsSettings& settings) {
  const auto loaded = TlsContext::load(settings);
  EXPECT_FALSE(loaded);
  return loaded ? Error{} : Error{const_cast<Result<std::unique_ptr<TlsContext>>&>(loaded).error()};
}

TEST(TlsContext, NamesTheFileThatIsWrongAndWhatToDo) {
  const CertificateFolder folder;
  const Identity other = make_identity("other");
  folder.write("other.key", pem_of(*other.key));
  folder.write("locked.key", pem_of(*other.key, "secret"));
  folder.write("rubbish", "rubbish");
  const auto with = [&](std::string TlsSettings::*member, const std::string& value) {
    TlsSettings settings = folder.server(ClientCertificate::required);
    settings.*member = value;
    return settings;
  };
  const struct {
    TlsSettings settings;
    ErrorKind kind;
    std::string file;
    std::string words;
  } cases[] = {
      {with(&TlsSettings::certificate_file, ""), ErrorKind::invalid_argument, "", "set it"},
      {with(&TlsSettings::key_file, ""), ErrorKind::invalid_argument, "", "set it"},
      {with(&TlsSettings::certificate_file, folder.path("none")), ErrorKind::not_found, "none",
       "check the path"},
      {with(&TlsSettings::key_file, folder.path("none")), ErrorKind::not_found, "none",
       "check the path"},
      {with(&TlsSettings::ca_file, folder.path("none")), ErrorKind::not_found, "none",
       "check the path"},
      {with(&TlsSettings::certificate_file, folder.path("rubbish")), ErrorKind::invalid_argument,
       "rubbish", "must be PEM"},
      {with(&TlsSettings::key_file, folder.path("rubbish")), ErrorKind::invalid_argument, "rubbish",
       "must be PEM"},
      {with(&TlsSettings::ca_file, folder.path("rubbish")), ErrorKind::invalid_argument, "rubbish",
       "must be PEM"},
      {with(&TlsSettings::key_file, folder.path("other.key")), ErrorKind::invalid_argument,
       "other.key", "doesn't belong to the certificate"},
      {with(&TlsSettings::key_file, folder.path("locked.key")), ErrorKind::invalid_argument,
       "locked.key", "openssl pkey -in"},
      {with(&TlsSettings::min_version, "1.1"), ErrorKind::invalid_argument, "", "1.2 or 1.3"},
      {with(&TlsSettings::ciphers, "NO-SUCH"), ErrorKind::invalid_argument, "NO-SUCH", "ciphers"},
  };
  for (const auto& each : cases) {
    const Error error = error_of(each.settings);
    EXPECT_EQ(error.kind, each.kind) << error.message;
    EXPECT_THAT(error.message, HasSubstr(each.file));
    EXPECT_THAT(error.message, HasSubstr(each.words));
  }
}

TEST(TlsContext, SaysThatItMayNotReadTheKey) {
  const CertificateFolder folder;
  std::filesystem::permissions(folder.path("server.key"), std::filesystem::perms::none);
  std::filesystem::permissions(folder.path(""), std::filesystem::perms(0755));
  // Root may read everything, so it becomes nobody for a moment.
  constexpr uid_t kNobody = 65534;
  const uid_t me = ::geteuid();
  const bool changed = me == 0 && ::seteuid(kNobody) == 0;
  const Error error = error_of(folder.server());
  ASSERT_TRUE(!changed || ::seteuid(me) == 0);
  EXPECT_EQ(error.kind, ErrorKind::permission_denied);
  EXPECT_THAT(error.message, HasSubstr("server.key"));
}

TEST(TlsContext, TakesCiphersOfBothGenerations) {
  const CertificateFolder folder;
  TlsSettings settings = folder.server();
  settings.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256";
  const auto context = load(settings);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto filter = context->make_filter();
    TlsClient client(nullptr, version);
    FilterRun run;
    converse(client, *filter, run, client.exchange(""));
    EXPECT_TRUE(run.handshake_done);
    EXPECT_THAT(std::string(::SSL_get_cipher_name(client.ssl())), HasSubstr("128"));
  }
}

}  // namespace
}  // namespace roost::net
