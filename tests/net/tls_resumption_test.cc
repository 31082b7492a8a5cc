// SPDX-License-Identifier: Apache-2.0
// Sessions that come back with a ticket: to the same node, to another, after a change of the rules.
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <memory>
#include <string>

#include "broker/net/ticket_keys.h"
#include "broker/net/tls.h"
#include "tests/net/filter_text.h"
#include "tests/net/tls_client.h"

namespace roost::net {
namespace {

using Session = std::unique_ptr<SSL_SESSION, decltype(&::SSL_SESSION_free)>;

// A list of revoked certificates in PEM.
std::string revocations(const Identity& authority, const Identity* revoked) {
  const std::unique_ptr<X509_CRL, decltype(&::X509_CRL_free)> list(::X509_CRL_new(),
                                                                   &::X509_CRL_free);
  ::X509_CRL_set_version(list.get(), 1);
  ::X509_CRL_set_issuer_name(list.get(), ::X509_get_subject_name(authority.certificate.get()));
  const std::unique_ptr<ASN1_TIME, decltype(&::ASN1_TIME_free)> time(::ASN1_TIME_new(),
                                                                     &::ASN1_TIME_free);
  ::X509_gmtime_adj(time.get(), -60);
  ::X509_CRL_set1_lastUpdate(list.get(), time.get());
  if (revoked != nullptr) {
    X509_REVOKED* const entry = ::X509_REVOKED_new();
    ::X509_REVOKED_set_serialNumber(entry, ::X509_get_serialNumber(revoked->certificate.get()));
    ::X509_REVOKED_set_revocationDate(entry, time.get());
    ::X509_CRL_add0_revoked(list.get(), entry);
  }
  ::X509_gmtime_adj(time.get(), 3600);
  ::X509_CRL_set1_nextUpdate(list.get(), time.get());
  EXPECT_GT(::X509_CRL_sign(list.get(), authority.key.get(), ::EVP_sha256()), 0);
  BIO* const bio = ::BIO_new(::BIO_s_mem());
  ::PEM_write_bio_X509_CRL(bio, list.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  ::BIO_free(bio);
  return text;
}

struct Outcome {
  bool connected = false;
  bool resumed = false;
  std::shared_ptr<const CertificateNames> certificate;
  Session session{nullptr, &::SSL_SESSION_free};
};

class Resumption : public testing::TestWithParam<int> {
 protected:
  std::shared_ptr<TicketKeys> keys(char secret = 's') {
    auto made = std::make_shared<TicketKeys>(clock_);
    EXPECT_TRUE(made->use(as_bytes(std::string(32, secret))));
    return made;
  }

  Outcome connect(const TlsSettings& settings, SSL_SESSION* session = nullptr,
                  const Identity* identity = nullptr) {
    auto context = TlsContext::load(settings);
    EXPECT_TRUE(context) << context.error().message;
    const auto filter = (*context)->make_filter();
    TlsClient client(identity, GetParam());
    if (session != nullptr) ::SSL_set_session(client.ssl(), session);
    FilterRun run;
    std::string to_server = client.exchange("");
    for (int i = 0; i < 10 && !to_server.empty(); ++i) {
      const std::size_t before = run.wire.size();
      feed(*filter, to_server, run);
      to_server = client.exchange(std::string_view(run.wire).substr(before));
    }
    Outcome outcome;
    outcome.connected = run.handshake_done && !client.failed();
    outcome.resumed = ::SSL_session_reused(client.ssl()) == 1;
    if (outcome.connected) {
      filter->describe(run.peer);
      outcome.certificate = run.peer.certificate;
    }
    ::SSL_set_shutdown(client.ssl(), SSL_SENT_SHUTDOWN);  // else the session counts as broken
    outcome.session.reset(::SSL_get1_session(client.ssl()));
    return outcome;
  }

  ManualClock clock_;
  const CertificateFolder folder_;
};

TEST_P(Resumption, WorksOnEveryNodeWithTheSameSecret) {
  TlsSettings here = folder_.server();
  here.tickets = keys();
  TlsSettings there = here;
  there.tickets = keys();
  const Outcome first = connect(here);
  ASSERT_TRUE(first.connected);
  EXPECT_FALSE(first.resumed);
  const Outcome second = connect(there, first.session.get());
  EXPECT_TRUE(second.connected);
  EXPECT_TRUE(second.resumed);
}

TEST_P(Resumption, IsAFullHandshakeUnderAnotherSecret) {
  TlsSettings here = folder_.server();
  here.tickets = keys();
  TlsSettings there = here;
  there.tickets = keys('o');
  const Outcome first = connect(here);
  const Outcome second = connect(there, first.session.get());
  EXPECT_TRUE(second.connected);
  EXPECT_FALSE(second.resumed);
}

TEST_P(Resumption, RenewsTicketsOfThePeriodBefore) {
  TlsSettings settings = folder_.server();
  settings.tickets = keys();
  const Outcome first = connect(settings);
  clock_.advance_ms(TicketKeys::kPeriodMs);
  const Outcome second = connect(settings, first.session.get());
  EXPECT_TRUE(second.resumed);
  clock_.advance_ms(TicketKeys::kPeriodMs);
  EXPECT_FALSE(connect(settings, first.session.get()).resumed);
  EXPECT_TRUE(connect(settings, second.session.get()).resumed);
}

TEST_P(Resumption, KnowsTheClientsCertificateAgain) {
  const Identity alice = make_identity("alice", &folder_.authority());
  TlsSettings settings = folder_.server(ClientCertificate::required);
  settings.tickets = keys();
  const Outcome first = connect(settings, nullptr, &alice);
  const Outcome second = connect(settings, first.session.get(), &alice);
  EXPECT_TRUE(second.resumed);
  ASSERT_NE(second.certificate, nullptr);
  EXPECT_EQ(second.certificate->common_name, "alice");
}

TEST_P(Resumption, ARevokedClientsTicketIsWorthNothing) {
  const Identity alice = make_identity("alice", &folder_.authority());
  TlsSettings settings = folder_.server(ClientCertificate::required);
  settings.tickets = keys();
  settings.crl_file = folder_.write("crl.pem", revocations(folder_.authority(), nullptr));
  const Outcome first = connect(settings, nullptr, &alice);
  ASSERT_TRUE(first.connected);
  EXPECT_TRUE(connect(settings, first.session.get(), &alice).resumed);
  folder_.write("crl.pem", revocations(folder_.authority(), &alice));
  EXPECT_FALSE(connect(settings, first.session.get(), &alice).connected);
}

TEST_P(Resumption, IsNotTakenWhereOtherCertificatesAreAskedFor) {
  TlsSettings open = folder_.server(ClientCertificate::optional);
  open.tickets = keys();
  TlsSettings strict = folder_.server(ClientCertificate::required);
  strict.tickets = open.tickets;
  const Outcome first = connect(open);
  ASSERT_TRUE(first.connected);
  EXPECT_TRUE(connect(open, first.session.get()).resumed);
  EXPECT_FALSE(connect(strict, first.session.get()).connected);
}

INSTANTIATE_TEST_SUITE_P(Versions, Resumption, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& each) {
                           return each.param == TLS1_2_VERSION ? "Tls12" : "Tls13";
                         });

}  // namespace
}  // namespace roost::net
