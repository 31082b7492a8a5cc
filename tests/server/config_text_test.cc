// SPDX-License-Identifier: Apache-2.0
// deploy/roost.yaml is the table's, to the letter. To write it anew after a change of the table:
//   REGENERATE=1 build/dev/tests/server_tests --gtest_filter='ConfigText.*'
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "broker/server/config.h"
#include "broker/server/settings.h"

namespace roost::server {
namespace {

constexpr const char* kCommitted = "deploy/roost.yaml";

std::string read(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

TEST(ConfigText, IsWhatIsCommitted) {
  if (std::getenv("REGENERATE") != nullptr) std::ofstream(kCommitted) << default_config_text();
  EXPECT_EQ(read(kCommitted), default_config_text())
      << "run from the repository's root; after a change of the table run with REGENERATE=1";
}

TEST(ConfigText, TheTableIsWhatIsCommitted) {
  constexpr const char* kTable = "deploy/docs/settings.md";
  const std::string text =
      "# Settings\n\nEvery setting. In roost.yaml, as an environment variable (N is the number of "
      "a "
      "listener, from 0), or as\n`--set SETTING=VALUE`; flags win over the environment, that over "
      "the file. Durations take ms, s, m, h, d, w (plain:\nseconds), sizes B, kB, MB, GB, KiB, "
      "MiB, GiB (plain: bytes). The same as a file with comments: [roost.yaml](../roost.yaml), "
      "or\n`roost serve --print-config`; this table: `roost serve --print-config --markdown`.\n\n"
      "Generated; `tests/server/config_text_test.cc` compares.\n\n" +
      settings_markdown();
  if (std::getenv("REGENERATE") != nullptr) std::ofstream(kTable) << text;
  EXPECT_EQ(read(kTable), text);
}

// Loads a text and says it again in a comparable form.
std::string summary_of(const std::string& text) {
  // A name of its own: tests of this file run at the same time, each in its process.
  const std::string path =
      testing::TempDir() + "roost-config-text-" + std::to_string(getpid()) + ".yaml";
  std::ofstream(path) << text;
  ConfigSources sources;
  sources.file = path;
  auto [config, errors] = load_config(sources);
  std::filesystem::remove(path);
  std::string summary;
  for (const std::string& line : errors) summary += line + "\n";
  for (const Setting& setting : settings()) {
    ListItem item;
    if (const SettingList* const list = list_of(setting); list != nullptr) {
      if (list->size(config) == 0) continue;
      item = list->at(config, 0);
    }
    std::ostringstream value;
    std::visit(
        [&](auto* field) {
          if constexpr (std::is_enum_v<std::remove_pointer_t<decltype(field)>>) {
            value << static_cast<int>(*field);
          } else if constexpr (std::is_same_v<decltype(field), std::optional<bool>*>) {
            value << (field->has_value() ? (*field ? "true" : "false") : "unset");
          } else {
            value << *field;
          }
        },
        setting.field(config, item));
    summary += std::string(setting.path) + "=" + value.str() + "\n";
  }
  return summary;
}

TEST(ConfigText, SaysNothingButTheDefaults) {
  EXPECT_EQ(summary_of(default_config_text()), summary_of(""));
}

TEST(ConfigText, SaysTheDefaultsWhenTheCommentsAreTakenAway) {
  const std::regex setting_line("\n( *)#([a-z_]+:)");
  const std::string active = std::regex_replace(default_config_text(), setting_line, "\n$1$2");
  EXPECT_NE(active, default_config_text());
  EXPECT_EQ(summary_of(active), summary_of(""));
}

TEST(ConfigText, WhatIsSaidToTakeAListTakesOne) {
  std::size_t looked_at = 0;
  for (const Setting& setting : settings()) {
    if (setting.doc.find("(or a list)") == std::string_view::npos) continue;
    ++looked_at;
    std::string path(setting.path), yaml;
    const std::string_view kInListener = "listeners.*.";
    const bool in_listener = path.starts_with(kInListener);
    if (in_listener) path.erase(0, kInListener.size());
    const std::size_t dot = path.find('.');
    if (in_listener) {
      yaml = "listeners: [{" + path + ": [a, b]}]\n";
    } else {
      yaml = path.substr(0, dot) + ": {" + path.substr(dot + 1) + ": [a, b]}\n";
    }
    EXPECT_EQ(summary_of(yaml).find("takes one value"), std::string::npos) << yaml;
  }
  EXPECT_GT(looked_at, 4U);
}

TEST(ConfigText, LinesFitTheScreen) {
  std::istringstream lines(default_config_text());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
}

TEST(SettingsTable, PathsAndVariablesAreDifferentAndFindEachOther) {
  std::set<std::string> paths, variables;
  for (const Setting& setting : settings()) {
    std::string path(setting.path);
    if (const auto star = path.find('*'); star != std::string::npos) path.replace(star, 1, "3");
    EXPECT_TRUE(paths.insert(path).second) << path;
    const std::string variable = variable_of_path(path);
    EXPECT_TRUE(variables.insert(variable).second) << variable;
    EXPECT_EQ(path_of_variable(variable), path);
    EXPECT_EQ(find_setting(path).setting, &setting);
    EXPECT_FALSE(setting.doc.empty()) << path;
    EXPECT_NE(settings_markdown().find("| `" + std::string(setting.path) + "` |"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace roost::server
