// SPDX-License-Identifier: Apache-2.0
// The HTTP server behind TLS, over real sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/http/server.h"
#include "tests/net/tls_client.h"

namespace roost::http {
namespace {

using net::CertificateFolder;
using net::ClientCertificate;
using testing::HasSubstr;
using testing::StartsWith;

// A socket with TLS on top, or bare.
class Caller {
 public:
  explicit Caller(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{20, 0};  // a hang fails the test instead of the run
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(port);
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&place), sizeof place), 0);
  }
  ~Caller() { ::close(fd_); }

  void send(const std::string& bytes) { ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // Empty: closed.
  std::string receive() {
    char block[4096];
    const ssize_t got = ::recv(fd_, block, sizeof block, 0);
    return got > 0 ? std::string(block, static_cast<std::size_t>(got)) : std::string();
  }

 private:
  int fd_;
};

class HttpTls : public testing::Test {
 protected:
  void start(Settings settings = {}, ClientCertificate wanted = ClientCertificate::none) {
    settings.port = 0;
    settings.tls = std::make_shared<net::TlsSettings>(files_.server(wanted));
    const Handler who = [](const Request& request) {
      return Response{200, request.peer + (request.has_certificate ? " checked" : " unknown")};
    };
    auto opened = Server::open(settings, {{"GET", "/who", who}});
    ASSERT_TRUE(opened) << opened.error().message;
    server_ = std::move(opened).value();
    server_->start();
  }
  // All that the server says to one request, until it closes.
  std::string ask(const net::Identity* identity = nullptr, int version = TLS1_3_VERSION) {
    Caller caller(server_->port());
    net::TlsClient tls(identity, version);
    caller.send(tls.exchange({}));
    bool asked = false;
    for (;;) {
      const std::string got = caller.receive();
      if (got.empty()) return tls.received();
      caller.send(tls.exchange(got));
      if (!asked && tls.connected()) {
        asked = true;
        caller.send(tls.write("GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
      } else if (asked && tls.received().find("\r\n\r\n") != std::string::npos) {
        caller.send(tls.end());
      }
    }
  }

  CertificateFolder files_;
  std::unique_ptr<Server> server_;
};

TEST_F(HttpTls, ServesBothVersions) {
  start();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const std::string answer = ask(nullptr, version);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK"));
    EXPECT_THAT(answer, HasSubstr("127.0.0.1 unknown"));
  }
}

TEST_F(HttpTls, ChecksAClientsCertificateWhereItShowsOne) {
  start({}, ClientCertificate::optional);
  const net::Identity ours = net::make_identity("operator", &files_.authority());
  const net::Identity foreign = net::make_identity("operator");
  EXPECT_THAT(ask(), HasSubstr("127.0.0.1 unknown"));
  EXPECT_THAT(ask(&ours), HasSubstr("127.0.0.1 checked"));
  EXPECT_EQ(ask(&foreign), "");
}

TEST_F(HttpTls, ACertificateThatNobodyWantsIsNotChecked) {
  start();
  const net::Identity ours = net::make_identity("operator", &files_.authority());
  EXPECT_THAT(ask(&ours), HasSubstr("127.0.0.1 unknown"));
}

TEST_F(HttpTls, ReadsItsFilesAgain) {
  start();
  const std::string certificate = files_.path("server.pem");
  files_.write("server.pem", "nonsense");
  const auto failed = server_->reload_tls();
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr(certificate));
  EXPECT_THAT(ask(), StartsWith("HTTP/1.1 200 OK")) << "the old go on";
  const net::Identity next = net::make_identity("localhost", &files_.authority());
  files_.write("server.pem", net::pem_of(*next.certificate));
  files_.write("server.key", net::pem_of(*next.key));
  ASSERT_TRUE(server_->reload_tls());
  EXPECT_THAT(ask(), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(HttpTls, DoesNotOpenWithoutItsFiles) {
  Settings settings;
  settings.port = 0;
  auto tls = std::make_shared<net::TlsSettings>();
  tls->certificate_file = files_.path("missing.pem");
  settings.tls = tls;
  const auto opened = Server::open(settings, {});
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("missing.pem"));
}

TEST_F(HttpTls, ClosesWhoSpeaksPlainHttpOrNothing) {
  Settings settings;
  settings.timeout_ms = 50;
  start(settings);
  Caller plain(server_->port()), silent(server_->port());
  plain.send("GET /who HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(plain.receive().find("HTTP/"), std::string::npos);
  EXPECT_EQ(silent.receive(), "");
}

TEST_F(HttpTls, OneConnectionTooManyIsToldThroughTls) {
  Settings settings;
  settings.max_connections = 1;
  start(settings);
  const Caller first(server_->port());
  EXPECT_THAT(ask(), StartsWith("HTTP/1.1 503"));
}

TEST_F(HttpTls, StopsWhileHandshakesAreUnderWay) {
  start();
  Caller silent(server_->port());
  EXPECT_THAT(ask(), StartsWith("HTTP/1.1 200 OK"));
  server_->stop();
  EXPECT_EQ(silent.receive(), "");
}

}  // namespace
}  // namespace roost::http
