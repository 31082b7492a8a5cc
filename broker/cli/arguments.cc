// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/arguments.h"

#include <CLI/CLI.hpp>
#include <cstdio>

namespace roost::cli {

struct Arguments::Impl {
  Impl(const std::string& typed_name, const std::string& description)
      : app(description, typed_name), name(typed_name) {}

  template <typename T>
  void add(const std::string& names, T& to, const std::string& help) {
    app.add_option(names, to, help)->group(heading)->capture_default_str();
  }

  CLI::App app;
  std::string name;
  std::string heading = "Options";
};

Arguments::Arguments(const std::string& name, const std::string& description, bool help_letter)
    : impl_(std::make_unique<Impl>(name, description)) {
  impl_->app.set_help_flag(help_letter ? "-h,--help" : "--help", "This text");
}

Arguments::~Arguments() = default;

void Arguments::flag(const std::string& names, bool& to, const std::string& help) {
  impl_->app.add_flag(names, to, help)->group(impl_->heading);
}

void Arguments::option(const std::string& names, std::string& to, const std::string& help) {
  auto* option = impl_->app.add_option(names, to, help)->group(impl_->heading);
  if (!to.empty()) option->capture_default_str();
}

void Arguments::option(const std::string& names, std::optional<std::string>& to,
                       const std::string& help) {
  impl_->app
      .add_option_function<std::string>(
          names, [&to](const std::string& value) { to = value; }, help)
      ->group(impl_->heading);
}

void Arguments::option(const std::string& names, std::uint16_t& to, const std::string& help) {
  impl_->add(names, to, help);
}

void Arguments::option(const std::string& names, std::uint32_t& to, const std::string& help) {
  impl_->add(names, to, help);
}

void Arguments::option(const std::string& names, std::uint64_t& to, const std::string& help) {
  impl_->add(names, to, help);
}

void Arguments::option(const std::string& names, std::optional<std::uint32_t>& to,
                       const std::string& help) {
  impl_->app
      .add_option_function<std::uint32_t>(
          names, [&to](std::uint32_t value) { to = value; }, help)
      ->group(impl_->heading);
}

void Arguments::option(const std::string& names, int& to, const std::string& help) {
  impl_->add(names, to, help);
}

void Arguments::option(const std::string& names, double& to, const std::string& help) {
  impl_->add(names, to, help);
}

void Arguments::choice(const std::string& names, std::string& to,
                       const std::vector<std::string>& allowed, const std::string& help) {
  auto* option = impl_->app.add_option(names, to, help)->group(impl_->heading);
  option->check(CLI::IsMember(allowed));
  if (!to.empty()) option->capture_default_str();
}

void Arguments::list(const std::string& names, std::vector<std::string>& to,
                     const std::string& help) {
  impl_->app.add_option(names, to, help)
      ->group(impl_->heading)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void Arguments::words(const std::string& names, std::vector<std::vector<std::string>>& to,
                      int least, int most, const std::string& help) {
  CLI::Option* option = impl_->app.add_option_function<std::vector<std::string>>(
      names, [&to](const std::vector<std::string>& values) { to.push_back(values); }, help);
  option->group(impl_->heading)->type_name("WORD")->type_size(least, most)->expected(1);
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->trigger_on_parse();
}

void Arguments::positional(const std::string& name, std::string& to, bool required,
                           const std::string& help) {
  impl_->app.add_option(name, to, help)->required(required);
}

void Arguments::group(const std::string& heading) { impl_->heading = heading; }

void Arguments::footer(const std::string& text) { impl_->app.footer(text); }

std::optional<int> Arguments::parse(int argc, char** argv) {
  try {
    impl_->app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(impl_->app.help().c_str(), stdout);
    return 0;
  } catch (const CLI::ParseError& problem) {
    std::fprintf(stderr, "%s: %s\nTry: %s --help\n", impl_->name.c_str(), problem.what(),
                 impl_->name.c_str());
    return kExitUsage;
  }
  return std::nullopt;
}

}  // namespace roost::cli
