// SPDX-License-Identifier: Apache-2.0
// The rules of one file and how they decide. Rules about exact user names or client ids are found
// by name, so that a file of 100 000 users costs a question no more than what is about its client.
// Thread: any thread (immutable once made).
#pragma once

#include <array>
#include <functional>
#include <span>
#include <unordered_map>

#include "broker/auth/rule.h"

namespace roost::auth {

struct RuleSetParts {
  std::string name;  // of the file
  std::vector<Rule> rules;
  std::vector<Group> groups;
  Rights allowed_where_no_rule_fits = 0;
  // As mosquitto: SUBSCRIBE is no right of its own. A filter is granted where anything that it
  // matches may be received.
  bool subscribes_by_receive = false;
};

class RuleSet final : public Rules {
 public:
  explicit RuleSet(RuleSetParts parts);

  bool allows(Right right, const Subject& who, std::string_view topic) const override;
  Explanation explain(Right right, const Subject& who, std::string_view topic) const override;
  bool asks_on_receive() const override { return asks_on_receive_; }
  std::size_t size() const override { return parts_.rules.size(); }

 private:
  using Index = std::uint32_t;
  using Indices = std::vector<Index>;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  template <typename T>
  using ByName = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

  struct User {
    Indices rules;   // about this name, ascending
    Indices groups;  // of the file that have it, ascending
  };
  struct Decision {
    bool allowed = false;
    const Rule* rule = nullptr;  // null: none fits
    const TopicPattern* topic = nullptr;
    Right right = Right::publish;  // that the rule is about: a SUBSCRIBE may fail for receive
  };
  class Asked;       // who asks, and what was looked up about it
  class Candidates;  // the rules that may be about it, in order

  void index_groups();
  void index_rules();
  bool is_in_group(const Asked& asked, const GroupName& group) const;
  bool is_about(const Rule& rule, const Asked& asked) const;
  Decision decide(Right right, const Subject& who, std::string_view topic) const;
  Decision decide_filter(const Asked& asked, std::string_view filter) const;
  Decision decide_by_receive(const Asked& asked, std::string_view filter) const;
  Decision by_default(Right right) const;
  const Rule* missed(Right right, const Subject& who, std::string_view topic) const;

  RuleSetParts parts_;
  ByName<User> users_;
  ByName<Indices> client_ids_;
  std::vector<Index> groups_of_shapes_;  // with a star among their members
  Indices general_;
  bool asks_on_receive_ = false;
};

}  // namespace roost::auth
