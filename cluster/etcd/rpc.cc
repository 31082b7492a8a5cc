// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/rpc.h"

#include <grpc/support/log.h>
#include <grpc/support/time.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <unordered_set>
#include <utility>
#include <vector>

#include "broker/base/check.h"
#include "broker/base/file.h"
#include "cluster/etcd/etcd_coordinator.h"
#include "cluster/etcd/loop.h"
#include "proto/coordinator.grpc.pb.h"

namespace roost::cluster::etcd {
namespace {

namespace pb = etcdserverpb;

// Between two looks at a connection's state. Where it stands little hangs on them: what is under
// way on it notices by itself when it breaks.
constexpr std::int64_t kReadyLookMs = 1000;
constexpr std::int64_t kLookMs = 20;
// etcd ends connections that are asked for a sign of life more often than every 5 s.
constexpr int kPingMs = 6000;
constexpr int kPingTimeoutMs = 3000;
constexpr int kReconnectFirstMs = 100;
constexpr int kReconnectMs = 1000;  // also how long one attempt may take

gpr_timespec from_now(std::int64_t ms) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(ms, GPR_TIMESPAN));
}

// What is under way, so that a stop can end it. A call is its own owner until its end.
class LiveCalls {
 public:
  void add(grpc::ClientContext& context) { contexts_.insert(&context); }
  void remove(grpc::ClientContext& context) { contexts_.erase(&context); }
  bool is_stopped() const { return is_stopped_; }
  void stop() {
    is_stopped_ = true;
    for (grpc::ClientContext* context : contexts_) context->TryCancel();
  }

 private:
  std::unordered_set<grpc::ClientContext*> contexts_;
  bool is_stopped_ = false;
};

void prepare(grpc::ClientContext& context, const Route& route) {
  // A member that is cut off from the others says so instead of waiting; its streams end.
  context.AddMetadata("hasleader", "true");
  if (!route.token.empty()) context.AddMetadata("token", route.token);
  if (route.timeout_ms > 0) context.set_deadline(from_now(route.timeout_ms));
}

Status status_of(const grpc::Status& status) {
  return Status{static_cast<int>(status.error_code()), status.error_message()};
}

template <typename Response>
class Unary final : public Tag {
 public:
  template <typename Request, typename Stub>
  static void begin(LiveCalls& live, const Route& route, grpc::CompletionQueue& queue, Stub& stub,
                    std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> (Stub::*method)(
                        grpc::ClientContext*, const Request&, grpc::CompletionQueue*),
                    const Request& request, Answered<Response> answered) {
    CHECK(!live.is_stopped());
    auto* call = new Unary(live, std::move(answered));
    prepare(call->context_, route);
    call->reader_ = (stub.*method)(&call->context_, request, &queue);
    call->reader_->StartCall();
    call->reader_->Finish(&call->response_, &call->status_, static_cast<Tag*>(call));
  }

 private:
  Unary(LiveCalls& live, Answered<Response> answered)
      : live_(live), answered_(std::move(answered)) {
    live_.add(context_);
  }
  ~Unary() = default;

  void complete(bool) override {
    live_.remove(context_);
    if (!live_.is_stopped()) answered_(status_of(status_), response_);
    delete this;
  }

  LiveCalls& live_;
  Answered<Response> answered_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> reader_;
  Response response_;
  grpc::Status status_;
};

template <typename Request, typename Response>
class StreamHandle;

// One operation at a time: start, the request, answers until one fails, the end.
template <typename Request, typename Response>
class OpenStream final : public Tag {
 public:
  using Caller = grpc::ClientAsyncReaderWriter<Request, Response>;

  OpenStream(LiveCalls& live, const Route& route, Request request, StreamEvents<Response> events)
      : live_(live), request_(std::move(request)), events_(std::move(events)) {
    CHECK(!live.is_stopped());
    prepare(context_, route);
    live_.add(context_);
  }

  template <typename Stub>
  static std::unique_ptr<Stream> begin(
      std::shared_ptr<OpenStream> stream, grpc::CompletionQueue& queue, Stub& stub,
      std::unique_ptr<Caller> (Stub::*method)(grpc::ClientContext*, grpc::CompletionQueue*)) {
    stream->caller_ = (stub.*method)(&stream->context_, &queue);
    stream->self_ = stream;
    stream->caller_->StartCall(static_cast<Tag*>(stream.get()));
    return std::make_unique<StreamHandle<Request, Response>>(std::move(stream));
  }

  // The owner wants no more.
  void abandon() {
    is_abandoned_ = true;
    context_.TryCancel();
  }

 private:
  enum class Doing { start, request, answer, end };

  bool is_wanted() const { return !is_abandoned_ && !live_.is_stopped(); }

  void complete(bool is_ok) override {
    if (doing_ == Doing::end) return finish();
    if (is_ok && doing_ == Doing::answer && is_wanted()) events_.on_message(response_);
    if (!is_ok || !is_wanted()) {
      doing_ = Doing::end;
      caller_->Finish(&status_, static_cast<Tag*>(this));
    } else if (doing_ == Doing::start) {
      doing_ = Doing::request;
      caller_->Write(request_, static_cast<Tag*>(this));
    } else {
      doing_ = Doing::answer;
      caller_->Read(&response_, static_cast<Tag*>(this));
    }
  }

  void finish() {
    live_.remove(context_);
    // What is told may hold who holds this stream.
    const StreamEvents<Response> events = std::move(events_);
    if (is_wanted()) events.on_end(status_of(status_));
    self_.reset();
  }

  LiveCalls& live_;
  Request request_;
  StreamEvents<Response> events_;
  grpc::ClientContext context_;
  std::unique_ptr<Caller> caller_;
  Response response_;
  grpc::Status status_;
  Doing doing_ = Doing::start;
  bool is_abandoned_ = false;
  std::shared_ptr<OpenStream> self_;  // while an operation is under way
};

template <typename Request, typename Response>
class StreamHandle final : public Stream {
 public:
  explicit StreamHandle(std::shared_ptr<OpenStream<Request, Response>> stream)
      : stream_(std::move(stream)) {}
  ~StreamHandle() override { stream_->abandon(); }

 private:
  std::shared_ptr<OpenStream<Request, Response>> stream_;
};

// Looks at a connection's state again and again, which also makes it come about.
class StateWatch {
 public:
  StateWatch(grpc::Channel& channel, Loop& loop, const LiveCalls& live,
             const std::function<void()>& on_change)
      : channel_(channel), loop_(loop), live_(live), on_change_(on_change) {}
  // Now, not when it was last looked at: a call that is known to have nobody is never begun.
  bool is_ready() const { return channel_.GetState(false) == GRPC_CHANNEL_READY; }
  void look() {
    if (live_.is_stopped()) return;
    const grpc_connectivity_state before = std::exchange(state_, channel_.GetState(true));
    loop_.after(state_ == GRPC_CHANNEL_READY ? kReadyLookMs : kLookMs, [this] { look(); });
    // Ready again, maybe: it may have been away between two looks.
    if (state_ != before || state_ == GRPC_CHANNEL_READY) on_change_();
  }

 private:
  grpc::Channel& channel_;
  Loop& loop_;
  const LiveCalls& live_;
  const std::function<void()>& on_change_;
  grpc_connectivity_state state_ = GRPC_CHANNEL_IDLE;
};

struct Member {
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<pb::KV::Stub> kv;
  std::unique_ptr<pb::Lease::Stub> lease;
  std::unique_ptr<pb::Watch::Stub> watch;
  std::unique_ptr<pb::Auth::Stub> auth;
  std::unique_ptr<StateWatch> state;
};

grpc::ChannelArguments channel_arguments() {
  grpc::ChannelArguments arguments;
  // A Txn is sent once, by the library as well.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kPingMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectFirstMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMs);
  // Longer answers than the library's 4 MiB are ours: a watch that catches up.
  arguments.SetMaxReceiveMessageSize(-1);
  return arguments;
}

Result<std::shared_ptr<grpc::ChannelCredentials>> credentials(const EtcdOptions& options) {
  if (options.ca_file.empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions ssl;
  const auto read = [](const std::string& path, std::string* into) -> Result<void> {
    if (path.empty()) return {};
    auto text = base::read_file(path);
    if (!text) return Unexpected(text.error());
    *into = std::move(*text);
    return {};
  };
  for (const auto& [path, into] : {std::pair{&options.ca_file, &ssl.pem_root_certs},
                                   std::pair{&options.cert_file, &ssl.pem_cert_chain},
                                   std::pair{&options.key_file, &ssl.pem_private_key}}) {
    if (auto done = read(*path, into); !done) return Unexpected(done.error());
  }
  return grpc::SslCredentials(ssl);
}

class GrpcRpc final : public Rpc {
 public:
  GrpcRpc(Loop& loop, std::function<void()> on_ready)
      : loop_(loop), queue_(loop.queue()), on_ready_(std::move(on_ready)) {}

  void add(const std::string& endpoint,
           const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    auto channel = grpc::CreateCustomChannel(endpoint, credentials, channel_arguments());
    members_.push_back({channel, pb::KV::NewStub(channel), pb::Lease::NewStub(channel),
                        pb::Watch::NewStub(channel), pb::Auth::NewStub(channel),
                        std::make_unique<StateWatch>(*channel, loop_, live_, on_ready_)});
  }

  void start() override {
    for (Member& member : members_) member.state->look();
  }
  void stop() override { live_.stop(); }
  std::size_t member_count() const override { return members_.size(); }
  bool is_ready(std::size_t member) const override { return members_[member].state->is_ready(); }

  void call(const Route& route, const pb::RangeRequest& request,
            Answered<pb::RangeResponse> answered) override {
    unary(route, *members_[route.member].kv, &pb::KV::Stub::PrepareAsyncRange, request, answered);
  }
  void call(const Route& route, const pb::TxnRequest& request,
            Answered<pb::TxnResponse> answered) override {
    unary(route, *members_[route.member].kv, &pb::KV::Stub::PrepareAsyncTxn, request, answered);
  }
  void call(const Route& route, const pb::LeaseGrantRequest& request,
            Answered<pb::LeaseGrantResponse> answered) override {
    unary(route, *members_[route.member].lease, &pb::Lease::Stub::PrepareAsyncLeaseGrant, request,
          answered);
  }
  void call(const Route& route, const pb::LeaseRevokeRequest& request,
            Answered<pb::LeaseRevokeResponse> answered) override {
    unary(route, *members_[route.member].lease, &pb::Lease::Stub::PrepareAsyncLeaseRevoke, request,
          answered);
  }
  void call(const Route& route, const pb::AuthenticateRequest& request,
            Answered<pb::AuthenticateResponse> answered) override {
    unary(route, *members_[route.member].auth, &pb::Auth::Stub::PrepareAsyncAuthenticate, request,
          answered);
  }

  std::unique_ptr<Stream> open(const Route& route, const pb::WatchRequest& request,
                               StreamEvents<pb::WatchResponse> events) override {
    return stream(route, *members_[route.member].watch, &pb::Watch::Stub::PrepareAsyncWatch,
                  request, std::move(events));
  }
  std::unique_ptr<Stream> open(const Route& route, const pb::LeaseKeepAliveRequest& request,
                               StreamEvents<pb::LeaseKeepAliveResponse> events) override {
    return stream(route, *members_[route.member].lease,
                  &pb::Lease::Stub::PrepareAsyncLeaseKeepAlive, request, std::move(events));
  }

 private:
  template <typename Request, typename Response, typename Stub, typename Method>
  void unary(const Route& route, Stub& stub, Method method, const Request& request,
             Answered<Response>& answered) {
    Unary<Response>::begin(live_, route, queue_, stub, method, request, std::move(answered));
  }
  template <typename Request, typename Response, typename Stub, typename Method>
  std::unique_ptr<Stream> stream(const Route& route, Stub& stub, Method method,
                                 const Request& request, StreamEvents<Response> events) {
    using Open = OpenStream<Request, Response>;
    return Open::begin(std::make_shared<Open>(live_, route, request, std::move(events)), queue_,
                       stub, method);
  }

  Loop& loop_;
  grpc::CompletionQueue& queue_;
  std::function<void()> on_ready_;
  LiveCalls live_;
  std::vector<Member> members_;
};

}  // namespace

Result<std::unique_ptr<Rpc>> Rpc::make(Loop& loop, const EtcdOptions& options,
                                       std::function<void()> on_ready) {
  auto with = credentials(options);
  if (!with) return Unexpected(with.error());
  // It would write to stderr by itself; what matters comes with the statuses.
  gpr_set_log_function([](gpr_log_func_args*) {});
  auto rpc = std::make_unique<GrpcRpc>(loop, std::move(on_ready));
  for (const std::string& endpoint : options.endpoints) rpc->add(endpoint, *with);
  return std::unique_ptr<Rpc>(std::move(rpc));
}

}  // namespace roost::cluster::etcd
