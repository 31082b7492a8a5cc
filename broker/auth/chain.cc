// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/chain.h"

#include <openssl/crypto.h>

#include <utility>

#include "broker/auth/request_identity.h"

namespace roost::auth {

namespace {

using mqtt::ReasonCode;

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

// `said`: by whoever let it in; null: nothing but the name in the request.
IdentityPtr complete(const AuthRequest& request, const IdentityPtr& said) {
  auto identity = std::make_shared<Identity>(said != nullptr ? *said : Identity());
  const Identity known = identity_of(request);
  if (said == nullptr && request.user_name) identity->user_name = *request.user_name;
  identity->certificate_common_name = known.certificate_common_name;
  identity->listener = known.listener;
  identity->address = known.address;
  return identity;
}

}  // namespace

// One request on its way from one authenticator to the next.
struct Chain::Asking {
  Asking(AuthRequest asked, Answer to) : request(std::move(asked)), answer(std::move(to)) {}
  ~Asking() {
    if (request.password) OPENSSL_cleanse(request.password->data(), request.password->size());
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

  AuthRequest request;
  Answer answer;
  std::size_t next = 0;
};

void Chain::authenticate(AuthRequest request, Answer answer) {
  auto asking = std::make_shared<Asking>(std::move(request), std::move(answer));
  const AuthRequest& asked = asking->request;
  if (asked.certificate_user) {
    asking->answer(judge_certificate(asked));
  } else if (sources_.empty() || (!asked.user_name && !asked.password)) {
    asking->answer(judge_anonymous(asked));
  } else {
    ask_next(asking);
  }
}

AuthResult Chain::judge_certificate(const AuthRequest& request) {
  if (request.certificate_user->empty()) {
    count(counters_.refused_certificate);
    return {ReasonCode::not_authorized, "its certificate names no user as tls.user wants it"};
  }
  count(counters_.accepted);
  count(counters_.accepted_certificate);
  auto named = std::make_shared<Identity>();
  named->user_name = *request.certificate_user;
  AuthResult result;
  result.identity = complete(request, named);
  return result;
}

// Without anybody to ask a name proves nothing.
AuthResult Chain::judge_anonymous(const AuthRequest& request) {
  const bool open = request.allow_anonymous.value_or(sources_.empty() && request.peer_is_loopback);
  if (open) {
    count(counters_.accepted);
    count(counters_.accepted_anonymous);
    AuthResult result;
    result.identity = complete(request, std::make_shared<Identity>());
    return result;
  }
  count(counters_.refused_anonymous);
  const bool unconfigured = sources_.empty() && !request.allow_anonymous;
  return {ReasonCode::not_authorized,
          unconfigured ? "no authentication is configured" : "a user name is required",
          unconfigured};
}

void Chain::ask_next(const std::shared_ptr<Asking>& asking) {
  Authenticator* const source = sources_[asking->next++];
  source->authenticate(AuthRequest(asking->request),
                       [this, asking](AuthResult result) { take(asking, std::move(result)); });
}

void Chain::take(const std::shared_ptr<Asking>& asking, AuthResult result) {
  if (result.is_unknown && asking->next < sources_.size()) {
    ask_next(asking);
    return;
  }
  if (mqtt::is_error(result.code)) {
    count(counters_.refused);
  } else {
    count(counters_.accepted);
    result.identity = complete(asking->request, result.identity);
  }
  asking->answer(std::move(result));
}

}  // namespace roost::auth
