// SPDX-License-Identifier: Apache-2.0
// Tables (RocksDB's SST files) with damaged pages: finds them, and copies everything that can still
// be read into a new database.
// Thread: one at a time, on a database that nobody writes to.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/database.h"

namespace roost::storage {

struct DamagedTable {
  std::string name;  // without its folder
  std::string why;
};

// Reads the checksums of all pages, newest tables first, up to `bytes_max` of them.
std::vector<DamagedTable> find_damaged_tables(Database& database, std::uint64_t bytes_max);

// What lay between two keys could not be read; an empty `before` is the end.
struct Gap {
  std::string after, before;
};

using MakeIterator = std::function<std::unique_ptr<rocksdb::Iterator>()>;
using VisitEntry = std::function<void(std::string_view key, std::string_view value)>;

// Visits all that the iterators reach between two keys (an empty `before`: to the end), not in
// order, in spite of damaged pages, each of which a new iterator is led around. Returns what is
// left between the keys it saw.
std::vector<Gap> visit_readable(const MakeIterator& make, const Gap& range,
                                const VisitEntry& visit);

// Copies what can be read into an empty database, durably. Where a page is damaged, older versions
// of what was on it may come to light. Returns for people what is missing.
rocksdb::Status copy_readable(Database& from, Database& to, std::vector<std::string>* missing);

}  // namespace roost::storage
