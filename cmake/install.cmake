# Installs a package for find_package(covey). The libraries, their public headers and this package
# are the component `development`: cmake --install build/release --component development.
include(CMakePackageConfigHelpers)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/coveyConfig.cmake.in
  ${PROJECT_BINARY_DIR}/coveyConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/covey)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/coveyConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/coveyConfig.cmake ${PROJECT_BINARY_DIR}/coveyConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/covey COMPONENT development)
install(EXPORT coveyTargets NAMESPACE covey::
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/covey COMPONENT development)
