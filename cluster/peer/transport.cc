// SPDX-License-Identifier: Apache-2.0
#include "cluster/peer/transport.h"

#include <absl/synchronization/mutex.h>
#include <grpc/support/log.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>
#include <vector>

#include "broker/base/file.h"
#include "cluster/peer/grpc_peer_network.h"
#include "cluster/peer/settings.h"
#include "proto/peer.grpc.pb.h"

namespace roost::cluster::peer {
namespace {

struct Pem {
  std::string ca;
  std::string cert;
  std::string key;
};

Result<Pem> read_pem(const PeerTls& tls) {
  Pem pem;
  for (const auto& [path, into] :
       {std::pair{&tls.ca_file, &pem.ca}, std::pair{&tls.cert_file, &pem.cert},
        std::pair{&tls.key_file, &pem.key}}) {
    auto text = base::read_file(*path);
    if (!text) return Unexpected(text.error());
    *into = std::move(*text);
  }
  return pem;
}

class DialledWire final : public grpc::ClientBidiReactor<pb::Envelope, pb::Envelope>, public Wire {
 public:
  DialledWire(const std::shared_ptr<grpc::Channel>& channel, WireEvents& events)
      : stub_(pb::Peer::NewStub(channel)), events_(events) {
    stub_->async()->Exchange(&context_, this);
    AddHold();  // reads and writes are begun from anywhere, until finish()
    StartCall();
  }

  void read(pb::Envelope& into) override { StartRead(&into); }
  void write(const pb::Envelope& envelope) override { StartWrite(&envelope); }
  void cancel() override { context_.TryCancel(); }
  void finish() override { RemoveHold(); }
  // gRPC has compared the certificate with the name that was dialled.
  bool is_named(const std::string&) const override { return true; }

 private:
  void OnReadDone(bool is_ok) override { events_.on_read(is_ok); }
  void OnWriteDone(bool is_ok) override { events_.on_written(is_ok); }
  void OnDone(const grpc::Status& status) override {
    WireEvents& events = events_;
    const std::string why = status.error_message();
    delete this;
    events.on_gone(why);
  }

  grpc::ClientContext context_;
  std::unique_ptr<pb::Peer::Stub> stub_;
  WireEvents& events_;
};

class AcceptedWire final : public grpc::ServerBidiReactor<pb::Envelope, pb::Envelope>, public Wire {
 public:
  AcceptedWire(grpc::CallbackServerContext& context, bool is_secure,
               const Transport::Accept& accept)
      : context_(context), is_secure_(is_secure), events_(accept(*this)) {}

  void read(pb::Envelope& into) override { StartRead(&into); }
  void write(const pb::Envelope& envelope) override { StartWrite(&envelope); }
  void cancel() override { context_.TryCancel(); }
  void finish() override { Finish(grpc::Status::OK); }
  bool is_named(const std::string& name) const override {
    if (!is_secure_) return true;  // its word is taken
    const auto names = context_.auth_context()->FindPropertyValues(GRPC_X509_SAN_PROPERTY_NAME);
    return std::find(names.begin(), names.end(), grpc::string_ref(name)) != names.end();
  }

 private:
  void OnReadDone(bool is_ok) override { events_.on_read(is_ok); }
  void OnWriteDone(bool is_ok) override { events_.on_written(is_ok); }
  void OnCancel() override { events_.on_cancelled(); }
  void OnDone() override {
    WireEvents& events = events_;
    delete this;
    events.on_gone("it was closed");
  }

  grpc::CallbackServerContext& context_;
  const bool is_secure_;
  WireEvents& events_;
};

class GrpcTransport final : public Transport, private pb::Peer::CallbackService {
 public:
  // Debian's Abseil looks for cycles at each lock that gRPC takes: a thirtieth of a node's time.
  GrpcTransport(Pem pem, Accept accept) : pem_(std::move(pem)), accept_(std::move(accept)) {
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  }
  ~GrpcTransport() override = default;

  bool listen(const std::string& bind) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(bind, server_credentials(), &port_);
    builder.SetMaxReceiveMessageSize(kReceiveBytesMax);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    return server_ && port_ != 0;
  }

  std::uint16_t port() const override { return static_cast<std::uint16_t>(port_); }

  // One attempt: a channel that fails isn't used again, when to try once more is decided by us.
  Wire& dial(const std::string& address, const std::string& name, WireEvents& events) override {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetMaxReceiveMessageSize(kReceiveBytesMax);
    if (is_secure()) arguments.SetSslTargetNameOverride(name);
    const auto channel =
        grpc::CreateCustomChannel("dns:///" + address, channel_credentials(), arguments);
    auto* wire = new DialledWire(channel, events);
    keep(channel);
    return *wire;
  }

  void stop() override { server_->Shutdown(std::chrono::system_clock::now()); }

 private:
  grpc::ServerBidiReactor<pb::Envelope, pb::Envelope>* Exchange(
      grpc::CallbackServerContext* context) override {
    return new AcceptedWire(*context, is_secure(), accept_);
  }

  // gRPC's callback threads are joined by whoever lets the last channel or service go, so that none
  // may be let go on one of them: a channel is kept until a later dial, or our end.
  void keep(std::shared_ptr<grpc::Channel> channel) {
    std::lock_guard lock(mutex_);
    std::erase_if(channels_, [](const auto& kept) { return kept.use_count() == 1; });
    channels_.push_back(std::move(channel));
  }

  bool is_secure() const { return !pem_.ca.empty(); }

  std::shared_ptr<grpc::ServerCredentials> server_credentials() const {
    if (!is_secure()) return grpc::InsecureServerCredentials();
    grpc::SslServerCredentialsOptions ssl(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    ssl.pem_root_certs = pem_.ca;
    ssl.pem_key_cert_pairs.push_back({pem_.key, pem_.cert});
    return grpc::SslServerCredentials(ssl);
  }
  std::shared_ptr<grpc::ChannelCredentials> channel_credentials() const {
    if (!is_secure()) return grpc::InsecureChannelCredentials();
    return grpc::SslCredentials({pem_.ca, pem_.key, pem_.cert});
  }

  const Pem pem_;
  const Accept accept_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;  // guarded by mutex_
};

}  // namespace

Result<std::unique_ptr<Transport>> Transport::make(const std::string& bind, const PeerTls& tls,
                                                   Accept accept) {
  Pem pem;
  if (!tls.ca_file.empty()) {
    auto read = read_pem(tls);
    if (!read) return Unexpected(read.error());
    pem = std::move(*read);
  }
  // It would write to stderr by itself; what matters comes with the statuses.
  gpr_set_log_function([](gpr_log_func_args*) {});
  auto transport = std::make_unique<GrpcTransport>(std::move(pem), std::move(accept));
  if (!transport->listen(bind)) {
    return error(ErrorKind::unavailable,
                 "can't listen for peers at " + bind + " (in use, or the certificate is unfit)");
  }
  return std::unique_ptr<Transport>(std::move(transport));
}

}  // namespace roost::cluster::peer
