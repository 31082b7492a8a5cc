// SPDX-License-Identifier: Apache-2.0
// Who may connect. Gates ask an Authenticator once per CONNECT and go on when it answers.
// Thread: any thread.
// Owner: the server; outlives the gates.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "broker/auth/identity.h"
#include "broker/base/bytes.h"
#include "broker/mqtt/reason_code.h"

namespace roost::auth {

struct AuthRequest {
  std::string client_id;
  std::optional<std::string> user_name;
  std::optional<std::string> password;  // bytes; wiped by the authenticator
  std::string address;                  // of the client, without port; empty: a Unix socket
  bool peer_is_loopback = false;
  std::string listener;                 // its name
  std::string certificate_common_name;  // of a verified client certificate, else empty
  // Where the listener takes user names from certificates and one was shown: the name in it; empty:
  // it has none.
  std::optional<std::string> certificate_user;
  // The listener's allow_anonymous. Unset: with a password file nobody anonymous, without one
  // loopback only.
  std::optional<bool> allow_anonymous;
};

// A refused client learns the code only; the reason is for our log.
struct AuthResult {
  mqtt::ReasonCode code = mqtt::ReasonCode::success;
  std::string_view reason;  // of static life, e.g. "wrong password"; empty on success
  // The refusal is the closed door of a broker without authentication: the log line must name
  // auth.password_file and auth.allow_anonymous.
  bool door_closed = false;
  // Only of one in a chain: it doesn't know the client, the next one may. `code` and `reason` are
  // for the client where nobody does.
  bool is_unknown = false;
  // On success: who it is. Null: the names in the request, which nothing depends on.
  IdentityPtr identity = nullptr;
};

class Authenticator {
 public:
  using Answer = std::function<void(AuthResult)>;

  virtual ~Authenticator() = default;
  // `answer` is called exactly once: before this returns when nothing expensive is needed, else on
  // a thread of the authenticator's (post to your core). Never blocks.
  virtual void authenticate(AuthRequest request, Answer answer) = 0;
};

// MQTT 5 enhanced authentication: what is answered to one piece of Authentication Data.
struct EnhancedStep {
  enum class Kind : std::uint8_t {
    go_on,    // AUTH 0x18 with `data`
    success,  // CONNACK, or AUTH 0x00 of a re-authentication, with `data` and result.identity
    refusal,  // result.code and reason; `data` may go along in a CONNACK
  };
  Kind kind = Kind::refusal;
  std::string data;
  AuthResult result;
};

// One CONNECT or one re-authentication (AUTH 0x19) until success or refusal.
// Thread: one at a time. Owner: the gate; ends before the EnhancedAuthenticator.
class EnhancedExchange {
 public:
  virtual ~EnhancedExchange() = default;
  // Never blocks, costs microseconds. `data`: of CONNECT or AUTH; empty: there was none.
  virtual EnhancedStep step(ByteView data) = 0;
};

// Thread: any thread. Owner: the server; outlives the gates.
class EnhancedAuthenticator {
 public:
  virtual ~EnhancedAuthenticator() = default;
  // False: the client gets 0x8C.
  virtual bool knows_method(std::string_view method) const = 0;
  // Null: the method isn't known. `request`: of the CONNECT, also when it authenticates again: it
  // must be the same user then, which is for the gate to compare (result.identity->user_name).
  virtual std::unique_ptr<EnhancedExchange> begin(std::string_view method,
                                                  const AuthRequest& request) const = 0;
};

class NoEnhancedAuthenticator final : public EnhancedAuthenticator {
 public:
  bool knows_method(std::string_view) const override { return false; }
  std::unique_ptr<EnhancedExchange> begin(std::string_view, const AuthRequest&) const override {
    return nullptr;
  }
};

}  // namespace roost::auth
