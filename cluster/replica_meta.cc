// SPDX-License-Identifier: Apache-2.0
#include "cluster/replica_meta.h"

#include <charconv>
#include <cstdint>
#include <system_error>

namespace roost::cluster {

namespace {

// "roost replica 1 FENCED LINEAGE IMPORT IMPORTING\n", then the shard's record as the coordinator
// has it.
constexpr std::string_view kHead = "roost replica 1";

bool take_number(std::string_view& text, std::uint64_t& number) {
  if (text.empty() || text.front() != ' ') return false;
  text.remove_prefix(1);
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

std::string encode(const replication::Meta& meta) {
  std::string text(kHead);
  for (const std::uint64_t number :
       {meta.fenced, meta.lineage, meta.import, std::uint64_t{meta.is_importing ? 1U : 0U}}) {
    text += ' ' + std::to_string(number);
  }
  return text + '\n' + encode(meta.record);
}

Result<replication::Meta> decode_meta(std::string_view text) {
  replication::Meta meta;
  if (text.empty()) return meta;
  if (!text.starts_with(kHead)) {
    return error(ErrorKind::corrupt, "what a replica remembers doesn't begin with 'roost replica'");
  }
  text.remove_prefix(kHead.size());
  std::uint64_t importing = 0;
  const bool is_sound = take_number(text, meta.fenced) && take_number(text, meta.lineage) &&
                        take_number(text, meta.import) && take_number(text, importing) &&
                        importing <= 1 && text.starts_with('\n');
  if (!is_sound) return error(ErrorKind::corrupt, "what a replica remembers has no four numbers");
  meta.is_importing = importing == 1;
  auto record = decode_shard_record(text.substr(1));
  if (!record) return Unexpected(std::move(record).error());
  meta.record = std::move(record).value();
  return meta;
}

}  // namespace roost::cluster
