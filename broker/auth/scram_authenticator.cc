// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/scram_authenticator.h"

#include <utility>

namespace roost::auth {

namespace {

using mqtt::ReasonCode;
using Kind = EnhancedStep::Kind;

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

ScramLookup lookup_in(const PasswordAuthenticator& passwords) {
  return [&passwords](std::string_view user) -> std::optional<std::string> {
    const auto now = passwords.snapshot();
    const auto found = now->users.find(std::string(user));
    if (found == now->users.end() || !is_scram(found->second)) return std::nullopt;
    return found->second;
  };
}

class Exchange final : public EnhancedExchange {
 public:
  Exchange(const PasswordAuthenticator& passwords, const ScramDecoys& decoys,
           ScramCounters& counters, const AuthRequest& request)
      : scram_(lookup_in(passwords), decoys, passwords.snapshot()->scram_iterations),
        counters_(counters) {
    identity_.certificate_common_name = request.certificate_common_name;
    identity_.listener = request.listener;
    identity_.address = request.address;
  }

  EnhancedStep step(ByteView data) override {
    const bool is_final = std::exchange(began_, true);
    ScramStep said = is_final ? scram_.final(as_text(data)) : scram_.first(as_text(data));
    if (!said.refusal.empty()) return refuse(std::move(said));
    EnhancedStep answer{Kind::go_on, std::move(said.data), {}};
    if (!is_final) return answer;
    count(counters_.accepted);
    identity_.user_name = scram_.user();
    answer.kind = Kind::success;
    answer.result.identity = std::make_shared<const Identity>(std::move(identity_));
    return answer;
  }

 private:
  // Codes that a DISCONNECT may carry as well.
  EnhancedStep refuse(ScramStep said) {
    count(said.is_garbled ? counters_.refused_garbled : counters_.refused_proof);
    const auto code = said.is_garbled ? ReasonCode::protocol_error : ReasonCode::not_authorized;
    return {Kind::refusal, std::move(said.data), {code, said.refusal}};
  }

  ScramExchange scram_;
  ScramCounters& counters_;
  Identity identity_;
  bool began_ = false;
};

}  // namespace

std::unique_ptr<EnhancedExchange> ScramAuthenticator::begin(std::string_view method,
                                                            const AuthRequest& request) const {
  if (!knows_method(method)) return nullptr;
  return std::make_unique<Exchange>(passwords_, decoys_, counters_, request);
}

}  // namespace roost::auth
