# SPDX-License-Identifier: Apache-2.0
# At install time, with `source` and `binary`: what is compressed, and what the binary says itself.
set(share "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/share")

function(compressed from to)
  get_filename_component(folder "${to}" DIRECTORY)
  file(MAKE_DIRECTORY "${folder}")
  execute_process(COMMAND gzip -9nc "${from}" OUTPUT_FILE "${to}" COMMAND_ERROR_IS_FATAL ANY)
  file(CHMOD "${to}" PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
endfunction()

function(completion shell to)
  execute_process(COMMAND "${binary}" completion ${shell} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
  if(shell STREQUAL zsh)
    # The file is itself the function _roost, which zsh loads at the first completion.
    string(REGEX REPLACE "_roost" "_roost_words" text "${text}")
    set(text "#compdef roost\n${text}_bash_complete -F _roost_words\n")
  endif()
  file(WRITE "${to}" "${text}")
  file(CHMOD "${to}" PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
endfunction()

compressed("${source}/deploy/debian/roost.1" "${share}/man/man1/roost.1.gz")
compressed("${source}/deploy/debian/changelog" "${share}/doc/roost/changelog.Debian.gz")
compressed("${source}/CHANGELOG.md" "${share}/doc/roost/changelog.gz")
completion(bash "${share}/bash-completion/completions/roost")
completion(zsh "${share}/zsh/vendor-completions/_roost")
