// SPDX-License-Identifier: Apache-2.0
#include "broker/admin/manifest.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

namespace roost::admin {

namespace {

namespace json = boost::json;

constexpr std::uint64_t kBytesMax = std::uint64_t{1} << 50;
constexpr std::size_t kTextMax = 100;

Unexpected<Error> wrong(const std::string& what) {
  return error(ErrorKind::corrupt, std::string(kManifestName) + ": " + what);
}

const json::value* field(const json::object& object, std::string_view name) {
  return object.if_contains(name);
}

// Nothing: it isn't there, is no number, or is over `max`.
std::optional<std::uint64_t> number(const json::object& object, std::string_view name,
                                    std::uint64_t max) {
  const json::value* value = field(object, name);
  if (value == nullptr || !value->is_int64() || value->get_int64() < 0) return std::nullopt;
  const auto found = static_cast<std::uint64_t>(value->get_int64());
  return found <= max ? std::optional(found) : std::nullopt;
}

std::optional<std::string> text(const json::object& object, std::string_view name) {
  const json::value* value = field(object, name);
  if (value == nullptr || !value->is_string() || value->get_string().size() > kTextMax) {
    return std::nullopt;
  }
  return std::string(value->get_string());
}

bool is_sha256(std::string_view digits) {
  return digits.size() == 64 && std::all_of(digits.begin(), digits.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<ManifestFile> parse_file(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return wrong("an entry of \"files\" is no object");
  const auto name = text(*object, "name");
  if (!name || !is_file_name(*name)) {
    return wrong("an entry of \"files\" has a name that no file of a backup has");
  }
  const auto bytes = number(*object, "bytes", kBytesMax);
  if (!bytes) return wrong(*name + " has no size");
  const auto sum = text(*object, "sha256");
  if (!sum || !is_sha256(*sum)) return wrong(*name + " has no sha256");
  return ManifestFile{*name, *bytes, *sum};
}

Result<std::vector<ManifestFile>> parse_files(const json::object& object) {
  const json::value* value = field(object, "files");
  if (value == nullptr || !value->is_array()) return wrong("it has no list \"files\"");
  if (value->get_array().size() > kManifestFilesMax) {
    return wrong("it names more than " + std::to_string(kManifestFilesMax) + " files");
  }
  std::vector<ManifestFile> files;
  std::set<std::string> names;
  for (const json::value& one : value->get_array()) {
    auto file = parse_file(one);
    if (!file) return Unexpected(std::move(file).error());
    if (!names.insert(file->name).second) return wrong(file->name + " stands in it twice");
    files.push_back(std::move(*file));
  }
  for (const char* needed : {"FORMAT", "shards", "db/CURRENT"}) {
    if (!names.contains(needed)) return wrong(std::string(needed) + " is not in it");
  }
  return files;
}

}  // namespace

std::uint64_t Manifest::bytes() const {
  std::uint64_t sum = 0;
  for (const ManifestFile& file : files) sum += file.bytes;
  return sum;
}

bool is_file_name(std::string_view name) {
  if (name == "FORMAT" || name == "shards" || name == "SUSPECT") return true;
  if (!name.starts_with("db/")) return false;
  name.remove_prefix(3);
  if (name.empty() || name.size() > kTextMax || name.front() == '.') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '-';
  });
}

std::string manifest_text(const Manifest& manifest) {
  json::array files;
  for (const ManifestFile& file : manifest.files) {
    files.push_back({{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  const json::object object = {{"roost_backup", kManifestFormat},
                               {"version", manifest.version},
                               {"created", manifest.created},
                               {"shards", manifest.shards},
                               {"files", std::move(files)}};
  return json::serialize(object) + "\n";
}

Result<Manifest> parse_manifest(std::string_view bytes) {
  if (bytes.size() > kManifestBytesMax) return wrong("it is too large");
  boost::system::error_code fault;
  json::parse_options options;
  options.max_depth = 4;
  const json::value value =
      json::parse(json::string_view(bytes.data(), bytes.size()), fault, {}, options);
  if (fault) return wrong("it is no JSON: " + fault.message());
  const json::object* object = value.if_object();
  if (object == nullptr) return wrong("it is no object");
  const auto format = number(*object, "roost_backup", 1'000'000);
  if (!format || *format == 0) return wrong("it is not of a backup of Roost");
  if (*format > kManifestFormat) {
    return error(ErrorKind::invalid_argument,
                 "the backup has format " + std::to_string(*format) +
                     ", written by a newer version; this one knows up to " +
                     std::to_string(kManifestFormat));
  }
  const auto version = text(*object, "version"), created = text(*object, "created");
  const auto shards = number(*object, "shards", std::numeric_limits<std::uint16_t>::max());
  if (!version || !created || !shards || *shards == 0) {
    return wrong("it lacks version, created or shards");
  }
  auto files = parse_files(*object);
  if (!files) return Unexpected(std::move(files).error());
  return Manifest{*version, *created, static_cast<std::uint16_t>(*shards), std::move(*files)};
}

}  // namespace roost::admin
