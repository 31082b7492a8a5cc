// SPDX-License-Identifier: Apache-2.0
// roost sub: subscribes and prints what comes; reconnects until told to stop.
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "broker/cli/cli.h"
#include "broker/cli/connect_arguments.h"
#include "broker/cli/message_format.h"
#include "broker/client/client.h"
#include "broker/mqtt/topic.h"

namespace roost::cli {
namespace {

constexpr const char* kFooter =
    "-F: %t topic, %p payload, %x %X payload in hex, %l its length, %q QoS, %r retain, %m packet\n"
    "id, %I time (ISO 8601), %U time (Unix), %j JSON, %J JSON with the payload as JSON, v5: %A\n"
    "topic alias, %C content type, %D correlation data, %E expiry, %F payload format, %P user\n"
    "properties, %R response topic, %S subscription ids; %% a percent sign; @X strftime's %X, @N\n"
    "nanoseconds; \\0 \\a \\e \\n \\r \\t \\v \\\\. Fields take a width: %10t, %-10t, %05l.\n\n"
    "Exit codes: 0; 1 couldn't connect; 2 usage; 27 -W is over; 1 to 5 (MQTT 3) or the reason "
    "code\n"
    "(MQTT 5): the broker refused the connection or every subscription.\n\n"
    "Examples:\n"
    "  roost sub -t 'home/#' -v\n"
    "  roost sub -t 'home/+/temp' -F '%I %t %p' -C 10 -W 60\n"
    "  roost sub -c -i logger -q 1 -t '#' -F %j";

constexpr std::uint32_t kReconnectFirstMs = 1000;
constexpr std::uint32_t kReconnectMostMs = 30'000;

struct SubArguments {
  ConnectArguments connect;
  std::vector<std::string> topics, filter_out, unsubscribe;
  std::string format;
  std::uint32_t count = 0;
  double timeout_s = 0;
  bool verbose = false;
  bool no_newline = false;
  bool no_retained = false;
  bool exit_after_suback = false;
  bool retained_only = false;
  bool retain_as_published = false;
  bool remove_retained = false;
};

class Sub final : public client::ClientEvents {
 public:
  explicit Sub(SubArguments& arguments)
      : arguments_(arguments),
        client_(loop_, arguments.connect.endpoint, arguments.connect.options, *this) {}

  int run() {
    if (arguments_.connect.debug) client_.want_debug();
    loop_.on_stop_signal([this] { finish(0); });
    if (arguments_.timeout_s > 0) {
      loop_.after_ms(static_cast<std::uint32_t>(arguments_.timeout_s * 1000), [this] {
        if (!finishing_) complain("Timed out");
        finish(kExitTimeout);
      });
    }
    client_.open();
    loop_.run();
    return code_;
  }

 private:
  void on_connack(const mqtt::Connack& connack) override {
    const auto version = arguments_.connect.options.version;
    if (mqtt::is_error(connack.reason)) {
      complain(refusal_text(connack.reason, version));
      code_ = exit_code_of(connack.reason, version);
      finishing_ = true;
      return;
    }
    was_connected_ = true;
    reconnect_ms_ = kReconnectFirstMs;
    subscribe();
    unsubscribe();
  }

  void on_closed(const std::string& why) override {
    if (finishing_) return loop_.stop();
    complain(was_connected_ ? "Connection lost: " + why : "Error: " + why);
    if (!was_connected_) {
      code_ = kExitFailed;
      return loop_.stop();
    }
    loop_.after_ms(reconnect_ms_, [this] {
      if (!finishing_) client_.open();
    });
    reconnect_ms_ = std::min(reconnect_ms_ * 2, kReconnectMostMs);
  }

  void on_suback(const mqtt::Suback& suback) override {
    if (arguments_.connect.debug) {
      std::string line = "Subscribed (mid: " + std::to_string(suback.packet_id) + "): ";
      for (std::size_t i = 0; i < suback.reasons.size(); ++i) {
        line += (i > 0 ? ", " : "") + std::to_string(static_cast<int>(suback.reasons[i]));
      }
      on_debug(line);
    }
    const auto refused = std::find_if(suback.reasons.begin(), suback.reasons.end(), mqtt::is_error);
    if (refused != suback.reasons.end()) {
      complain("Subscription refused: " + std::string(mqtt::name(*refused)));
      const bool all = std::all_of(suback.reasons.begin(), suback.reasons.end(), mqtt::is_error);
      if (all) return finish(static_cast<int>(*refused));
    }
    if (arguments_.exit_after_suback) finish(0);
  }

  void on_message(const mqtt::Publish& message) override {
    if (finishing_) return;
    if (arguments_.retained_only && !message.retain) return finish(0);
    if (arguments_.no_retained && message.retain) return;
    for (const std::string& filter : arguments_.filter_out) {
      if (mqtt::matches(filter, message.topic)) return;
    }
    if (arguments_.remove_retained && message.retain) clear(message.topic);
    print(message);
    if (arguments_.count > 0 && ++printed_ >= arguments_.count) finish(0);
  }

  void on_debug(const std::string& line) override {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }

  void subscribe() {
    if (arguments_.topics.empty()) return;
    mqtt::Subscribe packet;
    for (const std::string& filter : arguments_.topics) {
      mqtt::SubscribeEntry entry;
      entry.filter = filter;
      entry.options.qos = arguments_.connect.qos;
      entry.options.retain_as_published = arguments_.retain_as_published;
      if (arguments_.no_retained &&
          arguments_.connect.options.version == mqtt::ProtocolVersion::v5) {
        entry.options.retain_handling = mqtt::RetainHandling::do_not_send;
      }
      packet.entries.push_back(entry);
    }
    packet.properties = arguments_.connect.properties.subscribe;
    client_.subscribe(std::move(packet));
  }

  void unsubscribe() {
    if (arguments_.unsubscribe.empty()) return;
    mqtt::Unsubscribe packet;
    packet.filters.assign(arguments_.unsubscribe.begin(), arguments_.unsubscribe.end());
    packet.properties = arguments_.connect.properties.unsubscribe;
    client_.unsubscribe(std::move(packet));
  }

  void clear(std::string_view topic) {
    mqtt::Publish message;
    message.topic = topic;
    message.qos = mqtt::Qos::at_least_once;
    message.retain = true;
    client_.publish(message);
  }

  void print(const mqtt::Publish& message) {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    const Arrived arrived{now.tv_sec, static_cast<std::uint32_t>(now.tv_nsec)};
    out_.clear();
    if (!arguments_.format.empty()) {
      if (!format_message(arguments_.format, message, arrived, out_)) {
        return complain("Error: Message payload is not valid JSON on topic " +
                        std::string(message.topic) + ".");
      }
    } else {
      const bool is_null = message.payload.empty();
      if (arguments_.verbose) out_ += std::string(message.topic) + " ";
      if (arguments_.verbose && is_null) out_ += "(null)";
      if (!arguments_.verbose && is_null) return;
      out_ += as_text(message.payload);
    }
    if (!arguments_.no_newline) out_ += '\n';
    std::fwrite(out_.data(), 1, out_.size(), stdout);
    std::fflush(stdout);
  }

  // What is on its way (clearing of retained topics) still leaves before DISCONNECT.
  void finish(int code) {
    if (finishing_) return loop_.stop();
    finishing_ = true;
    code_ = code;
    if (!client_.is_connected()) return loop_.stop();
    client_.close();
  }

  void complain(const std::string& text) const {
    if (!arguments_.connect.quiet) std::fprintf(stderr, "%s\n", text.c_str());
  }

  SubArguments& arguments_;
  client::Loop loop_;
  client::Client client_;
  std::string out_;
  std::uint32_t printed_ = 0;
  std::uint32_t reconnect_ms_ = kReconnectFirstMs;
  bool was_connected_ = false;
  bool finishing_ = false;
  int code_ = 0;
};

int usage(const SubArguments& arguments, const std::string& why) {
  if (!arguments.connect.quiet) {
    std::fprintf(stderr, "Error: %s\nTry: roost sub --help\n", why.c_str());
  }
  return kExitUsage;
}

}  // namespace

int run_sub(int argc, char** argv) {
  SubArguments given;
  Arguments arguments("roost sub", "Prints MQTT messages; takes mosquitto_sub's letters.", false);
  arguments.group("Subscription");
  arguments.list("-t,--topic", given.topics, "Topic filter; several are fine");
  arguments.list("-T,--filter-out", given.filter_out, "Don't print what matches this");
  arguments.list("-U,--unsubscribe", given.unsubscribe, "Unsubscribe from this");
  arguments.flag("-R,--no-retained", given.no_retained, "No retained messages");
  arguments.flag("--retained-only", given.retained_only,
                 "Retained ones only; ends at the first other");
  arguments.flag("--retain-as-published", given.retain_as_published,
                 "v5: the retain flag as it was sent");
  arguments.flag("--remove-retained", given.remove_retained,
                 "Clear the retained messages that come");
  arguments.flag("-E,--exit-after-suback", given.exit_after_suback, "End once subscribed");
  arguments.group("Output");
  arguments.flag("-v,--verbose", given.verbose, "Topic and payload");
  arguments.option("-F,--format", given.format, "What to print, see below");
  arguments.flag("-N,--no-newline", given.no_newline, "No line end behind a message");
  arguments.option("-C,--count", given.count, "End after N messages");
  arguments.option("-W,--timeout", given.timeout_s, "End after so many seconds");
  given.connect.declare(arguments);
  arguments.footer(kFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  if (auto ok = given.connect.resolve(); !ok) return usage(given, ok.error().message);
  if (given.connect.url_topic) given.topics.push_back(*given.connect.url_topic);
  if (given.topics.empty() && given.unsubscribe.empty()) {
    return usage(given, "You must specify a topic to subscribe to (-t).");
  }
  for (const auto* filters : {&given.topics, &given.filter_out, &given.unsubscribe}) {
    for (const std::string& filter : *filters) {
      if (!mqtt::TopicFilter::parse(filter, 65535)) {
        return usage(given, "Invalid topic filter '" + filter + "', are all '+' and '#' in place?");
      }
    }
  }
  if (auto ok = check_format(given.format); !ok) return usage(given, ok.error().message);
  return Sub(given).run();
}

}  // namespace roost::cli
