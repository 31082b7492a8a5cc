// SPDX-License-Identifier: Apache-2.0
// The leader's Appends: as much as a member may have in flight, from memory or from the log.
#include <algorithm>
#include <utility>

#include "cluster/replication/leader.h"

namespace roost::cluster::replication {

void Leader::stream(Progress& member) {
  if (!member.is_fenced || member.is_left_alone || member.import != Progress::Import::none) return;
  const Settings& limits = state_.settings;
  LocalLog& log = state_.log;
  while (member.next <= log.last()) {
    const LogIndex in_flight = member.next - 1 - member.appended;
    if (in_flight >= limits.in_flight_records_max ||
        log.bytes_between(member.appended, member.next - 1) >= limits.in_flight_bytes_max) {
      break;
    }
    if (member.next < log.memory_from()) {
      if (in_flight > 0 || member.read != 0) break;
      member.read = state_.next_id();
      const LogIndex last =
          std::min(member.next + limits.append_records_max, log.memory_from()) - 1;
      state_.out.reads.push_back({member.read, member.next, last, limits.append_bytes_max});
      break;
    }
    const std::size_t room = limits.in_flight_records_max - in_flight;
    send_append(member, log.records_from(member.next, std::min(room, limits.append_records_max),
                                         limits.append_bytes_max));
  }
  const std::int64_t idle_ms =
      state_.is_quiet ? limits.quiet_heartbeat_ms : limits.idle_heartbeat_ms;
  const std::int64_t every_ms = is_idle(member) ? idle_ms : limits.heartbeat_ms;
  if (member.append_ms == 0 || state_.now / every_ms != member.append_ms / every_ms) {
    send_append(member, nullptr);
  }
}

// There is nothing that it could say or do.
bool Leader::is_idle(const Progress& member) const {
  return state_.role == Role::leader && member.is_in_sync && member.is_counted &&
         member.synced == state_.log.last() && member.told_commit == state_.commit;
}

// R1, R2
void Leader::send_append(Progress& member, LogRecords records) {
  const Position previous = state_.log.position_at(member.next - 1);
  if (records) {
    if (member.next == member.appended + 1) member.moved_ms = state_.now;
    member.next += records->size();
    member.records_ms = state_.now;
  }
  member.append_ms = state_.now;
  member.told_commit = state_.commit;
  state_.send(member.id, Append{epoch_, previous, state_.commit, state_.now, std::move(records)});
}

// What was lost on the way: from what the member has. It is known to be lost when something that
// was sent later is answered.
void Leader::resend(Progress& member) {
  if (member.next == member.appended + 1) return;
  const bool is_lost = member.confirmed_ms && *member.confirmed_ms > member.records_ms;
  const Settings& limits = state_.settings;
  if (state_.now - member.moved_ms < (is_lost ? limits.retry_ms : limits.slow_retry_ms)) return;
  member.next = member.appended + 1;
  member.moved_ms = state_.now;
}

void Leader::on_log_read(std::uint64_t id, const std::vector<LogRecord>& records) {
  const auto member = std::find_if(members_.begin(), members_.end(),
                                   [&](const Progress& one) { return one.read == id; });
  if (member == members_.end()) return;
  member->read = 0;
  if (!member->is_fenced || member->import != Progress::Import::none) return;
  if (records.empty()) {  // trimmed: ask again what it has, and decide anew
    member->is_fenced = false;
    return;
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].position != state_.log.position_at(member->next + i)) return;
  }
  if (records.back().position.index > state_.log.last()) return;
  send_append(*member, std::make_shared<const std::vector<LogRecord>>(records));
}

}  // namespace roost::cluster::replication
