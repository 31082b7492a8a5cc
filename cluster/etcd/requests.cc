// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/requests.h"

#include <algorithm>
#include <utility>

namespace roost::cluster::etcd {
namespace {

constexpr std::int64_t kPauseMs = 50;               // before the next attempt
constexpr std::int64_t kAuthenticatePauseMs = 500;  // after a refusal
constexpr std::int64_t kDiagnosisMs = 1000;
constexpr int kUnavailable = 14;
constexpr int kFailedPrecondition = 9;
const Status kUnreachable{kUnavailable, "no member can be reached"};

}  // namespace

struct Requests::Request {
  Repeat repeat;
  Send send;
  Done done;
  std::int64_t deadline = 0;
  bool is_under_way = false;
  bool is_ended = false;
  Ending last;  // of the last attempt, also where another one follows
};

Requests::Requests(Loop& loop, Rpc& rpc, const EtcdOptions& options)
    : loop_(loop),
      rpc_(rpc),
      options_(options),
      has_token_(options.user.empty()),
      trouble_(kUnreachable) {}

void Requests::run(Repeat repeat, Send send, Done done) {
  auto request = std::make_shared<Request>();
  request->repeat = repeat;
  request->send = std::move(send);
  request->done = std::move(done);
  request->deadline = Loop::now_ms() + options_.timeout_ms;
  loop_.after(options_.timeout_ms, [this, request] {
    if (request->is_under_way) return;
    end(request, request->last.is_sent ? request->last.status : trouble_);
  });
  step(request);
}

void Requests::step(const RequestPtr& request) {
  if (request->is_ended) return;
  when_ready([this, request](const Route& route) { send(request, route); });
}

void Requests::send(const RequestPtr& request, const Route& route) {
  if (request->is_ended) return;
  request->is_under_way = true;
  request->last.sent_at = Loop::now_ms();
  Route limited = route;
  limited.timeout_ms = options_.answer_ms;
  if (request->repeat == Repeat::yes) {
    const std::int64_t left_ms = request->deadline - Loop::now_ms();
    limited.timeout_ms = std::clamp<std::int64_t>(left_ms, 1, options_.answer_ms);
  }
  request->send(limited, [this, request, limited](Status status) {
    request->is_under_way = false;
    request->last.is_sent = true;
    answered(request, limited, std::move(status));
  });
}

void Requests::answered(const RequestPtr& request, const Route& route, Status status) {
  switch (judge(status)) {
    case Verdict::ok:
    case Verdict::refused:
      return end(request, std::move(status));
    case Verdict::token_rejected:
      if (options_.user.empty()) return end(request, std::move(status));
      reject_token(route.token);
      return step_later(request, status);
    case Verdict::no_leader:
      avoid(route.member);
      return step_later(request, status);
    case Verdict::unknown:
      avoid(route.member);
      if (request->repeat == Repeat::no) return end(request, std::move(status));
      return step_later(request, status);
  }
}

void Requests::step_later(const RequestPtr& request, const Status& why) {
  if (Loop::now_ms() >= request->deadline) return end(request, why);
  request->last.status = why;
  loop_.after(kPauseMs, [this, request] { step(request); });
}

void Requests::end(const RequestPtr& request, Status status) {
  if (std::exchange(request->is_ended, true)) return;
  request->send = nullptr;
  request->last.status = std::move(status);
  std::exchange(request->done, nullptr)(request->last);
}

void Requests::when_ready(std::function<void(const Route&)> then) {
  if (has_token_ && rpc_.is_ready(current_)) return then(Route{current_, token_, 0});
  waiting_.push_back(std::move(then));
  look();
}

void Requests::look() {
  if (waiting_.empty()) return;
  if (!rpc_.is_ready(current_)) {
    avoid(current_);
    if (!rpc_.is_ready(current_)) return diagnose();
  }
  if (!has_token_) return authenticate();
  for (auto& then : std::exchange(waiting_, {})) then(Route{current_, token_, 0});
}

// A call to a member that can't be reached fails and says why. It does nothing where it can.
void Requests::diagnose() {
  if (std::exchange(is_diagnosing_, true)) return;
  etcdserverpb::RangeRequest request;
  request.set_key("/");
  request.set_count_only(true);
  rpc_.call(Route{current_, "", kDiagnosisMs}, request,
            [this](const Status& status, const etcdserverpb::RangeResponse&) {
              is_diagnosing_ = false;
              if (status.code == kUnavailable) trouble_ = status;
            });
}

void Requests::avoid(std::size_t member) {
  if (member != current_) return;
  const std::size_t count = rpc_.member_count();
  for (std::size_t i = 1; i < count; ++i) {
    const std::size_t next = (member + i) % count;
    if (!rpc_.is_ready(next)) continue;
    current_ = next;
    if (moved_) moved_();
    return;
  }
}

void Requests::reject_token(const std::string& token) {
  if (token == token_ && !options_.user.empty()) has_token_ = false;
}

void Requests::authenticate() {
  if (std::exchange(is_authenticating_, true)) return;
  etcdserverpb::AuthenticateRequest request;
  request.set_name(options_.user);
  request.set_password(options_.password);
  const Route route{current_, "", options_.answer_ms};
  rpc_.call(route, request,
            [this, member = current_](const Status& status,
                                      const etcdserverpb::AuthenticateResponse& response) {
              authenticated(member, status, response.token());
            });
}

void Requests::authenticated(std::size_t member, const Status& status, const std::string& token) {
  // Where etcd knows no users yet it needs no token; it will say so when that changes.
  const bool is_needless = status.code == kFailedPrecondition;
  if (status.is_ok() || is_needless) {
    is_authenticating_ = false;
    token_ = is_needless ? "" : token;
    has_token_ = true;
    trouble_ = kUnreachable;
    return look();
  }
  trouble_ = status;
  if (judge(status) == Verdict::unknown || judge(status) == Verdict::no_leader) avoid(member);
  loop_.after(kAuthenticatePauseMs, [this] {
    is_authenticating_ = false;
    look();
  });
}

std::string end_of_prefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (prefix.empty()) return std::string(1, '\0');
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

}  // namespace roost::cluster::etcd
