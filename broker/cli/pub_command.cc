// SPDX-License-Identifier: Apache-2.0
// roost pub: publishes one message, the lines of standard input, or one message many times.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include "broker/cli/cli.h"
#include "broker/cli/connect_arguments.h"
#include "broker/client/client.h"
#include "broker/mqtt/topic.h"

namespace roost::cli {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0; 1 couldn't connect, or the connection was lost before all was acknowledged;\n"
    "2 usage; 1 to 5 (MQTT 3) or the reason code (MQTT 5): the broker refused the connection.\n\n"
    "Examples:\n"
    "  roost pub -t home/kitchen/temp -m 21.5\n"
    "  roost pub -L mqtts://me:secret@broker.example/home/door -m open -q 1 -r\n"
    "  sensors | roost pub -t home/sensors -l -q 1";

constexpr std::size_t kUnfinishedMax = 1000;  // lines read ahead of their acknowledgements

struct PubArguments {
  ConnectArguments connect;
  std::optional<std::string> topic, message, file;
  bool lines = false;
  bool whole_input = false;
  bool null_message = false;
  bool retain = false;
  std::uint32_t repeat = 1;
  double repeat_delay_s = 0;
};

class Pub final : public client::ClientEvents {
 public:
  Pub(PubArguments& arguments, std::string payload)
      : arguments_(arguments),
        payload_(std::move(payload)),
        client_(loop_, arguments.connect.endpoint, arguments.connect.options, *this) {}

  int run() {
    if (arguments_.connect.debug) client_.want_debug();
    loop_.on_stop_signal([this] { finish(0); });
    client_.open();
    loop_.run();
    return code_;
  }

 private:
  void on_connack(const mqtt::Connack& connack) override {
    const auto version = arguments_.connect.options.version;
    if (mqtt::is_error(connack.reason)) {
      complain(refusal_text(connack.reason, version));
      refused_ = true;
      code_ = exit_code_of(connack.reason, version);
    } else if (arguments_.lines) {
      read_lines();
    } else {
      publish_next();
    }
  }

  void on_closed(const std::string& why) override {
    if (!finishing_ && !refused_) {
      complain("Error: " + why);
      code_ = kExitFailed;
    }
    loop_.stop();
  }

  void on_published(client::Ticket, mqtt::ReasonCode reason) override {
    if (mqtt::is_error(reason)) {
      complain("Error: publish failed: " + std::string(mqtt::name(reason)));
      code_ = kExitFailed;
    }
    if (arguments_.lines) {
      if (input_ended_ && client_.unfinished() == 0) return all_done();
      if (!input_ended_ && !reading_ && client_.unfinished() < kUnfinishedMax) read_lines();
      return;
    }
    if (published_ >= arguments_.repeat) return all_done();
    if (arguments_.repeat_delay_s <= 0) return publish_next();
    loop_.after_ms(static_cast<std::uint32_t>(arguments_.repeat_delay_s * 1000),
                   [this] { publish_next(); });
  }

  void on_debug(const std::string& line) override { std::printf("%s\n", line.c_str()); }

  void publish(std::string_view payload) {
    mqtt::Publish message;
    message.topic = *arguments_.topic;
    message.payload = as_bytes(payload);
    message.qos = arguments_.connect.qos;
    message.retain = arguments_.retain;
    message.properties = arguments_.connect.properties.publish;
    client_.publish(message);
  }

  void publish_next() {
    if (finishing_) return;
    ++published_;
    publish(payload_);
  }

  void read_lines() {
    reading_ = true;
    loop_.when_readable(STDIN_FILENO, [this] {
      reading_ = false;
      char buffer[64 * 1024];
      const ssize_t size = ::read(STDIN_FILENO, buffer, sizeof buffer);
      if (size < 0 && (errno == EAGAIN || errno == EINTR)) return read_lines();
      input_ended_ = size <= 0;
      if (size > 0) line_.append(buffer, static_cast<std::size_t>(size));
      publish_lines();
      if (!input_ended_ && client_.unfinished() < kUnfinishedMax && !reading_) read_lines();
      if (input_ended_ && client_.unfinished() == 0) all_done();
    });
  }

  void publish_lines() {
    std::size_t begin = 0;
    for (auto end = line_.find('\n'); end != std::string::npos; end = line_.find('\n', begin)) {
      publish(std::string_view(line_).substr(begin, end - begin));
      begin = end + 1;
    }
    line_.erase(0, begin);
    if (input_ended_ && !line_.empty()) publish(line_);
  }

  void all_done() { finish(code_); }

  void finish(int code) {
    if (finishing_) return;
    finishing_ = true;
    code_ = code;
    client_.close();
  }

  void complain(const std::string& text) const {
    if (!arguments_.connect.quiet) std::fprintf(stderr, "%s\n", text.c_str());
  }

  PubArguments& arguments_;
  const std::string payload_;
  client::Loop loop_;
  client::Client client_;
  std::string line_;
  std::uint32_t published_ = 0;
  bool reading_ = false;
  bool input_ended_ = false;
  bool finishing_ = false;
  bool refused_ = false;
  int code_ = 0;
};

int usage(const PubArguments& arguments, const std::string& why) {
  if (!arguments.connect.quiet) {
    std::fprintf(stderr, "Error: %s\nTry: roost pub --help\n", why.c_str());
  }
  return kExitUsage;
}

// The one payload of -m, -f, -s or -n.
Result<std::string> payload_of(const PubArguments& arguments) {
  if (arguments.message) return *arguments.message;
  if (arguments.whole_input) {
    return std::string(std::istreambuf_iterator<char>(std::cin), {});
  }
  if (!arguments.file) return std::string();
  std::ifstream in(*arguments.file, std::ios::binary);
  if (!in) return error(ErrorKind::io, "unable to read '" + *arguments.file + "'");
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

int run_pub(int argc, char** argv) {
  PubArguments given;
  Arguments arguments("roost pub", "Publishes MQTT messages; takes mosquitto_pub's letters.",
                      false);
  arguments.group("Message");
  arguments.option("-t,--topic", given.topic, "Topic");
  arguments.option("-m,--message", given.message, "The message");
  arguments.option("-f,--file", given.file, "The message is this file");
  arguments.flag("-s,--stdin-file", given.whole_input, "The message is standard input");
  arguments.flag("-l,--stdin-line", given.lines, "A message for every line of standard input");
  arguments.flag("-n,--null-message", given.null_message, "An empty message");
  arguments.flag("-r,--retain", given.retain, "Retained");
  arguments.option("--repeat", given.repeat, "Publish N times");
  arguments.option("--repeat-delay", given.repeat_delay_s, "Seconds between them");
  given.connect.declare(arguments);
  arguments.footer(kFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  if (auto ok = given.connect.resolve(); !ok) return usage(given, ok.error().message);
  if (!given.topic) given.topic = given.connect.url_topic;
  const int sources = given.message.has_value() + given.file.has_value() + given.whole_input +
                      given.lines + given.null_message;
  if (!given.topic || sources == 0) return usage(given, "Both topic and message must be supplied.");
  if (sources > 1) return usage(given, "Only one of -m, -f, -s, -l and -n can be used.");
  if (!mqtt::TopicName::parse(*given.topic, 65535)) {
    return usage(given,
                 "Invalid publish topic '" + *given.topic + "', does it contain '+' or '#'?");
  }
  auto payload = payload_of(given);
  if (!payload) {
    usage(given, payload.error().message);
    return kExitFailed;
  }
  if (given.repeat == 0) given.repeat = 1;
  return Pub(given, std::move(*payload)).run();
}

}  // namespace roost::cli
