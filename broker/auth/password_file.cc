// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/password_file.h"

#include <algorithm>
#include <functional>

#include "broker/base/file.h"

namespace roost::auth {

namespace {

constexpr std::size_t kUserNameMax = 65'535;  // [MQTT5-1.5.4]
constexpr std::size_t kErrorLinesMax = 10;

std::string_view without_line_end(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  return line;
}

bool is_comment(std::string_view line) { return line.empty() || line.front() == '#'; }

std::string_view user_of(std::string_view line) { return line.substr(0, line.find(':')); }

// Calls f for each line, its line end included, with its number.
void each_line(std::string_view text, const std::function<void(std::string_view, int)>& f) {
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::size_t size = end == std::string_view::npos ? text.size() : end + 1;
    f(text.substr(0, size), number);
    text.remove_prefix(size);
  }
}

class Parser {
 public:
  explicit Parser(const std::string& file_name) : file_name_(file_name) {}

  void add(std::string_view line, int number) {
    if (is_comment(line)) return;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      fail(number, "expected user:hash");
      return;
    }
    const std::string user(line.substr(0, colon));
    if (const auto checked = check_user_name(user); !checked) {
      fail(number, checked.error().message);
    } else if (const auto cost = check_hash(line.substr(colon + 1)); !cost) {
      fail(number, "user " + user + " has " + cost.error().message);
    } else if (!table_.emplace(user, line.substr(colon + 1)).second) {
      fail(number, "user " + user + " is there twice");
    }
  }

  Result<PasswordTable> finish() && {
    if (faults_ == 0) return std::move(table_);
    if (faults_ > kErrorLinesMax) {
      text_ += "\n" + file_name_ + ": and " + std::to_string(faults_ - kErrorLinesMax) + " more";
    }
    return error(ErrorKind::corrupt, text_);
  }

 private:
  void fail(int number, const std::string& what) {
    if (++faults_ > kErrorLinesMax) return;
    if (!text_.empty()) text_ += "\n";
    text_ += file_name_ + ":" + std::to_string(number) + ": " + what;
  }

  const std::string& file_name_;
  PasswordTable table_;
  std::string text_;
  std::size_t faults_ = 0;
};

}  // namespace

Result<void> check_user_name(std::string_view user) {
  const auto bad = [](const char* text) { return error(ErrorKind::invalid_argument, text); };
  if (user.empty()) return bad("a user name can't be empty");
  if (user.size() > kUserNameMax) return bad("a user name has at most 65535 bytes");
  if (user.front() == '#') return bad("a user name can't begin with '#'");
  if (user.find(':') != std::string_view::npos) return bad("a user name can't contain ':'");
  const bool has_control = std::any_of(user.begin(), user.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
  if (has_control) return bad("a user name can't contain control characters");
  return {};
}

Result<PasswordTable> parse_passwords(std::string_view text, const std::string& file_name) {
  Parser parser(file_name);
  each_line(text,
            [&](std::string_view line, int number) { parser.add(without_line_end(line), number); });
  return std::move(parser).finish();
}

Result<PasswordTable> read_passwords(const std::string& path) {
  auto text = base::read_file(path);
  if (!text) return Unexpected(std::move(text).error());
  return parse_passwords(*text, path);
}

Result<PasswordChange> set_password(const std::string& path, std::string_view user,
                                    std::string_view password, HashCost cost) {
  const auto hash = hash_password(password, cost);
  if (!hash) return Unexpected(Error(hash.error()));
  return set_hash(path, user, *hash);
}

Result<PasswordChange> set_hash(const std::string& path, std::string_view user,
                                std::string_view hash) {
  if (auto checked = check_user_name(user); !checked) {
    return Unexpected(std::move(checked).error());
  }
  const auto old = base::read_file(path);
  if (!old && old.error().kind != ErrorKind::not_found) return Unexpected(Error(old.error()));
  const std::string own = std::string(user) + ":" + std::string(hash) + "\n";
  std::string text;
  bool found = false;
  if (old) {
    each_line(*old, [&](std::string_view line, int) {
      const bool is_own = !is_comment(line) && user_of(line) == user;
      if (is_own && found) return;
      text += is_own ? own : std::string(without_line_end(line)) + "\n";
      found = found || is_own;
    });
  }
  if (!found) text += own;
  if (auto written = base::replace_file(path, text); !written) {
    return Unexpected(std::move(written).error());
  }
  return found ? PasswordChange::updated : PasswordChange::created;
}

Result<void> delete_user(const std::string& path, std::string_view user) {
  const auto old = base::read_file(path);
  if (!old) return Unexpected(Error(old.error()));
  std::string text;
  bool found = false;
  each_line(*old, [&](std::string_view line, int) {
    const bool is_own = !is_comment(line) && user_of(without_line_end(line)) == user;
    if (!is_own) text += line;
    found = found || is_own;
  });
  if (!found) {
    return error(ErrorKind::not_found, path + " has no user " + std::string(user));
  }
  return base::replace_file(path, text);
}

}  // namespace roost::auth
