// SPDX-License-Identifier: Apache-2.0
// roost serve: flags in, the server does the rest.
#include <cstdio>
#include <string>
#include <vector>

#include "broker/cli/arguments.h"
#include "broker/cli/cli.h"
#include "broker/server/config.h"
#include "broker/server/serve.h"

namespace roost::cli {
namespace {

constexpr const char* kFooter =
    "Without a config file: MQTT on port 1883, serving this machine; clients from elsewhere only\n"
    "once authentication is configured or allow_anonymous is true. HTTP (metrics, health) on\n"
    "127.0.0.1:8080, data in ./roost-data.\n\n"
    "Settings come from the file, then ROOST_... environment variables, then flags; the later\n"
    "wins. `roost serve --print-config` shows all of them.\n\n"
    "Signals: SIGTERM and SIGINT stop cleanly, a second one at once; SIGHUP reads the password\n"
    "file again.\n\n"
    "Exit codes: 0 stopped cleanly; 2 usage or config; 3 data directory can't be used;\n"
    "4 address in use.";

// "key=value" -> the pair; false without a '='.
bool split_setting(const std::string& text, std::pair<std::string, std::string>& out) {
  const auto at = text.find('=');
  if (at == std::string::npos || at == 0) return false;
  out = {text.substr(0, at), text.substr(at + 1)};
  return true;
}

}  // namespace

int run_serve_command(int argc, char** argv) {
  server::ServeOptions options;
  std::optional<std::uint32_t> port;
  std::vector<std::string> settings;
  bool markdown = false;
  Arguments arguments("roost serve", "Runs the broker in the foreground.");
  arguments.option("-c,--config", options.config_file, "YAML file; ROOST_CONFIG names one, too");
  arguments.option("-p,--port", port, "Port of the first listener");
  arguments.option("--data-dir", options.data_dir, "Where the data is kept");
  arguments.list("--set", settings, "key=value: any setting, e.g. --set http.port=9090");
  arguments.flag("--check", options.check, "Check the config and stop");
  arguments.flag("--print-config", options.print_config, "Print a config file with every setting");
  arguments.flag("--markdown", markdown, "With --print-config: as a table");
  arguments.footer(kFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  if (options.print_config && markdown) {
    std::fputs(server::settings_markdown().c_str(), stdout);
    return 0;
  }
  if (port && *port > 65535) {
    std::fprintf(stderr, "roost serve: --port takes a number from 0 to 65535\n");
    return kExitUsage;
  }
  if (port) options.port = static_cast<std::uint16_t>(*port);
  for (const std::string& text : settings) {
    std::pair<std::string, std::string> setting;
    if (!split_setting(text, setting)) {
      std::fprintf(stderr, "roost serve: --set takes key=value, not '%s'\n", text.c_str());
      return kExitUsage;
    }
    options.overrides.push_back(std::move(setting));
  }
  return server::run_serve(options);
}

}  // namespace roost::cli
