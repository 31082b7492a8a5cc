// SPDX-License-Identifier: Apache-2.0
// roost backup and roost restore: a running node's data to a folder, and such a folder to a new
// data directory.
#include <boost/json/serialize.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>

#include "broker/admin/restore.h"
#include "broker/admin/words.h"
#include "broker/cli/cli.h"
#include "broker/cli/json_fields.h"
#include "broker/cli/node_call.h"

namespace roost::cli {
namespace {

namespace json = boost::json;
using admin::bytes_words;

constexpr const char* kBackup = "roost backup";
constexpr const char* kRestore = "roost restore";
constexpr auto kPoll = std::chrono::milliseconds(50);

const std::string kBackupFooter =
    std::string(
        "The running node writes a copy of its sessions, queues and retained messages as of now\n"
        "and goes on meanwhile; all that was acknowledged before is in it. DIR must be new or\n"
        "empty, on the node's machine and writable by its user. It is whole when it is there:\n"
        "until then it is called DIR.partial. The config and the password file are not in it.\n"
        "Payloads are: keep it as safe as the data directory.\n\n") +
    kPlaceHelp +
    "\nExit codes: 0; 1 the node can't (it says why; nothing is left); 2 usage or config; 3 the "
    "data\ndirectory may not be used by this user; 5 no node answers there.\n\n"
    "Example: roost backup /backups/$(date +%F)";

const std::string kRestoreFooter =
    std::string(
        "Checks every file of the backup, then makes a data directory of it: a new or an empty\n"
        "one, that no node uses. The backup stays as it is. Time goes on in a backup: sessions\n"
        "and messages that would have expired meanwhile do so at the start.\n\n") +
    kPlaceHelp +
    "\nExit codes: 0; 1 the backup is damaged, or no backup; 2 usage or config; 3 the data "
    "directory\nis in use, not empty, or can't be written.\n\n"
    "Example: roost restore /backups/2026-11-26 --data-dir /var/lib/roost";

// Waits until the backup of that number has ended; its state.
NodeAnswer wait_for(const std::string& data_dir, std::uint64_t wanted) {
  for (;;) {
    NodeAnswer answer = ask_node(kBackup, data_dir, "GET", "/api/v1/backup");
    if (!answer.body) {
      complain(kBackup,
               "it ended before the backup was seen to be whole; DIR is whole if it is there",
               answer.exit_code);
      return answer;
    }
    const bool is_ours = number_field(*answer.body, "number") == wanted;
    if (!is_ours) {
      return {std::nullopt, complain(kBackup,
                                     "the node doesn't know this backup any more; was it "
                                     "started again?",
                                     kExitFailed)};
    }
    if (text_field(*answer.body, "state") != "running") return answer;
    std::this_thread::sleep_for(kPoll);
  }
}

int print_backup(const json::object& state, bool as_json) {
  if (text_field(state, "state") != "done") {
    return complain(kBackup, text_field(state, "error"), kExitFailed);
  }
  if (as_json) {
    std::printf("%s\n", json::serialize(state).c_str());
  } else {
    std::printf("%s: %lu files, %s, as of %s.\n", text_field(state, "directory").c_str(),
                number_field(state, "files"), bytes_words(number_field(state, "bytes")).c_str(),
                text_field(state, "began").c_str());
  }
  return 0;
}

int print_restored(const admin::Manifest& manifest, const std::string& what) {
  std::printf("%s: %zu files, %s, of Roost %s as of %s.\n", what.c_str(), manifest.files.size(),
              bytes_words(manifest.bytes()).c_str(), manifest.version.c_str(),
              manifest.created.c_str());
  return 0;
}

}  // namespace

int run_backup(int argc, char** argv) {
  PlaceOptions place;
  std::string directory;
  bool as_json = false;
  Arguments arguments(kBackup, "Copies a running node's data to a folder.");
  arguments.positional("DIR", directory, true, "The new folder");
  add_place(arguments, place);
  arguments.flag("--json", as_json, "Print what was done as JSON");
  arguments.footer(kBackupFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  if (directory.empty()) return complain(kBackup, "DIR is empty", kExitUsage);
  const auto data_dir = find_data_dir(kBackup, place);
  if (!data_dir) return kExitUsage;
  // As seen from here, not from where the node was started.
  const std::string absolute = std::filesystem::absolute(directory).lexically_normal().string();
  const json::value body = {{"directory", absolute}};
  const NodeAnswer begun =
      ask_node(kBackup, *data_dir, "POST", "/api/v1/backup", json::serialize(body));
  if (!begun.body) return begun.exit_code;
  const NodeAnswer ended = wait_for(*data_dir, number_field(*begun.body, "number"));
  return ended.body ? print_backup(*ended.body, as_json) : ended.exit_code;
}

int run_restore(int argc, char** argv) {
  PlaceOptions place;
  std::string backup;
  bool check = false;
  Arguments arguments(kRestore, "Makes a data directory of a backup.");
  arguments.positional("BACKUP", backup, true, "The folder that roost backup wrote");
  add_place(arguments, place);
  arguments.flag("--check", check, "Only read and check the backup");
  arguments.footer(kRestoreFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  if (check) {
    const auto manifest = admin::verify_backup(backup, {});
    if (!manifest) return complain(kRestore, manifest.error().message, kExitFailed);
    return print_restored(*manifest, backup + " is whole");
  }
  const auto data_dir = find_data_dir(kRestore, place);
  if (!data_dir) return kExitUsage;
  const auto restored = admin::restore_backup(backup, *data_dir, {});
  if (!restored) {
    const ErrorKind kind = restored.error().kind;
    const bool is_backup = kind == ErrorKind::corrupt || kind == ErrorKind::not_found ||
                           kind == ErrorKind::invalid_argument;
    return complain(kRestore, restored.error().message,
                    is_backup ? kExitFailed : kExitDataDirectory);
  }
  return print_restored(*restored, *data_dir + " is restored");
}

}  // namespace roost::cli
