// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/ban_list.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

namespace roost::auth {

namespace {

namespace json = boost::json;

constexpr std::string_view kWords[] = {"client", "user", "address"};

std::string text_at(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

std::string_view to_text(BanKind kind) { return kWords[static_cast<std::size_t>(kind)]; }

std::optional<BanKind> ban_kind_of(std::string_view word) {
  for (std::size_t i = 0; i < std::size(kWords); ++i) {
    if (kWords[i] == word) return static_cast<BanKind>(i);
  }
  return std::nullopt;
}

Result<void> BanList::add(Ban ban) {
  const std::lock_guard lock(mutex_);
  const auto network =
      ban.kind == BanKind::address ? Network::parse(ban.what) : std::optional<Network>();
  if (ban.what.empty() || (ban.kind == BanKind::address && !network)) {
    return error(ErrorKind::invalid_argument,
                 ban.what.empty() ? "nobody is named"
                                  : "\"" + ban.what +
                                        "\" is no address or network; such are 192.0.2.7, "
                                        "192.0.2.0/24 and 2001:db8::/32");
  }
  if (size() >= kBansMax) forget_old();
  if (size() >= kBansMax) {
    return error(ErrorKind::resource_exhausted,
                 "there are " + std::to_string(kBansMax) + " bans already");
  }
  const auto kind = static_cast<std::size_t>(ban.kind);
  if (ban.kind != BanKind::address) {
    named_[kind].insert_or_assign(ban.what, ban);
    counts_[kind] = named_[kind].size();
    return {};
  }
  std::erase_if(addresses_, [&](const Banned& one) { return one.ban.what == ban.what; });
  addresses_.push_back({*network, std::move(ban)});
  counts_[kind] = addresses_.size();
  return {};
}

bool BanList::remove(BanKind kind, std::string_view what) {
  const std::lock_guard lock(mutex_);
  const auto index = static_cast<std::size_t>(kind);
  std::size_t removed = 0;
  if (kind == BanKind::address) {
    removed = std::erase_if(addresses_, [&](const Banned& one) { return one.ban.what == what; });
    counts_[index] = addresses_.size();
  } else if (const auto at = named_[index].find(what); at != named_[index].end()) {
    named_[index].erase(at);
    removed = 1;
    counts_[index] = named_[index].size();
  }
  return removed > 0;
}

std::vector<Ban> BanList::all() {
  const std::lock_guard lock(mutex_);
  forget_old();
  std::vector<Ban> bans;
  for (const Named& named : named_) {
    for (const auto& [name, ban] : named) bans.push_back(ban);
  }
  for (const Banned& one : addresses_) bans.push_back(one.ban);
  std::sort(bans.begin(), bans.end(), [](const Ban& a, const Ban& b) {
    return std::tie(a.kind, a.what) < std::tie(b.kind, b.what);
  });
  return bans;
}

bool BanList::has(BanKind kind, std::string_view name) {
  const auto index = static_cast<std::size_t>(kind);
  if (counts_[index].load(std::memory_order_relaxed) == 0) return false;
  const std::lock_guard lock(mutex_);
  const auto at = named_[index].find(name);
  return at != named_[index].end() && !is_over(at->second);
}

bool BanList::has_address(std::string_view host) {
  if (counts_[static_cast<std::size_t>(BanKind::address)].load(std::memory_order_relaxed) == 0) {
    return false;
  }
  const std::optional<Address> address = parse_address(host);
  const std::lock_guard lock(mutex_);
  return address && std::any_of(addresses_.begin(), addresses_.end(), [&](const Banned& one) {
           return !one.network.is_unix && one.network.contains(*address) && !is_over(one.ban);
         });
}

void BanList::forget_old() {
  for (std::size_t i = 0; i < std::size(named_); ++i) {
    std::erase_if(named_[i], [&](const auto& each) { return is_over(each.second); });
    counts_[i] = named_[i].size();
  }
  std::erase_if(addresses_, [&](const Banned& one) { return is_over(one.ban); });
  counts_[static_cast<std::size_t>(BanKind::address)] = addresses_.size();
}

std::size_t BanList::size() const {
  return named_[0].size() + named_[1].size() + addresses_.size();
}

std::string to_json(const std::vector<Ban>& bans) {
  json::array list;
  for (const Ban& ban : bans) {
    list.push_back(json::object{{"kind", to_text(ban.kind)},
                                {"what", ban.what},
                                {"until_ms", ban.until_ms},
                                {"why", ban.why}});
  }
  return json::serialize(list);
}

Result<std::vector<Ban>> read_bans(std::string_view text) {
  const auto bad = [](const std::string& what) {
    return error(ErrorKind::invalid_argument, "is no list of bans: " + what);
  };
  boost::system::error_code failed;
  const json::value parsed = json::parse(text, failed);
  if (failed || !parsed.is_array()) return bad(failed ? failed.message() : "no JSON array");
  std::vector<Ban> bans;
  for (const json::value& one : parsed.get_array()) {
    if (!one.is_object()) return bad("an entry that is no object");
    const json::object& object = one.get_object();
    const auto kind = ban_kind_of(text_at(object, "kind"));
    const json::value* const until = object.if_contains("until_ms");
    if (!kind || until == nullptr || !until->is_int64()) return bad("an entry without kind or end");
    bans.push_back({*kind, text_at(object, "what"), until->get_int64(), text_at(object, "why")});
  }
  return bans;
}

}  // namespace roost::auth
