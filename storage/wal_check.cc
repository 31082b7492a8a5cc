// SPDX-License-Identifier: Apache-2.0
#include "storage/wal_check.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "storage/crc32c.h"
#include "storage/database.h"
#include "storage/keys.h"

namespace roost::storage {

namespace {

// db/log_format.h
constexpr std::size_t kBlockSize = 32 * 1024;
constexpr std::size_t kHeaderSize = 7;  // checksum, length, type
enum class FragmentType : unsigned char { zero, full, first, middle, last };

struct Fragment {
  std::size_t at = 0, end = 0;  // with its header; without one it goes to the end of its block
  FragmentType type = FragmentType::zero;
  bool good = false;

  bool starts_batch() const {
    return good && (type == FragmentType::full || type == FragmentType::first);
  }
  bool ends_batch() const {
    return good && (type == FragmentType::full || type == FragmentType::last);
  }
};

std::uint32_t unmask(std::uint32_t masked) {
  const std::uint32_t rotated = masked - 0xa282ead8U;
  return rotated >> 17 | rotated << 15;
}

std::size_t end_of_block(std::string_view bytes, std::size_t at) {
  return std::min(bytes.size(), (at / kBlockSize + 1) * kBlockSize);
}

// What its header says; bad where it says nothing that can be.
Fragment read_fragment(std::string_view bytes, std::size_t at) {
  const std::size_t block_end = end_of_block(bytes, at);
  Fragment fragment{at, block_end, FragmentType::zero, false};
  if (block_end - at < kHeaderSize) return fragment;
  std::uint32_t sum;
  std::memcpy(&sum, bytes.data() + at, sizeof sum);
  const auto low = static_cast<unsigned char>(bytes[at + 4]);
  const auto high = static_cast<unsigned char>(bytes[at + 5]);
  const auto type = static_cast<unsigned char>(bytes[at + 6]);
  const std::size_t length = static_cast<std::size_t>(low) | static_cast<std::size_t>(high) << 8;
  if (type < 1 || type > 4 || at + kHeaderSize + length > block_end) return fragment;
  fragment.end = at + kHeaderSize + length;
  fragment.type = static_cast<FragmentType>(type);
  fragment.good = crc32c(bytes.substr(at + 6, length + 1)) == unmask(sum);
  return fragment;
}

// Of a bad fragment the length is believed where it leads to a good one or fills the block.
void doubt(std::string_view bytes, Fragment& fragment) {
  const std::size_t block_end = end_of_block(bytes, fragment.at);
  const bool fills = block_end - fragment.end < kHeaderSize;
  if (fragment.type != FragmentType::zero && (fills || read_fragment(bytes, fragment.end).good)) {
    return;
  }
  fragment.end = block_end;
  fragment.type = FragmentType::zero;
}

std::vector<Fragment> fragments_of(std::string_view bytes) {
  std::vector<Fragment> fragments;
  for (std::size_t at = 0; at < bytes.size();) {
    // The end of a block that holds no header is filled up.
    const std::size_t left = kBlockSize - at % kBlockSize;
    if (left < kHeaderSize) {
      at += left;
      continue;
    }
    fragments.push_back(read_fragment(bytes, at));
    if (!fragments.back().good) doubt(bytes, fragments.back());
    at = fragments.back().end;
  }
  return fragments;
}

std::optional<std::size_t> read_varint(std::string_view text, std::size_t* at) {
  std::size_t number = 0;
  for (int shift = 0; shift < 35 && *at < text.size(); shift += 7) {
    const auto byte = static_cast<unsigned char>(text[(*at)++]);
    number |= static_cast<std::size_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return number;
  }
  return std::nullopt;
}

// Every record of ours in a run of bytes that may be cut anywhere: found by how a write batch puts
// it (tag, column family, size of the key), believed for its checksum.
std::vector<std::pair<std::string, std::string>> find_records(std::string_view bytes) {
  constexpr char kTagColumnFamilyValue = 5;
  constexpr std::size_t kHead = 3;
  std::vector<std::pair<std::string, std::string>> records;
  for (std::size_t at = 0; at + kHead + kLogKeySize < bytes.size();) {
    const std::size_t start = at++;
    if (bytes[start] != kTagColumnFamilyValue || bytes[start + 2] != kLogKeySize) continue;
    const std::string_view key = bytes.substr(start + kHead, kLogKeySize);
    std::size_t value_at = start + kHead + kLogKeySize;
    const auto size = read_varint(bytes, &value_at);
    if (!size || *size > bytes.size() - value_at) continue;
    const std::string_view value = bytes.substr(value_at, *size);
    if (!parse_log_key(key) || !parse_log_value(key, value)) continue;
    records.emplace_back(key, value);
    at = value_at + *size;
  }
  return records;
}

// Without the headers between the fragments; of a bad one all that is there.
std::string content(std::string_view bytes, const std::vector<Fragment>& fragments,
                    std::size_t end) {
  std::string stream;
  for (const Fragment& fragment : fragments) {
    if (fragment.at >= end) break;
    const std::size_t head = fragment.type == FragmentType::zero ? 0 : kHeaderSize;
    stream.append(bytes.substr(fragment.at + head, fragment.end - fragment.at - head));
  }
  return stream;
}

struct Found {
  std::string name;
  std::uint64_t number = 0;
  std::string bytes;
};

Result<std::vector<Found>> read_wals(rocksdb::FileSystem& files, const std::string& folder) {
  std::vector<std::string> names;
  const auto listed = files.GetChildren(folder, {}, &names, nullptr);
  if (listed.IsPathNotFound() || listed.IsNotFound()) return std::vector<Found>();
  if (!listed.ok()) return as_error(listed, folder + " can't be read");
  std::vector<Found> found;
  for (const std::string& name : names) {
    Found wal;
    const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), wal.number);
    if (failure != std::errc() || std::string_view(end) != ".log") continue;
    wal.name = name;
    const auto read = rocksdb::ReadFileToString(&files, folder + "/" + name, &wal.bytes);
    if (!read.ok()) return as_error(read, folder + "/" + name + " can't be read");
    found.push_back(std::move(wal));
  }
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.number < b.number; });
  return found;
}

bool holds_a_batch(std::string_view bytes) {
  const auto fragments = fragments_of(bytes);
  return std::any_of(fragments.begin(), fragments.end(),
                     [](const Fragment& fragment) { return fragment.starts_batch(); });
}

}  // namespace

WalReport check_wal(std::string_view bytes, bool is_last) {
  const std::vector<Fragment> fragments = fragments_of(bytes);
  // One writer, one sync a batch: what stands before the start of a batch was synced. Where nothing
  // starts later, a bad place belongs to the last write, which nobody was told of.
  std::size_t synced = is_last ? 0 : bytes.size();
  std::size_t open_batch = bytes.size();
  for (const Fragment& fragment : fragments) {
    if (fragment.starts_batch()) {
      synced = std::max(synced, fragment.at);
      open_batch = fragment.at;
    }
    if (fragment.ends_batch()) open_batch = bytes.size();
  }
  WalReport report;
  std::size_t tail = open_batch;
  const auto damage = [&report](std::size_t at, std::size_t end) {
    if (report.damaged_bytes == 0) report.damaged_at = at;
    report.damaged_bytes += end - at;
  };
  for (const Fragment& fragment : fragments) {
    if (fragment.good) continue;
    if (fragment.at < synced) {
      damage(fragment.at, fragment.end);
    } else {
      tail = std::min(tail, fragment.at);
    }
  }
  if (tail < bytes.size() && !is_last) {
    if (report.damaged_bytes == 0) damage(tail, bytes.size());  // cut off in the midst of a batch
    tail = bytes.size();
  }
  report.tail_bytes = bytes.size() - tail;
  if (report.damaged_bytes > 0) {
    // The last batch of all is as good as never written where it is torn.
    report.records = find_records(content(bytes, fragments, tail));
  }
  return report;
}

Result<std::vector<WalReport>> check_wals(rocksdb::FileSystem& files, const std::string& folder) {
  auto wals = read_wals(files, folder);
  if (!wals) return Unexpected(std::move(wals).error());
  std::vector<WalReport> reports;
  bool is_last = true;
  for (auto wal = wals->rbegin(); wal != wals->rend(); ++wal) {
    WalReport report = check_wal(wal->bytes, is_last);
    report.name = wal->name;
    report.number = wal->number;
    reports.push_back(std::move(report));
    is_last = is_last && !holds_a_batch(wal->bytes);
  }
  std::reverse(reports.begin(), reports.end());
  return reports;
}

}  // namespace roost::storage
