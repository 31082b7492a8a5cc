// SPDX-License-Identifier: Apache-2.0
// What becomes of a mosquitto.conf, case by case. tests/system/import_test.py starts what comes
// out.
#include "broker/cli/import_mosquitto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "broker/cli/import_options.h"
#include "broker/server/config.h"

namespace roost::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ImportTest : public testing::Test {
 protected:
  ImportTest() { std::filesystem::create_directories(folder); }
  ~ImportTest() override { std::filesystem::remove_all(folder); }

  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = folder + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }
  Imported translate(const std::string& text) const {
    auto imported = import_mosquitto({write("m.conf", text), {}, {}});
    EXPECT_TRUE(imported.has_value()) << imported.error().message;
    return imported ? *imported : Imported();
  }
  // The value of a setting in what comes out; "none".
  std::string value(const std::string& text, const std::string& path) const {
    for (const ImportedSetting& one : translate(text).settings) {
      if (one.path == path) return one.value;
    }
    return "none";
  }
  // "m.conf:2: option: text" without the folder.
  std::vector<std::string> impossible(const std::string& text) const {
    std::vector<std::string> lines;
    for (const ImportNote& note : translate(text).impossible) {
      const std::string place =
          note.place.empty() ? "" : note.place.substr(folder.size() + 1) + ": ";
      lines.push_back(place + note.option);
    }
    return lines;
  }
  std::string fault(const std::string& text) const {
    const auto imported = import_mosquitto({write("m.conf", text), {}, {}});
    return imported ? "none" : imported.error().message;
  }

  const std::string folder = testing::TempDir() + "roost-import-" + std::to_string(getpid());
};

TEST_F(ImportTest, OneOptionAtATime) {
  struct Case {
    const char* text;
    const char* path;
    const char* value;
  };
  const Case cases[] = {
      {"listener 1883\n", "auth.allow_anonymous", "false"},
      {"port 1884\n", "auth.allow_anonymous", "false"},
      {"# nothing\n", "auth.allow_anonymous", "true"},
      {"allow_anonymous true\nlistener 1883\n", "auth.allow_anonymous", "true"},
      {"password_file /etc/pw\n", "auth.password_file", "\"/etc/pw\""},
      {"acl_file /etc/a \"b\"\n", "acl.mosquitto_file", "\"/etc/a \\\"b\\\"\""},
      {"max_inflight_messages 20\n", "mqtt.max_inflight", "20"},
      {"max_inflight_messages 0\n", "mqtt.max_inflight", "65535"},
      {"max_queued_messages 100\n", "mqtt.max_queued_messages", "100"},
      {"max_queued_messages 0\n", "mqtt.max_queued_messages", "4294967295"},
      {"max_queued_bytes 0\n", "mqtt.max_queued_bytes", "none"},
      {"max_queued_bytes 5000\n", "mqtt.max_queued_bytes", "5000"},
      {"max_keepalive 60\n", "mqtt.keep_alive_max", "60"},
      {"max_topic_alias 5\n", "mqtt.topic_alias_maximum", "5"},
      {"max_packet_size 20\n", "mqtt.max_packet_size", "1024"},
      {"max_packet_size 100000\n", "mqtt.max_packet_size", "100000"},
      {"message_size_limit 1000\n", "mqtt.max_packet_size", "132072"},
      {"message_size_limit 0\n", "mqtt.max_packet_size", "268435460"},
      {"sys_interval 30\n", "mqtt.sys_interval", "30s"},
      {"persistent_client_expiration 2d\n", "mqtt.persistent_session_expiry", "48h"},
      {"persistent_client_expiration 1y\n", "mqtt.persistent_session_expiry", "8760h"},
      {"persistence_location /var/lib/mosquitto/\n", "data_dir", "\"/var/lib/mosquitto/roost\""},
      {"log_type error\nlog_type warning\n", "log.level", "warn"},
      {"log_type all\n", "log.level", "debug"},
      {"connection_messages false\n", "log.level", "warn"},
  };
  for (const Case& one : cases) EXPECT_EQ(value(one.text, one.path), one.value) << one.text;
}

TEST_F(ImportTest, WhatStandsBeforeTheFirstListenerIsAboutTheDefaultOne) {
  const Imported both = translate(
      "port 1884\nbind_address 127.0.0.1\nlistener 9001\n"
      "protocol websockets\nmax_connections 7\n");
  ASSERT_EQ(both.listeners.size(), 2U);
  EXPECT_EQ(both.listeners[0].port, "1884");
  EXPECT_EQ(both.listeners[0].address, "127.0.0.1");
  EXPECT_FALSE(both.listeners[0].is_websocket);
  EXPECT_EQ(both.listeners[1].port, "9001");
  EXPECT_TRUE(both.listeners[1].is_websocket);
  EXPECT_EQ(both.listeners[1].max_connections, "7");
  EXPECT_EQ(translate("allow_anonymous true\nlistener 9001\n").listeners.size(), 1U);
  const Imported local = translate("max_inflight_messages 5\n");
  ASSERT_EQ(local.listeners.size(), 1U);
  EXPECT_EQ(local.listeners[0].address, "127.0.0.1") << "mosquitto's local only mode";
}

TEST_F(ImportTest, UnixSocketsAndDomains) {
  const Imported all = translate(
      "listener 0 /run/m.sock\nlistener 1883 localhost\n"
      "listener 1884\nsocket_domain ipv6\n");
  ASSERT_EQ(all.listeners.size(), 3U);
  EXPECT_EQ(all.listeners[0].unix_path, "/run/m.sock");
  EXPECT_EQ(all.listeners[1].address, "localhost");
  EXPECT_EQ(all.listeners[2].address, "::");
}

TEST_F(ImportTest, Tls) {
  const Imported whole = translate(
      "listener 8883\ncafile ca.pem\ncertfile c.pem\nkeyfile k.pem\nrequire_certificate true\n"
      "use_identity_as_username true\ncrlfile r.pem\ntls_version tlsv1.3\nciphers AES\n");
  ASSERT_EQ(whole.listeners.size(), 1U);
  const ImportedTls& tls = whole.listeners[0].tls;
  EXPECT_THAT(
      (std::vector{tls.certificate, tls.key, tls.ca, tls.crl, tls.min_version, tls.ciphers}),
      ElementsAre("c.pem", "k.pem", "ca.pem", "r.pem", "1.3", "AES"));
  EXPECT_TRUE(tls.requires_certificate && tls.user_is_common_name);
  EXPECT_THAT(whole.impossible, IsEmpty());
  const Imported strict =
      translate("listener 8883\ncertfile c.pem\nkeyfile k.pem\nrequire_certificate true\n");
  EXPECT_TRUE(strict.listeners[0].tls.requires_certificate) << "open to anybody otherwise";
  EXPECT_THAT(strict.impossible, SizeIs(1));
  const Imported open = translate("listener 8883\ncafile ca.pem\ncertfile c.pem\nkeyfile k.pem\n");
  EXPECT_EQ(open.listeners[0].tls.ca, "") << "mosquitto asks for no certificate then";
}

TEST_F(ImportTest, PerListenerSettings) {
  const Imported all = translate(
      "per_listener_settings true\nlistener 1883\nallow_anonymous true\nlistener 8883\n"
      "password_file pw\nlistener 8884\npassword_file pw\n");
  ASSERT_EQ(all.listeners.size(), 3U);
  EXPECT_EQ(all.listeners[0].allow_anonymous, true);
  EXPECT_EQ(all.listeners[1].allow_anonymous, false);
  ASSERT_EQ(all.impossible.size(), 1U);
  EXPECT_EQ(all.impossible[0].option, "listener 1883");
  EXPECT_THAT(all.impossible[0].text, HasSubstr("passwords are checked as well"));
  EXPECT_THAT(impossible("per_listener_settings true\nlistener 1\npassword_file a\n"
                         "listener 2\npassword_file b\n"),
              ElementsAre("m.conf:5: password_file"));
}

TEST_F(ImportTest, WhatIsNotPossibleIsNamedWithItsPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"plugin /usr/lib/x.so\nplugin_opt_a b\n", "m.conf:1: plugin"},
      {"psk_file p\n", "m.conf:1: psk_file"},
      {"\nmount_point a/\n", "m.conf:2: mount_point"},
      {"capath /etc/ssl\n", "m.conf:1: capath"},
      {"max_qos 1\n", "m.conf:1: max_qos"},
      {"tls_version tlsv1.1\n", "m.conf:1: tls_version"},
      {"queue_qos0_messages true\n", "m.conf:1: queue_qos0_messages"},
      {"retain_available false\n", "m.conf:1: retain_available"},
      {"allow_zero_length_clientid false\n", "m.conf:1: allow_zero_length_clientid"},
      {"upgrade_outgoing_qos true\n", "m.conf:1: upgrade_outgoing_qos"},
      {"use_username_as_clientid true\n", "m.conf:1: use_username_as_clientid"},
      {"use_subject_as_username true\n", "m.conf:1: use_subject_as_username"},
      {"listner 1883\n", "m.conf:1: listner"},
  };
  for (const auto& [text, line] : cases) {
    const auto lines = impossible(text);
    ASSERT_FALSE(lines.empty()) << text;
    EXPECT_EQ(lines[0], line);
  }
  EXPECT_THAT(impossible("queue_qos0_messages false\nretain_available true\nmax_qos 2\n"
                         "upgrade_outgoing_qos false\nset_tcp_nodelay true\nuser mosquitto\n"),
              IsEmpty());
}

TEST_F(ImportTest, ABridgeIsTranslated) {
  const std::string file = write("ca.pem", "x");
  const Imported all = translate(
      "listener 1883\nconnection my cloud\naddress broker.example:8883\nbridge_cafile " + file +
      "\nremote_username u\nremote_clientid home\nkeepalive_interval 30\nrestart_timeout 2 30\n"
      "bridge_protocol_version mqttv50\ncleansession false\ntry_private true\n"
      "topic sensors/# out 1 \"\" site/\ntopic cmd/# in 2\nnotification_topic state/home\n"
      "connection other\naddress ::1\ntopic # both\n");
  EXPECT_THAT(all.impossible, IsEmpty());
  server::ConfigSources sources;
  sources.file = write("roost.yaml", import_yaml(all, "m.conf"));
  const auto [config, errors] = server::load_config(sources);
  ASSERT_THAT(errors, IsEmpty());
  ASSERT_EQ(config.bridges.size(), 2U);
  const server::BridgeConfig& cloud = config.bridges[0];
  EXPECT_EQ(cloud.name, "my-cloud");
  EXPECT_EQ(cloud.url, "mqtts://broker.example:8883");
  EXPECT_EQ(cloud.version, "5");
  EXPECT_EQ(cloud.client_id, "home");
  EXPECT_EQ(cloud.user_name, "u");
  EXPECT_EQ(cloud.ca_file, file);
  EXPECT_EQ(cloud.keep_alive_s, 30);
  EXPECT_EQ(cloud.retry_min_ms, 2000U);
  EXPECT_EQ(cloud.retry_max_ms, 30'000U);
  EXPECT_EQ(cloud.state_topic, "state/home");
  EXPECT_EQ(cloud.topics, "sensors/# out 1 \"\" site/\ncmd/# in 2");
  EXPECT_EQ(config.bridges[1].version, "3.1.1");
}

TEST_F(ImportTest, OfABridgeItSaysWhatCannotBe) {
  EXPECT_THAT(
      impossible("connection home\naddress h\ntopic # up\nremote_password secret\n"
                 "bridge_insecure true\nbridge_psk x\nstart_type lazy\n"),
      ElementsAre("m.conf:3: topic", "m.conf:4: remote_password", "m.conf:5: bridge_insecure",
                  "m.conf:6: bridge_psk", "m.conf:7: start_type"));
  EXPECT_THAT(impossible("topic # both\n"), ElementsAre("m.conf:1: topic"));
}

TEST_F(ImportTest, IncludesAreFollowedInTheOrderOfTheirNames) {
  write("conf.d/b.conf", "max_inflight_messages 2\n");
  write("conf.d/a.conf", "max_inflight_messages 1\nplugin x\n");
  write("conf.d/c.txt", "max_inflight_messages 3\n");
  const std::string text = "include_dir " + folder + "/conf.d\n";
  EXPECT_EQ(value(text, "mqtt.max_inflight"), "2");
  EXPECT_THAT(impossible(text), ElementsAre("conf.d/a.conf:2: plugin"));
  EXPECT_THAT(fault("include_dir " + folder + "/nowhere\n"), HasSubstr("m.conf:1: the folder"));
}

TEST_F(ImportTest, SaysWhatIsNotUnderstood) {
  EXPECT_THAT(fault("listener abc\n"), HasSubstr("m.conf:1: listener is \"abc\"; allowed is PORT"));
  EXPECT_THAT(fault("max_keepalive many\n"), HasSubstr("allowed is a number"));
  EXPECT_THAT(fault("allow_anonymous maybe\n"), HasSubstr("allowed is true or false"));
  EXPECT_THAT(fault("persistent_client_expiration 3x\n"), HasSubstr("h, d, w, m or y"));
  EXPECT_THAT(import_mosquitto({folder + "/none.conf", {}, {}}).error().message,
              HasSubstr("none.conf"));
}

TEST_F(ImportTest, OtherFilesMayBeNamed) {
  const auto imported =
      import_mosquitto({write("m.conf", "password_file a\nacl_file b\n"), "other.pw", "other.acl"});
  ASSERT_TRUE(imported.has_value());
  EXPECT_THAT(import_yaml(*imported, "m.conf"),
              testing::AllOf(HasSubstr("password_file: \"other.pw\""),
                             HasSubstr("mosquitto_file: \"other.acl\"")));
}

// The whole of it is read back by what serves.
TEST_F(ImportTest, TheYamlIsAConfigOfRoost) {
  const std::string file = write("file", "x");
  const Imported all = translate(
      "listener 1883 127.0.0.1\nmax_connections 50\nlistener 0 /run/m.sock\nlistener 8883\n"
      "certfile " +
      file + "\nkeyfile " + file + "\ncafile " + file +
      "\nrequire_certificate true\nuse_identity_as_username true\ntls_version tlsv1.2\n"
      "password_file " +
      file + "\nacl_file " + file +
      "\nallow_anonymous false\nmax_packet_size 2000\nsys_interval 0\nplugin x\nuser m\n"
      "persistence_location /var/lib/m\nlog_type notice\npersistent_client_expiration 2w\n");
  server::ConfigSources sources;
  sources.file = write("roost.yaml", import_yaml(all, "m.conf"));
  const auto [config, errors] = server::load_config(sources);
  EXPECT_THAT(errors, IsEmpty());
  ASSERT_EQ(config.listeners.size(), 3U);
  EXPECT_EQ(config.listeners[0].address, "127.0.0.1");
  EXPECT_EQ(config.listeners[0].max_connections, 50U);
  EXPECT_EQ(config.listeners[1].unix_path, "/run/m.sock");
  EXPECT_EQ(config.listeners[2].tls.client_certificate, "required");
  EXPECT_EQ(config.listeners[2].tls.user, "%cn");
  EXPECT_EQ(config.auth.password_file, file);
  EXPECT_EQ(config.auth.allow_anonymous, false);
  EXPECT_EQ(config.acl.mosquitto_file, file);
  EXPECT_EQ(config.mqtt.max_packet_size, 2000U);
  EXPECT_EQ(config.mqtt.sys_interval_ms, 0U);
  EXPECT_EQ(config.mqtt.persistent_session_expiry_s, 14U * 86'400);
  EXPECT_EQ(config.data_dir, "/var/lib/m/roost");
}

// REGENERATE=1 writes the table anew.
TEST(ImportOptionsTest, TheTableStandsInTheDocumentation) {
  const std::string path = "deploy/docs/migrating-from-mosquitto.md";
  std::ostringstream all;
  all << std::ifstream(path).rdbuf();
  std::string text = all.str();
  const std::size_t at = text.find("| mosquitto's |");
  ASSERT_NE(at, std::string::npos) << "run from the repository's root";
  if (std::getenv("REGENERATE") != nullptr) {
    text = text.substr(0, at) + options_markdown();
    std::ofstream(path) << text;
  }
  EXPECT_EQ(text.substr(at), options_markdown());
}

TEST(ImportOptionsTest, EachStandsOnceAndEveryTranslatedOneIsTaken) {
  std::set<std::string_view> names;
  std::set<Option> taken;
  for (const OptionRow& row : mosquitto_options()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.text.empty()) << row.name;
    if (row.fate != Fate::translated) continue;
    EXPECT_TRUE(row.option != Option::none &&
                (row.option == Option::bridge || taken.insert(row.option).second))
        << row.name;
  }
  EXPECT_EQ(find_option("plugin_opt_user")->name, "plugin_opt_*");
  EXPECT_EQ(find_option("nothing"), nullptr);
}

}  // namespace
}  // namespace roost::cli
