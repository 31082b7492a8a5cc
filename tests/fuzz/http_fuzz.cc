// SPDX-License-Identifier: Apache-2.0
// Any text as what an HTTP client says of itself, as a file of tokens and as a URL: nobody passes
// the guard of the API without its token, and nothing that is taken can smuggle a line end. And as
// a message of the web: what is taken is a PUBLISH that the broker can read. First byte: guard,
// tokens, URL or message. Guard: peer, method, path, then headers "name:value", a line each.
#include <boost/json/parse.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "broker/base/bytes.h"
#include "broker/base/check.h"
#include "broker/base/clock.h"
#include "broker/http/guard.h"
#include "broker/http/web_url.h"
#include "broker/mqtt/decode.h"
#include "broker/mqtt/encode.h"
#include "broker/mqtt/frame.h"
#include "broker/server/web_message.h"
#include "tests/fuzz/seeds.h"

namespace roost::fuzz {
namespace {

constexpr std::string_view kToken = "correct-horse-battery-staple";

std::string take_line(std::string_view& rest) {
  const std::string line(rest.substr(0, rest.find('\n')));
  rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  return line;
}

void check_guard(std::string_view text, const std::string& address) {
  ManualClock clock;
  auto guard = http::Guard::open({.address = address,
                                  .token_file = {},
                                  .token = std::string(kToken),
                                  .allowed_hosts = {"broker.example"},
                                  .allowed_origins = {"https://console.example"}},
                                 clock);
  CHECK(guard.has_value());
  http::Request request;
  request.peer = take_line(text);
  request.method = take_line(text);
  request.path = take_line(text);
  while (!text.empty()) {
    const std::string line = take_line(text);
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    request.headers.emplace_back(line.substr(0, colon), line.substr(colon + 1));
  }
  const bool knows = request.header("Authorization").ends_with(kToken);
  const auto refused = (*guard)->check(request, false);
  CHECK(refused || knows);
  if (refused) CHECK(refused->status == 401 || refused->status == 403 || refused->status == 421);
  // The eleventh wrong token of an address isn't looked at.
  for (unsigned i = 0; i <= http::kWrongMax; ++i) (*guard)->check(request, false);
  if (refused && refused->status == 401 && (*guard)->counters().wrong_token.load() > 0) {
    CHECK((*guard)->check(request, false)->status == 429);
  }
  (*guard)->check(request, true);
}

void check_tokens(std::string_view text) {
  const auto tokens = http::Tokens::parse(text, "file");
  if (!tokens) CHECK(tokens.error().message.find("file") != std::string::npos);
  const std::string line = take_line(text);
  if (tokens && http::check_token(line) && !line.starts_with('#')) CHECK(tokens->contains(line));
  if (tokens) CHECK(!tokens->contains(""));
}

void check_url(std::string_view text) {
  const auto url = http::parse_web_url(text);
  if (!url) return;
  CHECK(!url->host.empty() && !url->port.empty() && url->target.starts_with('/'));
  for (const std::string& part : {url->host_header(), url->origin(), url->target}) {
    CHECK(part.find_first_of(std::string_view("\r\n \0", 4)) == std::string::npos);
  }
}

// The broker reads it, and sees the same.
void check_message(const Result<server::WebMessage>& message) {
  if (!message) {
    CHECK(message.error().kind == ErrorKind::invalid_argument && !message.error().message.empty());
    return;
  }
  mqtt::Publish publish = message->publish();
  if (publish.qos != mqtt::Qos::at_most_once) publish.packet_id = 1;
  std::vector<std::uint8_t> bytes;
  mqtt::encode(publish, mqtt::ProtocolVersion::v5, bytes);
  const auto frame = mqtt::next_frame(bytes, mqtt::kPacketSizeMax);
  CHECK(frame.status == mqtt::FrameStatus::complete);
  const auto packet = mqtt::decode(frame.frame, mqtt::ProtocolVersion::v5, {});
  CHECK(packet.has_value());
  const auto& read = std::get<mqtt::Publish>(*packet);
  CHECK(read.topic == publish.topic && as_text(read.payload) == as_text(publish.payload));
  CHECK(read.properties.present == publish.properties.present);
  CHECK(server::json_of(read).at("topic").as_string() == read.topic);
}

void check_json(std::string_view text) {
  boost::system::error_code fault;
  const boost::json::value value = boost::json::parse(text, fault);
  if (!fault) check_message(server::message_of(value, {}));
}

// Topic, query and content type, a line each; the rest is the body.
void check_plain(std::string_view text) {
  http::Request request;
  const std::string topic = take_line(text);
  request.query = take_line(text);
  request.headers.emplace_back("Content-Type", take_line(text));
  request.body = text;
  check_message(server::message_of(request, topic, {}));
}

void check_base64(std::string_view text) {
  const auto bytes = server::decode_base64(text);
  if (bytes) CHECK(server::encode_base64(*bytes) == text);
  CHECK(server::decode_base64(server::encode_base64(text)) == text);
}

void run(std::string_view input) {
  if (input.empty()) return;
  const char which = input[0];
  input.remove_prefix(1);
  switch (which & 7) {
    case 0:
      return check_guard(input, "127.0.0.1");
    case 1:
      return check_guard(input, "*");
    case 2:
      return check_tokens(input);
    case 4:
      return check_json(input);
    case 5:
      return check_plain(input);
    case 6:
      return check_base64(input);
    default:
      return check_url(input);
  }
}

}  // namespace
}  // namespace roost::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  std::vector<roost::fuzz::Input> seeds;
  for (const std::string text :
       {"0192.0.2.1\nPOST\n/api/v1/ban\nHost:[::1]:99\nAuthorization:Bearer wrong-token-of-mine",
        "02001:db8::1\nGET\n/api/\nHost:localhost.\nAuthorization:bearer "
        "correct-horse-battery-staple",
        "1\nPOST\n/x\nOrigin:https://console.example\nHost:evil.example\nHost:broker.example",
        "1::ffff:192.0.2.1\nGET\n/metrics\nHost:broker.example:99",
        "2correct-horse-battery-staple\n# comment\n\nanother-token-of-sixteen",
        "3https://name.example:8443/path?x=y", "3http://[::1]:80", "3https://u:p@x/",
        R"(4{"topic":"a/b","payload_base64":"AP8=","qos":2,"retain":true,"properties":{
          "message_expiry_interval":60,"payload_format_indicator":0,"content_type":"x",
          "response_topic":"r","correlation_data":"AQI=","user_properties":[["k","v"]]}})",
        R"(4{"topic":"a","payload":"\u00e9","properties":{"user_properties":{"k":"v"}}})",
        "5home%2Flamp\nqos=1&retain=true&message_expiry_interval=9&response_topic=r\ntext/"
        "plain\non",
        "6AP8="}) {
    seeds.emplace_back(text.begin(), text.end());
  }
  roost::fuzz::write_seeds(*argc, *argv, seeds);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  roost::fuzz::run(roost::as_text({data, size}));
  return 0;
}
