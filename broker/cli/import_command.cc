// SPDX-License-Identifier: Apache-2.0
// roost import: a mosquitto.conf as roost.yaml.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "broker/cli/arguments.h"
#include "broker/cli/cli.h"
#include "broker/cli/import_mosquitto.h"
#include "broker/cli/import_options.h"

namespace roost::cli {
namespace {

constexpr int kExitIncomplete = 3;

constexpr const char* kFooter =
    "Files that are named in it (certificates, password_file, acl_file) stay where they are and "
    "are\n"
    "read as they are; relative paths are from where the broker starts, as mosquitto's. Other "
    "users\n"
    "than mosquitto's must be able to read them. Sessions and retained messages of mosquitto.db\n"
    "aren't taken along: clients subscribe and publish them again.\n\n"
    "Exit codes: 0 all is translated; 1 a file can't be written; 2 usage, or the file can't be\n"
    "read; 3 written, but something is not possible, which stands on stderr and in the file.";

int write(const std::string& text, const std::string& path, bool is_forced) {
  if (path.empty()) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
  }
  if (std::filesystem::exists(path) && !is_forced) {
    std::fprintf(stderr, "roost import: %s exists already; --force writes over it\n", path.c_str());
    return 1;
  }
  std::ofstream out(path, std::ios::trunc);
  if (out << text && out.flush()) return 0;
  std::fprintf(stderr, "roost import: %s can't be written\n", path.c_str());
  return 1;
}

}  // namespace

int run_import(int argc, char** argv) {
  ImportOptions options;
  std::string output;
  bool is_forced = false, shows_options = false;
  Arguments arguments("roost import", "Translates mosquitto's configuration into Roost's.");
  arguments.positional("FILE", options.file, false, "mosquitto.conf; include_dir is followed");
  arguments.option("-o,--output", output, "Where roost.yaml is written; else stdout");
  arguments.flag("--force", is_forced, "Write over a file that is there");
  arguments.option("--password-file", options.password_file, "Instead of the one that it names");
  arguments.option("--acl-file", options.acl_file, "Instead of the one that it names");
  arguments.flag("--options", shows_options, "Print what becomes of every option, as Markdown");
  arguments.footer(kFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  if (shows_options) {
    std::fputs(options_markdown().c_str(), stdout);
    return 0;
  }
  if (options.file.empty()) {
    std::fprintf(stderr, "roost import: which mosquitto.conf? (--help)\n");
    return kExitUsage;
  }
  const auto imported = import_mosquitto(options);
  if (!imported) {
    std::fprintf(stderr, "roost import: %s\n", imported.error().message.c_str());
    return kExitUsage;
  }
  if (const int code = write(import_yaml(*imported, options.file), output, is_forced)) return code;
  for (const ImportNote& note : imported->impossible) {
    std::fprintf(stderr, "%s: %s: %s\n",
                 note.place.empty() ? options.file.c_str() : note.place.c_str(),
                 note.option.c_str(), note.text.c_str());
  }
  return imported->impossible.empty() ? 0 : kExitIncomplete;
}

}  // namespace roost::cli
