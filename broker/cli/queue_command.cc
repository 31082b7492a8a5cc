// SPDX-License-Identifier: Apache-2.0
// roost queue and retained: what waits for a client, and what topics keep; of the whole cluster,
// asked of the node here.
#include <boost/json/array.hpp>

#include <cstdio>
#include <string>

#include "broker/cli/cli.h"
#include "broker/cli/fleet_call.h"
#include "broker/cli/json_fields.h"
#include "broker/cli/table.h"

namespace roost::cli {
namespace {

std::string count_text(std::uint64_t messages) { return std::to_string(messages) + " messages"; }

namespace json = boost::json;

constexpr const char* kQueue = "roost queue";
constexpr const char* kRetained = "roost retained";

std::string payload_of(const json::object& message) {
  if (message.if_contains("payload_base64") != nullptr) {
    return "base64 " + text_field(message, "payload_base64");
  }
  return text_field(message, "payload");
}

void print_queue(const json::object& answer) {
  std::vector<TableRow> rows = {{"SEQUENCE", "TOPIC", "QOS", "BYTES", "AGE", "STATE"}};
  for (const json::value& one : list_field(answer, "messages")) {
    if (!one.is_object()) continue;
    const json::object& message = one.get_object();
    rows.push_back({cell(number_field(message, "sequence")), cell(text_field(message, "topic")),
                    cell(number_field(message, "qos")),
                    cell(number_field(message, "payload_bytes")),
                    cell(number_field(message, "age_s")) + " s",
                    flag_field(message, "in_flight") ? "in flight" : "waits"});
  }
  std::string out;
  put_table(out, rows);
  std::printf("%s%llu messages\n", out.c_str(),
              static_cast<unsigned long long>(number_field(answer, "total")));
  if (answer.if_contains("next") != nullptr) {
    std::printf("more with --from %llu\n",
                static_cast<unsigned long long>(number_field(answer, "next")));
  }
}

void print_message(const json::object& message) {
  std::printf("topic    %s\nqos      %llu\nage      %llu s\npayload  %s\n",
              cell(text_field(message, "topic")).c_str(),
              static_cast<unsigned long long>(number_field(message, "qos")),
              static_cast<unsigned long long>(number_field(message, "age_s")),
              cell(payload_of(message)).c_str());
}

void print_levels(const json::object& answer) {
  std::vector<TableRow> rows = {{"TOPIC", "MESSAGE", "BELOW"}};
  for (const json::value& one : list_field(answer, "levels")) {
    if (!one.is_object()) continue;
    const json::object& level = one.get_object();
    rows.push_back({cell(text_field(level, "topic")),
                    flag_field(level, "has_message") ? "yes" : "-",
                    flag_field(level, "has_more") ? "more" : "-"});
  }
  std::string out;
  put_table(out, rows);
  std::printf("%s", out.c_str());
  const std::string next = text_field(answer, "next");
  if (!next.empty()) std::printf("more with --after '%s'\n", admin::printable(next).c_str());
}

// Request by request, each some seconds long.
int replay(const FleetOptions& options, const std::string& path, std::string from, std::string to,
           const std::string& prefix) {
  std::uint64_t replayed = 0, refused = 0;
  std::string stopped;
  for (bool goes_on = true; goes_on;) {
    const NodeAnswer answer =
        ask_fleet(kQueue, options, "POST",
                  path + "/replay" + query_text({{"from", from}, {"to", to}, {"prefix", prefix}}));
    if (!answer.body) {
      if (replayed > 0) std::printf("%s were published before.\n", count_text(replayed).c_str());
      return answer.exit_code;
    }
    replayed += number_field(*answer.body, "replayed");
    refused += number_field(*answer.body, "refused");
    stopped = text_field(*answer.body, "stopped");
    goes_on = answer.body->contains("next") && stopped.empty();
    from = std::to_string(number_field(*answer.body, "next"));
    to = std::to_string(number_field(*answer.body, "to"));
  }
  std::printf("%s are published again.\n", count_text(replayed).c_str());
  if (refused > 0) {
    complain(kQueue, count_text(refused) + " are refused by the broker", kExitFailed);
  }
  if (!stopped.empty()) {
    complain(kQueue, stopped + "; go on with --from " + from + " --to " + to, kExitFailed);
  }
  return refused > 0 || !stopped.empty() ? kExitFailed : 0;
}

// Request by request, each some seconds long. Who didn't answer may have more: said, and code 1.
int remove_retained(const FleetOptions& options, const std::string& target) {
  std::uint64_t deleted = 0;
  while (true) {
    const NodeAnswer answer = ask_fleet(kRetained, options, "DELETE", target);
    if (answer.body) deleted += number_field(*answer.body, "deleted");
    const bool is_whole = answer.body && !answer.body->contains("missing");
    if (is_whole && flag_field(*answer.body, "more")) continue;
    if (answer.body || deleted > 0) std::printf("%s are deleted.\n", count_text(deleted).c_str());
    return is_whole || !answer.body ? answer.exit_code : kExitFailed;
  }
}

}  // namespace

int run_queue(int argc, char** argv) {
  FleetOptions options;
  std::string id, verb = "list", sequence, from, to, limit, prefix;
  Arguments arguments(kQueue, "What waits for a client, connected or not.");
  arguments.positional("CLIENT", id, true, "Its client id");
  arguments.positional("VERB", verb, false,
                       "list; peek SEQUENCE: one with its payload; purge: drops what waits; "
                       "replay: publishes it again");
  arguments.positional("SEQUENCE", sequence, false, "With peek");
  arguments.option("--from", from, "The first sequence");
  arguments.option("--to", to, "Of purge and replay: the first one that stays");
  arguments.option("--limit", limit, "Of list: 1 to 1000, else 100");
  arguments.option("--prefix", prefix, "Of replay: put before each topic, such as replayed/");
  add_fleet(arguments, options);
  arguments.footer(kFleetFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const std::string path = "/api/v1/sessions/" + percent_encode(id) + "/queue";
  if (verb == "list") {
    const NodeAnswer answer =
        ask_fleet(kQueue, options, "GET", path + query_text({{"from", from}, {"limit", limit}}));
    if (answer.body) print_queue(*answer.body);
    return answer.exit_code;
  }
  if (verb == "peek") {
    if (sequence.empty()) return complain(kQueue, "which? SEQUENCE is missing", 2);
    const NodeAnswer answer =
        ask_fleet(kQueue, options, "GET", path + "/" + percent_encode(sequence));
    if (answer.body) print_message(*answer.body);
    return answer.exit_code;
  }
  if (verb == "purge") {
    const NodeAnswer answer =
        ask_fleet(kQueue, options, "DELETE", path + query_text({{"from", from}, {"to", to}}));
    if (!answer.body) return answer.exit_code;
    std::printf("%llu messages are dropped.\n",
                static_cast<unsigned long long>(number_field(*answer.body, "purged")));
    return 0;
  }
  if (verb == "replay") return replay(options, path, from, to, prefix);
  return complain(kQueue, "VERB is \"" + verb + "\"; allowed are list, peek, purge, replay", 2);
}

int run_retained(int argc, char** argv) {
  FleetOptions options;
  std::string topic, after, limit;
  bool gets = false, deletes = false, whole = false;
  Arguments arguments(kRetained, "Retained messages: the levels below a topic, or its message.");
  arguments.positional("TOPIC", topic, false, "Else the first levels");
  arguments.flag("--get", gets, "The message of TOPIC");
  arguments.flag("--delete", deletes, "Deletes the message of TOPIC");
  arguments.flag("--subtree", whole, "With --delete: and all that stand below it");
  arguments.option("--after", after, "Where the page before ended");
  arguments.option("--limit", limit, "How many levels: 1 to 1000, else 100");
  add_fleet(arguments, options);
  arguments.footer(kFleetFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  if ((gets || deletes) && topic.empty()) return complain(kRetained, "TOPIC is missing", 2);
  const std::string one = "/api/v1/retained/" + percent_encode(topic);
  if (deletes) {
    return remove_retained(options,
                           whole ? "/api/v1/retained" + query_text({{"below", topic}}) : one);
  }
  if (gets) {
    const NodeAnswer answer = ask_fleet(kRetained, options, "GET", one);
    if (answer.body) print_message(*answer.body);
    return answer.exit_code;
  }
  const NodeAnswer answer = ask_fleet(
      kRetained, options, "GET",
      "/api/v1/retained" + query_text({{"below", topic}, {"after", after}, {"limit", limit}}));
  if (answer.body) print_levels(*answer.body);
  return answer.exit_code;
}

}  // namespace roost::cli
