// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/import_lines.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "broker/base/file.h"

namespace roost::cli {

namespace {

namespace fs = std::filesystem;

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// Capital letters before small ones, digits before both.
Result<std::vector<std::string>> files_of(const std::string& folder, const std::string& place) {
  std::vector<std::string> files;
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->path().extension() == ".conf") files.push_back(at->path().string());
  }
  if (failed) {
    return error(ErrorKind::invalid_argument,
                 place + ": the folder " + folder + " can't be read: " + failed.message());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Result<void> read(const std::string& file, bool is_included, std::vector<ConfigLine>& lines) {
  const auto text = base::read_file(file);
  if (!text) return Unexpected(text.error());
  std::istringstream in(*text);
  int number = 0;
  for (std::string raw; std::getline(in, raw);) {
    ++number;
    const std::string_view line = trimmed(raw);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t space = std::min(line.find_first_of(" \t"), line.size());
    ConfigLine one{file + ":" + std::to_string(number), std::string(line.substr(0, space)),
                   std::string(trimmed(line.substr(space)))};
    if (one.option != "include_dir") {
      lines.push_back(std::move(one));
      continue;
    }
    if (is_included) {
      return error(ErrorKind::invalid_argument,
                   one.place + ": include_dir stands in a file that is included itself");
    }
    const auto files = files_of(one.value, one.place);
    if (!files) return Unexpected(files.error());
    for (const std::string& each : *files) {
      if (auto done = read(each, true, lines); !done) return done;
    }
  }
  return {};
}

}  // namespace

Result<std::vector<ConfigLine>> read_mosquitto_lines(const std::string& file) {
  std::vector<ConfigLine> lines;
  if (auto done = read(file, false, lines); !done) return Unexpected(done.error());
  return lines;
}

}  // namespace roost::cli
