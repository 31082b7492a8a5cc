// SPDX-License-Identifier: Apache-2.0
// What is left of TLS 1.3 once the handshake is done: sealing and opening records (RFC 8446, 5 and
// 7). OpenSSL's state of a connection, 14 kB, is given up for two secrets and their keys.
// Thread: wherever its connection is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/net/byte_filter.h"

namespace roost::net {

struct TlsSuite;
// By IANA's number, 0x1301 to 0x1303; null: another one.
const TlsSuite* find_suite(std::uint16_t number);

class TlsRecords {
 public:
  // Secrets: [client, server]_application_traffic_secret_0. `sent`: records that were sent under
  // the server's already; of the client's none was read. Requires: secrets as long as the suite's
  // hash.
  TlsRecords(const TlsSuite& suite, ByteView client_secret, ByteView server_secret,
             std::uint64_t sent);

  FilterStatus from_wire(ByteView wire, FilterOutput& out_app, FilterOutput& out_wire);
  void to_wire(ByteView app, FilterOutput& out_wire);
  // close_notify; nothing is to be sent after it.
  void end(FilterOutput& out_wire);
  // After `failed`.
  const char* why() const { return why_; }

  // One direction's secret and what is derived from it. Wiped at the end.
  class Keys {
   public:
    Keys(const TlsSuite& suite, ByteView secret, std::uint64_t sequence);
    ~Keys();
    Keys(const Keys&) = delete;
    Keys& operator=(const Keys&) = delete;
    const TlsSuite& suite() const { return suite_; }
    const std::uint8_t* key() const { return key_.data(); }
    // Of the next record.
    std::array<std::uint8_t, 12> nonce();
    std::uint64_t sequence() const { return sequence_; }
    void update();

   private:
    void derive();
    const TlsSuite& suite_;
    std::uint64_t sequence_;
    std::array<std::uint8_t, 48> secret_{};
    std::array<std::uint8_t, 32> key_{};
    std::array<std::uint8_t, 12> iv_{};
  };

 private:
  std::size_t size_of_partial() const;
  FilterStatus open(ByteView record, FilterOutput& out_app, FilterOutput& out_wire);
  FilterStatus take_alert(ByteView alert);
  FilterStatus take_handshake(ByteView message, FilterOutput& out_wire);
  FilterStatus fail(std::uint8_t alert, const char* why, FilterOutput& out_wire);
  void seal(std::uint8_t type, ByteView content, FilterOutput& out_wire);
  void update_sending(FilterOutput& out_wire);

  Keys reading_;
  Keys writing_;
  std::vector<std::uint8_t> partial_;  // the front of a record whose rest hasn't come
  const char* why_ = "";
  bool owes_update_ = false;
};

}  // namespace roost::net
