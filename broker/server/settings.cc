// SPDX-License-Identifier: Apache-2.0
#include "broker/server/settings.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <numeric>
#include <type_traits>

#include "broker/server/settings_value.h"

namespace roost::server {

namespace {

constexpr std::string_view kVariablePrefix = "ROOST_";
constexpr std::size_t kHintsMax = 3;  // more are no hint

// "listeners.2.port" -> listeners, 2 and "listeners.*.port"; other paths stay.
struct Generic {
  std::string path;
  const SettingList* list = nullptr;
  std::size_t index = 0;
};

Generic generic_of(std::string_view path) {
  for (const SettingList& list : setting_lists()) {
    if (!path.starts_with(list.name) || path.substr(list.name.size(), 1) != ".") continue;
    const std::string_view rest = path.substr(list.name.size() + 1);
    const std::size_t dot = rest.find('.');
    const auto index = parse_number(rest.substr(0, dot));
    if (!index || dot == std::string_view::npos) break;
    return {std::string(list.name) + ".*." + std::string(rest.substr(dot + 1)), &list, *index};
  }
  return {std::string(path)};
}

const SettingList* list_named(std::string_view name) {
  for (const SettingList& list : setting_lists()) {
    if (name == list.name) return &list;
  }
  return nullptr;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row[b.size()];
}

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('.') + 1); }

std::string with_index(std::string_view path, std::size_t index) {
  std::string result(path);
  const std::size_t star = path.find('*');
  if (star != std::string_view::npos) result.replace(star, 1, std::to_string(index));
  return result;
}

std::string upper_variable(std::string_view path) {
  std::string result(kVariablePrefix);
  for (const char c : path) {
    result += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return result;
}

std::optional<std::uint64_t> parse_by_kind(ValueKind kind, std::string_view text) {
  switch (kind) {
    case ValueKind::number:
      return parse_number(text);
    case ValueKind::size:
      return parse_size(text);
    case ValueKind::duration_ms:
      return parse_duration_ms(text);
    case ValueKind::duration_s: {
      const auto ms = parse_duration_ms(text);
      if (!ms || *ms % 1000 != 0) return std::nullopt;
      return *ms / 1000;
    }
    default:
      return std::nullopt;
  }
}

void store_number(const Field& field, std::uint64_t value) {
  std::visit(
      [&](auto* target) {
        using Target = std::remove_pointer_t<decltype(target)>;
        if constexpr (std::is_integral_v<Target>) *target = static_cast<Target>(value);
      },
      field);
}

bool assign_number(const Setting& setting, std::string_view text, const Field& field) {
  if (!setting.allowed.word.empty() && text == setting.allowed.word) {
    store_number(field, setting.allowed.word_value);
    return true;
  }
  const auto value = parse_by_kind(setting.kind, text);
  if (!value || *value < setting.allowed.min || *value > setting.allowed.max) return false;
  store_number(field, *value);
  return true;
}

bool assign_choice(const Setting& setting, std::string_view text, const Field& field) {
  const auto found =
      std::find(setting.allowed.choices.begin(), setting.allowed.choices.end(), text);
  if (found == setting.allowed.choices.end()) return false;
  const auto index = found - setting.allowed.choices.begin();
  if (auto* const* word = std::get_if<std::string*>(&field)) **word = text;
  if (auto* const* flag = std::get_if<bool*>(&field)) **flag = index == 1;
  if (auto* const* level = std::get_if<LogLevel*>(&field)) **level = static_cast<LogLevel>(index);
  if (auto* const* ack = std::get_if<Ack*>(&field)) **ack = static_cast<Ack>(index);
  return true;
}

std::string range_text(const Setting& setting, std::string (*format)(std::uint64_t)) {
  const bool bounded = setting.allowed.max < std::numeric_limits<std::uint32_t>::max() - 1;
  if (!bounded)
    return setting.allowed.min == 0 ? "" : " from " + format(setting.allowed.min) + " up";
  return " from " + format(setting.allowed.min) + " to " + format(setting.allowed.max);
}

}  // namespace

SettingPath find_setting(std::string_view path) {
  const Generic generic = generic_of(path);
  for (const Setting& setting : settings()) {
    if (setting.path == generic.path && list_of(setting) == generic.list) {
      return {&setting, generic.list, generic.index};
    }
  }
  return {};
}

const SettingList* list_of(const Setting& setting) {
  for (const SettingList& list : setting_lists()) {
    if (list.has(setting.path)) return &list;
  }
  return nullptr;
}

std::string variable_of_path(std::string_view path) { return upper_variable(path); }

std::optional<std::string> path_of_variable(std::string_view name) {
  for (const Setting& setting : settings()) {
    const std::string pattern = upper_variable(setting.path);
    const std::size_t star = pattern.find('*');
    if (star == std::string::npos) {
      if (pattern == name) return std::string(setting.path);
      continue;
    }
    const std::string_view tail = std::string_view(pattern).substr(star + 1);
    if (!name.starts_with(std::string_view(pattern).substr(0, star)) || !name.ends_with(tail) ||
        name.size() <= star + tail.size()) {
      continue;
    }
    const auto index = parse_number(name.substr(star, name.size() - tail.size() - star));
    if (index) return with_index(setting.path, *index);
  }
  return std::nullopt;
}

// The nearest settings or groups by spelling, or settings with the right last word in the wrong
// place; the latter are a weaker hint where a group was named.
std::vector<std::string> nearest_paths(std::string_view path) {
  const Generic generic = generic_of(path);
  const std::string_view wanted = generic.path;
  const std::size_t elsewhere = wanted.find('.') == std::string_view::npos ? 1 : 3;
  std::vector<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(2, last_part(wanted).size() / 3) + 1;
  const auto offer = [&](std::string_view candidate, std::size_t d) {
    if (d > best_distance) return;
    if (d < best_distance) best.clear();
    best_distance = d;
    std::string text = with_index(candidate, generic.index);
    if (std::find(best.begin(), best.end(), text) == best.end()) best.push_back(std::move(text));
  };
  for (const Setting& setting : settings()) {
    const std::size_t part = distance(last_part(wanted), last_part(setting.path));
    offer(setting.path, std::min(distance(wanted, setting.path), part + elsewhere));
    for (auto dot = setting.path.find('.'); dot != std::string_view::npos;
         dot = setting.path.find('.', dot + 1)) {
      const std::string_view group = setting.path.substr(0, dot);
      if (!group.ends_with('*')) offer(group, distance(wanted, group));
    }
  }
  return best.size() > kHintsMax ? std::vector<std::string>() : best;
}

bool is_group(std::string_view path) {
  const Generic generic = generic_of(path);
  // "listeners.3" itself is a group too.
  if (list_named(path) != nullptr || generic_of(std::string(path) + ".x").path.ends_with(".*.x")) {
    return true;
  }
  return std::any_of(settings().begin(), settings().end(), [&](const Setting& setting) {
    return setting.path.starts_with(generic.path + ".");
  });
}

std::string unknown_path_text(std::string_view path) {
  const Generic generic = generic_of(path);
  std::string group;
  for (const Setting& setting : settings()) {
    if (generic.path == setting.path || generic.path.starts_with(std::string(setting.path) + ".")) {
      return with_index(setting.path, generic.index) + " takes one value: " + allowed_text(setting);
    }
    if (setting.path.starts_with(generic.path + ".")) {
      group +=
          (group.empty() ? "" : ", ") + std::string(setting.path.substr(generic.path.size() + 1));
    }
  }
  const SettingList* const list = list_named(path.substr(0, path.find('.')));
  if (list != nullptr && generic.list == nullptr) {
    return std::string(list->name) + " is a list of groups, each beginning with \"- \": - " +
           std::string(list->example);
  }
  if (!group.empty()) return std::string(path) + " is a group of settings: " + group;
  std::string text = "there is no setting " + std::string(path);
  const std::vector<std::string> meant = nearest_paths(path);
  for (const std::string& hint : meant) {
    text += (&hint == &meant.front() ? "; did you mean " : " or ") + hint;
  }
  if (!meant.empty()) text += "?";
  return text;
}

std::string allowed_text(const Setting& setting) {
  std::string text;
  switch (setting.kind) {
    case ValueKind::text:
    case ValueKind::secret:
      return "a text";
    case ValueKind::file:
      return "the path of a readable file";
    case ValueKind::boolean:
    case ValueKind::tri_state:
      return "true or false";
    case ValueKind::number:
      text = "a number" + range_text(setting, [](std::uint64_t n) { return std::to_string(n); });
      break;
    case ValueKind::size:
      text = "a size like 10MB" + range_text(setting, format_size);
      break;
    case ValueKind::duration_ms:
      text = "a duration like 90s or 5m" + range_text(setting, format_duration_ms);
      break;
    case ValueKind::duration_s:
      text = "a duration like 90s or 5m" +
             range_text(setting, [](std::uint64_t s) { return format_duration_ms(s * 1000); });
      break;
    case ValueKind::choice:
      text = "one of";
      for (const auto choice : setting.allowed.choices) {
        text += (choice == setting.allowed.choices.front() ? " " : ", ") + std::string(choice);
      }
      break;
  }
  if (!setting.allowed.word.empty()) text += ", or " + std::string(setting.allowed.word);
  return text;
}

bool assign(const Setting& setting, std::string_view text, Config& config, const ListItem& item) {
  const Field field = setting.field(config, item);
  switch (setting.kind) {
    case ValueKind::text:
    case ValueKind::secret:
    case ValueKind::file:
      if (text.find('\0') != std::string_view::npos) return false;
      *std::get<std::string*>(field) = text;
      return true;
    case ValueKind::boolean: {
      const auto value = parse_bool(text);
      if (value) *std::get<bool*>(field) = *value;
      return value.has_value();
    }
    case ValueKind::tri_state: {
      const auto value = parse_bool(text);
      if (value || text.empty()) *std::get<std::optional<bool>*>(field) = value;
      return value || text.empty();
    }
    case ValueKind::choice:
      return assign_choice(setting, text, field);
    default:
      // Nothing said where nothing is the default: what stands for it is derived later.
      if (text.empty() && setting.default_text.empty()) return true;
      return assign_number(setting, text, field);
  }
}

}  // namespace roost::server
