// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/cli.h"

int main(int argc, char** argv) { return roost::cli::main_command(argc, argv); }
