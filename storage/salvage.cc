// SPDX-License-Identifier: Apache-2.0
#include "storage/salvage.h"

#include <rocksdb/sst_file_reader.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "storage/keys.h"

namespace roost::storage {

namespace {

constexpr int kProbesMax = 256;  // seeks that look for readable pages between two damaged ones
constexpr std::size_t kBatchBytes = 1 << 20;

rocksdb::Options reader_options(Database& database) {
  // Not the database's own table options: a check must not push the cache's pages out.
  return {database.setup().db_options(), rocksdb::ColumnFamilyOptions()};
}

// Newest first, as RocksDB looks: the first level by sequence, then level by level.
std::vector<rocksdb::LiveFileMetaData> tables_of(Database& database) {
  std::vector<rocksdb::LiveFileMetaData> tables;
  database.db().GetLiveFilesMetaData(&tables);
  std::stable_sort(tables.begin(), tables.end(), [](const auto& a, const auto& b) {
    if (a.level != b.level) return a.level < b.level;
    return a.largest_seqno > b.largest_seqno;
  });
  return tables;
}

std::string path_of(const rocksdb::LiveFileMetaData& table) { return table.db_path + table.name; }

// As a fraction between 0 and 1: the middle of two keys; an empty `before` is 1.
std::string middle(const Gap& gap) {
  const std::size_t size = std::max(gap.after.size(), gap.before.size()) + 2;
  std::string low = gap.after, high = gap.before;
  low.resize(size, '\0');
  high.resize(size, gap.before.empty() ? '\xff' : '\0');
  std::string sum(size, '\0');
  unsigned carry = 0;
  for (std::size_t i = size; i-- > 0;) {
    carry += static_cast<unsigned char>(low[i]) + static_cast<unsigned char>(high[i]);
    sum[i] = static_cast<char>(carry & 0xff);
    carry >>= 8;
  }
  for (char& c : sum) {
    const unsigned here = carry << 8 | static_cast<unsigned char>(c);
    c = static_cast<char>(here >> 1);
    carry = here & 1;
  }
  return sum;
}

class Walk {
 public:
  Walk(const MakeIterator& make, const VisitEntry& visit) : make_(make), visit_(visit) {}

  std::vector<Gap> run(const Gap& range) {
    Gap gap = range;
    if (forward(gap)) return {};
    if (backward(gap)) return {};
    open_.push_back(gap);
    for (int probes = 0; probes < kProbesMax && !open_.empty(); ++probes) probe();
    closed_.insert(closed_.end(), open_.begin(), open_.end());
    return join();
  }

 private:
  bool is_before_end(const rocksdb::Slice& key, const Gap& gap) const {
    return gap.before.empty() || as_text(key) < gap.before;
  }

  // From the gap's start; moves it to the last key that was read. True: there is no gap.
  bool forward(Gap& gap) {
    const auto it = make_();
    for (it->Seek(gap.after); it->Valid(); it->Next()) {
      if (as_text(it->key()) == gap.after) continue;
      if (!is_before_end(it->key(), gap)) return true;
      take(*it);
      gap.after = it->key().ToString();
    }
    return it->status().ok();
  }

  // The same from its end.
  bool backward(Gap& gap) {
    const auto it = make_();
    if (gap.before.empty()) {
      it->SeekToLast();
    } else {
      it->SeekForPrev(gap.before);
    }
    for (; it->Valid(); it->Prev()) {
      if (as_text(it->key()) <= gap.after) return true;
      if (as_text(it->key()) == gap.before) continue;
      take(*it);
      gap.before = it->key().ToString();
    }
    return it->status().ok();
  }

  void take(const rocksdb::Iterator& it) { visit_(as_text(it.key()), as_text(it.value())); }

  // Looks in the middle of a gap for an island; what is left around it are gaps again.
  void probe() {
    const Gap gap = open_.front();
    open_.pop_front();
    const std::string at = middle(gap);
    if (at <= gap.after || (!gap.before.empty() && at >= gap.before)) {
      closed_.push_back(gap);
      return;
    }
    const auto it = make_();
    it->Seek(at);
    const bool island = it->Valid() && is_before_end(it->key(), gap);
    if (!island) {
      open_.push_back({gap.after, at});
      // Nothing but the end behind it: all that could be there is before the middle.
      if (!it->status().ok()) open_.push_back({at, gap.before});
      return;
    }
    const std::string first = it->key().ToString();
    take(*it);
    Gap left{gap.after, first}, right{first, gap.before};
    if (!backward(left)) open_.push_back(left);
    if (!forward(right)) open_.push_back(right);
  }

  // Gaps that only a probe's key divides are one.
  std::vector<Gap> join() {
    std::sort(closed_.begin(), closed_.end(),
              [](const Gap& a, const Gap& b) { return a.after < b.after; });
    std::vector<Gap> joined;
    for (Gap& gap : closed_) {
      if (!joined.empty() && joined.back().before == gap.after) {
        joined.back().before = gap.before;
      } else {
        joined.push_back(std::move(gap));
      }
    }
    return joined;
  }

  const MakeIterator& make_;
  const VisitEntry& visit_;
  std::deque<Gap> open_;
  std::vector<Gap> closed_;
};

class Copy {
 public:
  Copy(Database& from, Database& to) : from_(from), to_(to), tables_(tables_of(from)) {}

  rocksdb::Status run(std::vector<std::string>* missing) {
    copy(from_.log(), to_.log(), missing);
    copy(from_.state(), to_.state(), missing);
    write();
    if (status_.ok()) {
      status_ = to_.db().Flush(rocksdb::FlushOptions(), {to_.log(), to_.state()});
    }
    return status_;
  }

 private:
  void copy(rocksdb::ColumnFamilyHandle* from, rocksdb::ColumnFamilyHandle* to,
            std::vector<std::string>* missing) {
    const auto put = [this, to](std::string_view key, std::string_view value) {
      if (status_.ok()) status_ = batch_.Put(to, as_slice(key), as_slice(value));
      if (batch_.GetDataSize() > kBatchBytes) write();
    };
    const MakeIterator make = [this, from] {
      rocksdb::ReadOptions options;
      options.fill_cache = false;
      return std::unique_ptr<rocksdb::Iterator>(from_.db().NewIterator(options, from));
    };
    for (const Gap& gap : visit_readable(make, {}, put)) {
      copy_others(from, gap, put);
      missing->push_back(describe(from->GetName(), gap));
    }
  }

  // What other tables hold between the keys around a damaged page.
  void copy_others(rocksdb::ColumnFamilyHandle* from, const Gap& gap, const VisitEntry& put) {
    std::map<std::string, std::string> found;
    for (const rocksdb::LiveFileMetaData& table : tables_) {
      if (table.column_family_name != from->GetName()) continue;
      rocksdb::SstFileReader reader(reader_options(from_));
      if (!reader.Open(path_of(table)).ok()) continue;
      const MakeIterator make = [&reader] {
        rocksdb::ReadOptions options;
        options.fill_cache = false;
        return std::unique_ptr<rocksdb::Iterator>(reader.NewIterator(options));
      };
      visit_readable(make, gap, [&found](std::string_view key, std::string_view value) {
        found.emplace(key, value);  // the newest stays
      });
    }
    for (const auto& [key, value] : found) {
      std::string current;
      const auto read = from_.db().Get(rocksdb::ReadOptions(), from, key, &current);
      if (read.ok()) put(key, current);
      // Hidden by the damaged page, which may have had something newer: better than nothing.
      if (read.IsCorruption()) put(key, value);
    }
  }

  void write() {
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    if (status_.ok()) status_ = to_.db().Write(options, &batch_);
    batch_.Clear();
  }

  static std::string place(const std::string& family, const std::string& key) {
    if (key.empty()) return "the end";
    const auto shard = shard_of_key(key);
    if (!shard) return "the store's own keys";
    std::string text = "shard " + std::to_string(shard->value);
    if (const auto record = parse_log_key(key); record && family == "log") {
      text += " index " + std::to_string(record->index);
    }
    return text;
  }
  static std::string describe(const std::string& family, const Gap& gap) {
    return "the " + family + " between " +
           (gap.after.empty() ? "the start" : place(family, gap.after)) + " and " +
           place(family, gap.before);
  }

  Database& from_;
  Database& to_;
  const std::vector<rocksdb::LiveFileMetaData> tables_;
  rocksdb::WriteBatch batch_;
  rocksdb::Status status_;
};

}  // namespace

std::vector<DamagedTable> find_damaged_tables(Database& database, std::uint64_t bytes_max) {
  std::vector<DamagedTable> damaged;
  for (const rocksdb::LiveFileMetaData& table : tables_of(database)) {
    if (table.size > bytes_max) break;
    bytes_max -= table.size;
    rocksdb::SstFileReader reader(reader_options(database));
    rocksdb::Status status = reader.Open(path_of(table));
    if (status.ok()) status = reader.VerifyChecksum();
    if (status.ok()) continue;
    const auto slash = table.name.rfind('/');
    damaged.push_back({slash == std::string::npos ? table.name : table.name.substr(slash + 1),
                       status.ToString()});
  }
  return damaged;
}

std::vector<Gap> visit_readable(const MakeIterator& make, const Gap& range,
                                const VisitEntry& visit) {
  return Walk(make, visit).run(range);
}

rocksdb::Status copy_readable(Database& from, Database& to, std::vector<std::string>* missing) {
  return Copy(from, to).run(missing);
}

}  // namespace roost::storage
