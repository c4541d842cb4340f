# SPDX-License-Identifier: GPL-2.0-or-later
# sekishod: the rooms put together. All but main() is a library, so that unit tests reach it.
add_library(sekisho_agent STATIC agent.c conditions.c counter.c delivery.c failures.c helpers.c hours.c inbox.c install.c install_permit.c
                                 install_trust.c json_text.c keyboards.c loop.c medium.c permit_life.c permit_store.c
                                 permits.c permits_bytes.c receipts.c record.c registry.c screen_lock.c store.c trial.c trust_store.c varlink.c
                                 varlink_own.c varlink_permit.c varlink_record.c varlink_session.c)
sekisho_expose(sekisho_agent agent agent)
target_link_libraries(sekisho_agent PUBLIC sekisho_policy sekisho_base sekisho_sys sekisho_guards sekisho_medium sekisho_audit sekisho_ipc
                                           PkgConfig::jansson PkgConfig::libsystemd PkgConfig::libsodium)

add_executable(sekishod main.c)
target_link_libraries(sekishod PRIVATE sekisho_agent PkgConfig::libcap_ng)
install(TARGETS sekishod RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})

foreach(test failures hours json_text store trust_store conditions registry permit_store)
  if(EXISTS ${CMAKE_SOURCE_DIR}/tests/unit/test_${test}.c)
    sekisho_unit_test(${test} sekisho_agent PkgConfig::libsodium)
  endif()
endforeach()

# When a screen has to lock.
sekisho_unit_test(screen_lock sekisho_agent)

# Who has to wait for a locked screen.
sekisho_unit_test(keyboards sekisho_agent)
