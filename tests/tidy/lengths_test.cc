// SPDX-License-Identifier: Apache-2.0
// How long things may be, and what every source file opens with.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/tidy/function_lengths.h"
#include "tests/tidy/source_file.h"

namespace roost::tidy {
namespace {

constexpr size_t kFileLines = 400;
constexpr int kFunctionLines = 70;
constexpr size_t kColumns = 100;
constexpr std::string_view kLicence = "// SPDX-License-Identifier: Apache-2.0";

using Strings = std::vector<std::string>;

size_t columns_of(std::string_view line) {
  return static_cast<size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// Rules for every source file, tests too.
Strings form_faults(const SourceFile& file) {
  Strings faults;
  if (file.lines.empty() || file.lines[0] != kLicence) {
    faults.push_back(fault(file, 1, "the first line is not the SPDX line"));
  }
  if (file.is_header() &&
      std::find(file.lines.begin(), file.lines.end(), "#pragma once") == file.lines.end()) {
    faults.push_back(fault(file, 1, "a header without #pragma once"));
  }
  if (file.lines.size() > kFileLines) {
    faults.push_back(
        fault(file, static_cast<int>(file.lines.size()),
              "a file of " + std::to_string(file.lines.size()) + " lines, 400 are allowed"));
  }
  for (size_t i = 0; i < file.lines.size(); ++i) {
    const int line = static_cast<int>(i) + 1;
    if (columns_of(file.lines[i]) > kColumns)
      faults.push_back(fault(file, line, "over 100 columns"));
    if (file.lines[i].find('\t') != std::string::npos) faults.push_back(fault(file, line, "a tab"));
    if (file.lines[i].ends_with(' ')) faults.push_back(fault(file, line, "a space at the end"));
  }
  return faults;
}

// Rules for the product.
Strings length_faults(const SourceFile& file) {
  Strings faults;
  for (const FunctionSpan& function : functions_of(file)) {
    if (function.lines() > kFunctionLines) {
      faults.push_back(
          fault(file, function.first_line,
                "a function of " + std::to_string(function.lines()) + " lines, 70 are allowed"));
    }
  }
  return faults;
}

Strings all_faults(const std::vector<SourceFile>& files, Strings (*rule)(const SourceFile&)) {
  Strings faults;
  for (const SourceFile& file : files) {
    const Strings found = rule(file);
    faults.insert(faults.end(), found.begin(), found.end());
  }
  return faults;
}

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Lengths, HoldInTheProduct) {
  const auto files = read_sources(product_folders());
  ASSERT_GT(files.size(), 5u) << "run from the repository's root";
  const Strings faults = all_faults(files, length_faults);
  EXPECT_TRUE(faults.empty()) << join(faults);
}

TEST(Form, HoldsInEverySource) {
  Strings folders = product_folders();
  folders.push_back("tests");
  const Strings faults = all_faults(read_sources(folders), form_faults);
  EXPECT_TRUE(faults.empty()) << join(faults);
}

TEST(Form, AFileOf401LinesIsAFault) {
  const std::string first = std::string(kLicence) + "\n";
  EXPECT_TRUE(form_faults(make_source("a.cc", first + repeated("int x;\n", 399))).empty());
  EXPECT_EQ(form_faults(make_source("a.cc", first + repeated("int x;\n", 400))).size(), 1u);
}

TEST(Lengths, AFunctionOf71LinesIsAFault) {
  const auto text = [](int inner) {
    return "namespace a {\nvoid f() {\n" + repeated("  g();\n", inner) + "}\n}\n";
  };
  EXPECT_TRUE(length_faults(make_source("a.cc", text(68))).empty());
  EXPECT_EQ(length_faults(make_source("a.cc", text(69))).size(), 1u);
}

TEST(Lengths, AMethodInAClassIsMeasuredAndTheClassIsNot) {
  const std::string small = "  int f() const {\n    return 1;\n  }\n";
  EXPECT_TRUE(
      length_faults(make_source("a.h", "class A : B {\n" + repeated(small, 40) + "};\n")).empty());
  const std::string large = "  int f() const {\n" + repeated("    g({1, 2});\n", 70) + "  }\n";
  EXPECT_EQ(length_faults(make_source("a.h", "class A : B {\n" + large + "};\n")).size(), 1u);
}

TEST(Lengths, ATableIsNoFunctionButItsLambdasAre) {
  EXPECT_TRUE(length_faults(make_source("a.cc", "Row kRows[] = {\n" +
                                                    repeated("  {1, f(2)},\n", 90) + "};\n"))
                  .empty());
  const std::string lambda = "  {1, [](int a) {\n" + repeated("    g();\n", 80) + "  }},\n";
  EXPECT_EQ(length_faults(make_source("a.cc", "Row kRows[] = {\n" + lambda + "};\n")).size(), 1u);
}

TEST(Lengths, BracesInCommentsAndLiteralsDontCount) {
  const std::string text =
      "void f() {\n  // {\n  /* { */ g('{', \"{\\\"{\", 1'000);\n  h(R\"x({{)\" {)x\");\n}\n";
  const auto functions = functions_of(make_source("a.cc", text));
  ASSERT_EQ(functions.size(), 1u);
  EXPECT_EQ(functions[0].lines(), 5);
}

TEST(Lengths, AConstructorsInitialisersBelongToNoOne) {
  const std::string text = "A::A(int x)\n    : x_{x},\n      y_(2) {\n  g();\n}\n\nvoid h() {\n}\n";
  const auto functions = functions_of(make_source("a.cc", text));
  ASSERT_FALSE(functions.empty());
  EXPECT_EQ(functions.back().first_line, 7);
  EXPECT_EQ(functions.back().lines(), 2);
}

TEST(Form, EachRuleCanFail) {
  const std::string licence = repeated(kLicence, 1);  // not a constant: g++ 12 miscounts those
  const std::string good = licence + "\n#pragma once\n";
  EXPECT_TRUE(form_faults(make_source("a.h", good)).empty());
  EXPECT_EQ(form_faults(make_source("a.h", "#pragma once\n")).size(), 1u);
  EXPECT_EQ(form_faults(make_source("a.h", licence + "\n")).size(), 1u);
  EXPECT_EQ(form_faults(make_source("a.h", good + "//" + repeated("x", 99) + "\n")).size(), 1u);
  EXPECT_EQ(form_faults(make_source("a.h", good + "int\tx;\n")).size(), 1u);
  EXPECT_EQ(form_faults(make_source("a.h", good + "int x; \n")).size(), 1u);
  EXPECT_TRUE(
      form_faults(make_source("a.h", good + "//" + repeated("\xC3\xA4", 98) + "\n")).empty());
}

}  // namespace
}  // namespace roost::tidy
