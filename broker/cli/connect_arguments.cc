// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/connect_arguments.h"

#include <unistd.h>

#include <charconv>
#include <random>

#include "broker/client/url.h"
#include "broker/mqtt/topic.h"

namespace roost::cli {
namespace {

auto wrong(std::string why) { return error(ErrorKind::invalid_argument, std::move(why)); }

std::string random_client_id() {
  static constexpr char kLetters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::random_device random;
  std::string id = "roost-";
  for (int i = 0; i < 12; ++i) id += kLetters[random() % 36];
  return id;  // 18 bytes: 3.1 brokers may insist on 23
}

}  // namespace

void ConnectArguments::declare(Arguments& arguments) {
  arguments.group("Connection");
  arguments.option("-h,--host", host_, "Host, else localhost");
  arguments.option("-p,--port", port_, "Port, else 1883, with TLS 8883");
  arguments.option("-L,--url", url_, "mqtt(s)://[user[:password]@]host[:port]/topic, also ws, wss");
  arguments.option("--unix", unix_path_, "Unix socket");
  arguments.flag("--ws", websocket_, "WebSocket");
  arguments.option("--ws-path", endpoint.websocket_path, "Path of the WebSocket");
  arguments.option("-A,--bind", endpoint.bind_address, "Local address to come from");
  arguments.option("-V,--protocol-version", version_, "mqttv5, mqttv311 (default) or mqttv31");
  arguments.option("-i,--id", client_id_, "Client id, else a random one");
  arguments.option("-I,--id-prefix", id_prefix_, "Client id: this and the process id");
  arguments.flag("-c,--disable-clean-session", persistent_, "A session that stays, needs -i");
  arguments.option("-x,--session-expiry-interval", session_expiry_,
                   "v5: seconds the session stays; -1 for ever");
  arguments.option("-k,--keepalive", keep_alive_s_, "Keep alive in seconds");
  arguments.option("-u,--username", user_name_, "User name");
  arguments.option("-P,--pw", password_, "Password");
  arguments.option("-q,--qos", qos_, "QoS 0, 1 or 2");
  arguments.words("-D,--property", property_words_, 3, 4,
                  "v5 property: COMMAND NAME VALUE; user-property has a key and a value");
  arguments.flag("-d,--debug", debug, "Print every packet");
  arguments.flag("--quiet", quiet, "No error messages");
  arguments.flag("--nodelay", no_delay_, "Accepted; packets never wait for others");

  arguments.group("TLS");
  arguments.option("--cafile", endpoint.ca_file, "Authorities to believe, PEM");
  arguments.option("--capath", endpoint.ca_path, "Folder of them");
  arguments.flag("--tls-use-os-certs", os_certificates_, "The system's authorities");
  arguments.option("--cert", endpoint.certificate_file, "Client certificate, PEM");
  arguments.option("--key", endpoint.key_file, "Its key, PEM");
  arguments.option("--ciphers", endpoint.ciphers, "OpenSSL's cipher list");
  arguments.choice("--tls-version", endpoint.tls_version, {"tlsv1.2", "tlsv1.3"}, "Only this one");
  arguments.flag("--insecure", endpoint.insecure, "Don't check the host's name");

  arguments.group("Will");
  arguments.option("--will-topic", will_topic_, "Topic");
  arguments.option("--will-payload", will_payload_, "Payload, else empty");
  arguments.option("--will-qos", will_qos_, "QoS");
  arguments.flag("--will-retain", will_retain_, "Retained");
  arguments.group("Options");
}

Result<void> ConnectArguments::resolve_transport() {
  using client::Transport;
  if (url_) {
    if (host_ || port_) return wrong("-L can't be used with -h or -p");
    auto url = client::parse_url(*url_);
    if (!url) return Unexpected(std::move(url).error());
    endpoint.transport = url->transport;
    endpoint.host = url->host;
    endpoint.port = url->port;
    if (url->user_name) user_name_ = url->user_name;
    if (url->password) password_ = url->password;
    if (!url->path.empty()) url_topic = url->path;
    return {};
  }
  if (!unix_path_.empty()) {
    endpoint.transport = Transport::unix_socket;
    endpoint.unix_path = unix_path_;
    return {};
  }
  const bool tls = !endpoint.ca_file.empty() || !endpoint.ca_path.empty() || os_certificates_ ||
                   !endpoint.certificate_file.empty() || endpoint.insecure ||
                   !endpoint.tls_version.empty() || (port_ && *port_ == 8883);
  if (websocket_) {
    endpoint.transport = tls ? Transport::secure_websocket : Transport::websocket;
  } else {
    endpoint.transport = tls ? Transport::tls : Transport::tcp;
  }
  if (host_) endpoint.host = *host_;
  if (port_ && (*port_ == 0 || *port_ > 65535)) return wrong("a port is 1 to 65535");
  endpoint.port =
      port_ ? static_cast<std::uint16_t>(*port_) : client::default_port(endpoint.transport);
  return {};
}

Result<void> ConnectArguments::resolve_session() {
  using mqtt::ProtocolVersion;
  if (version_ == "mqttv31" || version_ == "31") {
    options.version = ProtocolVersion::v3_1;
  } else if (version_ == "mqttv5" || version_ == "5") {
    options.version = ProtocolVersion::v5;
  } else if (!version_.empty() && version_ != "mqttv311" && version_ != "311") {
    return wrong("-V takes mqttv5, mqttv311 or mqttv31");
  }
  const bool needs_v5 = !property_words_.empty() || !session_expiry_.empty();
  if (needs_v5 && version_.empty()) options.version = ProtocolVersion::v5;
  if (needs_v5 && options.version != ProtocolVersion::v5) return wrong("-D and -x need -V mqttv5");
  if (persistent_ && client_id_.empty()) return wrong("-c needs a client id (-i)");
  if (qos_ > 2 || will_qos_ > 2) return wrong("QoS is 0, 1 or 2");
  qos = static_cast<mqtt::Qos>(qos_);
  options.client_id = client_id_;
  if (!id_prefix_.empty()) options.client_id = id_prefix_ + std::to_string(getpid());
  if (options.client_id.empty()) options.client_id = random_client_id();
  options.clean_start = !persistent_;
  options.keep_alive_s = keep_alive_s_;
  options.user_name = user_name_;
  options.password = password_;
  for (const auto& words : property_words_) {
    if (auto ok = properties.add(words); !ok) return ok;
  }
  options.properties = properties.connect;
  if (options.version != ProtocolVersion::v5) return {};
  std::int64_t expiry = persistent_ ? -1 : 0;
  if (!session_expiry_.empty() && session_expiry_ != "∞") {
    const auto* end = session_expiry_.data() + session_expiry_.size();
    const auto result = std::from_chars(session_expiry_.data(), end, expiry);
    if (result.ec != std::errc() || result.ptr != end || expiry < -1 || expiry > 0xFFFFFFFFLL) {
      return wrong("-x takes seconds, or -1");
    }
  } else if (!session_expiry_.empty()) {
    expiry = -1;
  }
  if (expiry != 0) {
    options.properties.session_expiry_interval_s = static_cast<std::uint32_t>(expiry);
    options.properties.mark(mqtt::PropertyId::session_expiry_interval);
  }
  return {};
}

Result<void> ConnectArguments::resolve_will() {
  if (!will_topic_) {
    if (will_payload_ || will_retain_) return wrong("a will needs --will-topic");
    return {};
  }
  if (!mqtt::TopicName::parse(*will_topic_))
    return wrong("invalid will topic '" + *will_topic_ + "'");
  options.will = client::WillOptions{.topic = *will_topic_,
                                     .payload = will_payload_.value_or(""),
                                     .qos = static_cast<mqtt::Qos>(will_qos_),
                                     .retain = will_retain_,
                                     .properties = properties.will};
  return {};
}

Result<void> ConnectArguments::resolve() {
  if (auto ok = resolve_transport(); !ok) return ok;
  if (auto ok = resolve_session(); !ok) return ok;
  return resolve_will();
}

int exit_code_of(mqtt::ReasonCode reason, mqtt::ProtocolVersion version) {
  if (version == mqtt::ProtocolVersion::v5) return static_cast<int>(reason);
  return mqtt::connack_return_code(reason);
}

std::string refusal_text(mqtt::ReasonCode reason, mqtt::ProtocolVersion version) {
  std::string out = "Connection error: ";
  if (version != mqtt::ProtocolVersion::v5) out += "Connection Refused: ";
  return out + std::string(mqtt::name(reason)) + ".";
}

}  // namespace roost::cli
