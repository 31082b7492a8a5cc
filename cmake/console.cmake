# SPDX-License-Identifier: Apache-2.0
# The web console in the binary: the files of broker/http/console and three of npm's, which come by
# the lock file there when they are built for the first time. -DROOST_CONSOLE=OFF: a binary without
# it, for who builds without npm or a network.

function(roost_console target)
  set(source ${CMAKE_BINARY_DIR}/console_assets.cc)
  set(embed ${CMAKE_SOURCE_DIR}/cmake/embed_console.cmake)
  set(files "")
  set(needed "")
  if(ROOST_CONSOLE)
    find_program(NPM npm)
    if(NOT NPM)
      message(FATAL_ERROR "npm is missing: the web console's libraries come from it. "
        "apt-get install npm, or build without the console: -DROOST_CONSOLE=OFF")
    endif()
    set(folder ${CMAKE_SOURCE_DIR}/broker/http/console)
    set(packages ${CMAKE_BINARY_DIR}/console)
    set(locked ${packages}/node_modules/.package-lock.json)
    add_custom_command(OUTPUT ${locked} VERBATIM
      COMMAND ${CMAKE_COMMAND} -DFROM=${folder} -DTO=${packages} -DNPM=${NPM}
              -P ${CMAKE_SOURCE_DIR}/cmake/console_packages.cmake
      DEPENDS ${folder}/package.json ${folder}/package-lock.json
              ${CMAKE_SOURCE_DIR}/cmake/console_packages.cmake
      COMMENT "The web console's libraries, by npm ci")
    file(GLOB files CONFIGURE_DEPENDS ${folder}/*.html ${folder}/*.css ${folder}/*.js
         ${folder}/*.svg ${folder}/*.txt)
    set(needed ${files} ${locked})
    # As the page names them.
    list(APPEND files "preact.js=${packages}/node_modules/htm/preact/standalone.module.js"
      "mqtt.js=${packages}/node_modules/mqtt/dist/mqtt.esm.js")
  endif()
  add_custom_command(OUTPUT ${source} VERBATIM
    COMMAND ${CMAKE_COMMAND} -DOUT=${source} "-DFILES=${files}" -P ${embed}
    DEPENDS ${needed} ${embed})
  target_sources(${target} PRIVATE ${source})
  # Two long texts: nothing in them is optimised, or warned about.
  set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-O0;-w"
    SKIP_PRECOMPILE_HEADERS ON)
endfunction()
