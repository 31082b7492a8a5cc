# SPDX-License-Identifier: Apache-2.0
# The Debian package: cpack -G DEB --config build/release/CPackConfig.cmake
include(GNUInstallDirs)
set(debian ${CMAKE_SOURCE_DIR}/deploy/debian)

install(TARGETS roost RUNTIME DESTINATION bin)
install(FILES ${debian}/copyright DESTINATION share/doc/roost)
install(FILES ${CMAKE_SOURCE_DIR}/deploy/roost.yaml DESTINATION share/doc/roost/examples)
install(FILES ${debian}/roost.yaml DESTINATION /etc/roost)
install(FILES ${CMAKE_SOURCE_DIR}/deploy/systemd/roost.service DESTINATION /lib/systemd/system)
install(CODE "set(source ${CMAKE_SOURCE_DIR})\nset(binary $<TARGET_FILE:roost>)")
install(SCRIPT ${CMAKE_SOURCE_DIR}/cmake/package_files.cmake)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME roost)
set(CPACK_PACKAGE_CONTACT "Roost maintainers <maintainers@roost.example>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "clustered MQTT broker")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Roost speaks MQTT 3.1, 3.1.1 and 5.0 over TCP, TLS, WebSocket and Unix
sockets. What it has acknowledged is on disk and waits until its device
comes home. Several nodes with an etcd beside them are one broker, whose
acknowledged messages are on more than one node.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${debian}/conffiles ${debian}/postinst ${debian}/prerm ${debian}/postrm)
include(CPack)
