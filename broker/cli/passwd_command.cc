// SPDX-License-Identifier: Apache-2.0
// roost passwd: users of a password file. The password is asked for without echo, or read from
// standard input where that is no terminal.
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "broker/auth/password_file.h"
#include "broker/auth/scram_secret.h"
#include "broker/cli/arguments.h"
#include "broker/cli/cli.h"

namespace roost::cli {
namespace {

constexpr int kExitFailed = 1;
constexpr const char* kFooter =
    "The file is made where there is none. Set `password_file` in the config to use it; a running\n"
    "broker reads it again on SIGHUP. A file that mosquitto_passwd wrote may be used as it is, "
    "and\n"
    "gets new users here.\n\n"
    "Exit codes: 0; 1 the file or the user can't be changed; 2 usage.\n\n"
    "Examples:\n"
    "  roost passwd passwords alice\n"
    "  roost passwd -b passwords alice s3cret\n"
    "  roost passwd --hash scrypt passwords alice\n"
    "  roost passwd -D passwords alice";

// Standard input without echo while it lives, if it is a terminal.
class Silence {
 public:
  Silence() : is_terminal_(tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_terminal_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~Silence() {
    if (is_terminal_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  termios before_{};
  bool is_terminal_;
};

bool ask(const char* prompt, std::string& out) {
  std::fprintf(stderr, "%s", prompt);
  const Silence silence;
  const bool got = static_cast<bool>(std::getline(std::cin, out));
  std::fprintf(stderr, "\n");
  return got;
}

int fail(const std::string& why, int code) {
  std::fprintf(stderr, "roost passwd: %s\n", why.c_str());
  return code;
}

Result<std::string> hash_with(const std::string& kind, const std::string& password) {
  if (kind == "scram-sha-256") return auth::hash_password(password, auth::ScramCost{});
  if (kind == "scrypt") return auth::hash_password(password, auth::ScryptCost{});
  return auth::hash_password(password);
}

}  // namespace

int run_passwd(int argc, char** argv) {
  std::string file;
  std::string user;
  std::string password;
  std::string kind = "argon2id";
  bool batch = false;
  bool remove = false;
  Arguments arguments("roost passwd", "Adds, changes or deletes a user of a password file.");
  arguments.positional("file", file, true, "The password file");
  arguments.positional("user", user, true, "The user's name");
  arguments.positional("password", password, false, "With -b: the password");
  arguments.flag("-b,--batch", batch,
                 "Take the password from the command line (others can see it)");
  arguments.choice("--hash", kind, {"argon2id", "scrypt", "scram-sha-256"},
                   "How it is hashed; scram-sha-256 also for MQTT 5 clients that log in by SCRAM");
  arguments.flag("-D,--delete", remove, "Delete the user");
  arguments.footer(kFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;

  if (auto ok = auth::check_user_name(user); !ok) return fail(ok.error().message, kExitUsage);
  if (remove) {
    if (auto ok = auth::delete_user(file, user); !ok) return fail(ok.error().message, kExitFailed);
    return 0;
  }
  if (batch == password.empty()) {
    return fail("a password on the command line needs -b, and -b needs one", kExitUsage);
  }
  if (!batch) {
    std::string again;
    if (!ask("Password: ", password)) return fail("no password", kExitUsage);
    if (!ask("Again: ", again) || again != password) {
      return fail("the two passwords differ", kExitUsage);
    }
  }
  const auto hash = hash_with(kind, password);
  if (!hash) return fail(hash.error().message, kExitFailed);
  if (auto ok = auth::set_hash(file, user, *hash); !ok)
    return fail(ok.error().message, kExitFailed);
  return 0;
}

}  // namespace roost::cli
