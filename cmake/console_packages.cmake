# SPDX-License-Identifier: Apache-2.0
# cmake -DFROM=folder -DTO=folder -DNPM=npm -P console_packages.cmake: TO/node_modules has what the
# lock file in FROM says. No script of a package runs.
file(MAKE_DIRECTORY ${TO})
file(COPY ${FROM}/package.json ${FROM}/package-lock.json DESTINATION ${TO})
execute_process(
  COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --loglevel=error
  WORKING_DIRECTORY ${TO} RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "npm ci failed; without a network, build with -DROOST_CONSOLE=OFF\n${said}")
endif()
file(TOUCH ${TO}/node_modules/.package-lock.json)
