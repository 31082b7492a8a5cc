// SPDX-License-Identifier: Apache-2.0
// The tree works wherever it is cloned: it names no path of the machine that it was written on, and
// its tests' servers take no port that may be somebody's.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "tests/tidy/source_file.h"

namespace roost::tidy {
namespace {

namespace fs = std::filesystem;

// Pieces, so that this file doesn't find itself.
const std::vector<std::string>& foreign_paths() {
  static const std::vector<std::string> kPaths = {
      std::string("/wor") + "k/", std::string("..") + "/shared", std::string("/ro") + "ot/"};
  return kPaths;
}

// In tests/root/ or my/home/ the word is part of a longer path or topic, and nobody's folder.
bool continues_a_name(const std::string& line, size_t at) {
  return at > 0 && line[at] == '/' &&
         (std::isalnum(static_cast<unsigned char>(line[at - 1])) || line[at - 1] == '}');
}

std::vector<std::string> neutral_faults(const SourceFile& file) {
  std::vector<std::string> faults;
  for (size_t i = 0; i < file.lines.size(); ++i) {
    for (const std::string& path : foreign_paths()) {
      const size_t at = file.lines[i].find(path);
      if (at == std::string::npos || continues_a_name(file.lines[i], at)) continue;
      faults.push_back(fault(file, static_cast<int>(i) + 1, "names " + path));
    }
  }
  return faults;
}

bool is_outside_the_tree(const fs::path& path) {
  const std::string name = path.filename().string();
  return name == ".git" || name == "node_modules" || name == "roost-data" ||
         name == "__pycache__" || name == ".cache" || name.starts_with("build");
}

bool looks_like_text(const fs::path& path) {
  static const std::vector<std::string> kEndings = {
      ".h",  ".cc", ".cmake", ".txt",  ".md",  ".json", ".yaml",  ".yml",     ".py",
      ".sh", ".js", ".mjs",   ".html", ".css", ".conf", ".proto", ".service", ""};
  const std::string ending = path.extension().string();
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

TEST(Neutral, NoFileNamesAFolderOfThisMachine) {
  std::vector<std::string> faults;
  for (fs::recursive_directory_iterator it("."), end; it != end; ++it) {
    if (is_outside_the_tree(it->path())) {
      if (it->is_directory()) it.disable_recursion_pending();
      continue;
    }
    if (!it->is_regular_file() || it->file_size() > 1'000'000 || !looks_like_text(it->path())) {
      continue;
    }
    const std::string path = it->path().generic_string();
    const auto found = neutral_faults(make_source(path, read_text(path)));
    faults.insert(faults.end(), found.begin(), found.end());
  }
  EXPECT_TRUE(faults.empty()) << join(faults);
}

TEST(Neutral, AFolderOfThisMachineIsAFault) {
  for (const std::string& path : foreign_paths()) {
    EXPECT_EQ(neutral_faults(make_source("a.sh", "cd " + path + "x\n")).size(), 1u) << path;
  }
  EXPECT_TRUE(neutral_faults(make_source("a.sh", "mosquitto_sub -t my" + foreign_paths()[2] + "x"))
                  .empty());
}

// Ports of servers that a machine may be running: MQTT, etcd, HTTP, MQTT over TLS. In pieces.
const std::vector<std::string>& known_ports() {
  static const std::vector<std::string> kPorts = {
      std::string("18") + "83", std::string("23") + "79", std::string("80") + "80",
      std::string("88") + "83"};
  return kPorts;
}

// Lines where such a number is text that is read or compared, and nobody listens there.
struct PortText {
  const char* path;
  const char* part;  // of the line
};
constexpr PortText kPortTexts[] = {
    {"tests/client/arguments_test.cc", "endpoint.port, "},  // the default port, not used
    {"tests/client/arguments_test.cc", "{\"-p\", "},
    {"tests/client/import_mosquitto_test.cc", ""},  // reads configurations, starts nothing
    {"tests/client/url_test.cc", "parse_url("},
    {"tests/deploy/support/probes.py", "# of a container"},
    {"tests/deploy/chart_test.py", ""},  // renders texts, starts nothing
    {"tests/deploy/tools/probes.py", "# of a container, inside"},
    {"tests/fuzz/proxy_protocol_fuzz.cc", "seed(\"PROXY "},  // a header says it
    {"tests/net/filtered_connection_test.cc", "\"PROXY "},
    {"tests/net/proxy_protocol_test.cc", "\"PROXY "},
    {"tests/net/proxy_protocol_test.cc", "\"proxy "},
    {"tests/server/config_test.cc", ""},           // reads configurations, starts nothing
    {"tests/support/wire_cases_other.cc", "'b:"},  // a server reference in DISCONNECT
    {"tests/support/wire_cases_other.cc", "server_reference="},
    {"tests/system/proxy_test.py", "def v1("},  // a header's defaults
    {"tests/system/proxy_test.py", "def v2("},
};

bool is_port_text(const std::string& path, const std::string& line) {
  return std::any_of(std::begin(kPortTexts), std::end(kPortTexts), [&](const PortText& text) {
    return path == text.path && line.find(text.part) != std::string::npos;
  });
}

bool has_number(const std::string& line, const std::string& number) {
  const auto is_part = [&](size_t at) {
    return at < line.size() && std::isalnum(static_cast<unsigned char>(line[at]));
  };
  for (size_t at = line.find(number); at != std::string::npos; at = line.find(number, at + 1)) {
    if (!is_part(at + number.size()) && (at == 0 || !is_part(at - 1))) return true;
  }
  return false;
}

std::vector<std::string> port_faults(const SourceFile& file) {
  std::vector<std::string> faults;
  for (size_t i = 0; i < file.lines.size(); ++i) {
    for (const std::string& port : known_ports()) {
      if (!has_number(file.lines[i], port) || is_port_text(file.path, file.lines[i])) continue;
      faults.push_back(
          fault(file, static_cast<int>(i) + 1, "names port " + port + "; take a free one"));
    }
  }
  return faults;
}

bool is_code_of_tests(const fs::path& path) {
  static const std::vector<std::string> kEndings = {".py", ".cc", ".h", ".sh", ".mjs", ""};
  const std::string ending = path.extension().string();
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

TEST(Neutral, NoTestTakesAPortThatMayBeSomebodys) {
  std::vector<std::string> faults;
  size_t looked_at = 0;
  for (fs::recursive_directory_iterator it("tests"), end; it != end; ++it) {
    if (is_outside_the_tree(it->path())) {
      if (it->is_directory()) it.disable_recursion_pending();
      continue;
    }
    if (!it->is_regular_file() || !is_code_of_tests(it->path())) continue;
    ++looked_at;
    const std::string path = it->path().generic_string();
    const auto found = port_faults(make_source(path, read_text(path)));
    faults.insert(faults.end(), found.begin(), found.end());
  }
  EXPECT_GT(looked_at, 100u);
  EXPECT_TRUE(faults.empty()) << join(faults);
}

TEST(Neutral, APortThatMayBeSomebodysIsAFault) {
  for (const std::string& port : known_ports()) {
    for (const char* name : {"a.py", "a_test.cc", "run", "a.mjs", "tests/client/url_test.cc"}) {
      EXPECT_EQ(port_faults(make_source(name, "server.bind(\"\", " + port + ")\n")).size(), 1u);
    }
    EXPECT_EQ(port_faults(make_source("a.sh", "mosquitto -p " + port)).size(), 1u);
    EXPECT_TRUE(port_faults(make_source("a.py", "x = 1" + port + " + 0x" + port + "9")).empty());
    EXPECT_TRUE(port_faults(make_source("tests/client/url_test.cc", "parse_url(\"mqtt://h:" + port))
                    .empty());
  }
}

}  // namespace
}  // namespace roost::tidy
