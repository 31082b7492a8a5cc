// SPDX-License-Identifier: Apache-2.0
// Why a session's client didn't get a message, remembered of the last one, for people. The causes
// of roost_messages_dropped_total have the same names.
// Thread: a value.
#pragma once

#include <cstdint>
#include <string_view>

namespace roost::session {

enum class DropCause : std::uint8_t {
  none,
  slow_reader,
  queue_full,
  oldest_of_full_queue,
  superseded,
  expired,
  too_old,
  too_large,
  not_receivable,
  rejected_by_subscriber,
  damaged,
};

constexpr std::string_view to_text(DropCause cause) {
  switch (cause) {
    case DropCause::none:
      return "none";
    case DropCause::slow_reader:
      return "slow_reader";
    case DropCause::queue_full:
      return "queue_full";
    case DropCause::oldest_of_full_queue:
      return "queue_overflow_oldest";
    case DropCause::superseded:
      return "keep_last";
    case DropCause::expired:
      return "expired";
    case DropCause::too_old:
      return "queued_too_long";
    case DropCause::too_large:
      return "too_large";
    case DropCause::not_receivable:
      return "not_receivable";
    case DropCause::rejected_by_subscriber:
      return "rejected_by_subscriber";
    case DropCause::damaged:
      return "damaged";
  }
  return "none";
}

}  // namespace roost::session
