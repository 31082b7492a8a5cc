// SPDX-License-Identifier: Apache-2.0
// tests/ACCEPTANCE.md: what has to be true, what shows it, and what came of it.
// Thread: own thread (tests).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace roost::tidy {

struct AcceptanceRow {
  std::string id, sentence, evidence, result, date, commit;
  int line = 0;
};

// Rows of every table in the text; a row of another number of columns comes with an empty result.
std::vector<AcceptanceRow> parse_acceptance(std::string_view markdown);

// The `kind:name` words of the evidence column, without the backticks.
std::vector<std::string> evidence_ids(std::string_view evidence);

// What is wrong with the rows. exists(id) tells whether the test or command is there.
std::vector<std::string> acceptance_faults(const std::vector<AcceptanceRow>& rows,
                                           const std::function<bool(const std::string&)>& exists);

// Whether `gtest:Suite.Name`, `py:path::Class.test`, `py:path::case` or `cmd:program arguments`
// names something in this repository: a TEST of that name, that method in that class, that
// function, a file or the built roost.
bool evidence_exists(const std::string& id);

// The pieces of evidence_exists that need no files.
bool declares_gtest(std::string_view source, std::string_view suite, std::string_view name);
bool declares_python_test(std::string_view source, std::string_view suite, std::string_view name);

}  // namespace roost::tidy
