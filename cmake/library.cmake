# libpawl, put together from the rooms.
#
#   pawl_plain    static; pawl::pawl for users
#   pawl_shared   the same objects
#   pawl_asan     static, the rooms compiled once more for AddressSanitizer and UndefinedBehaviorSanitizer; pawl::asan
#   pawl_tsan     static, the same for ThreadSanitizer; pawl::tsan
#
# pawl is the one that this tree's own programs link, by PAWL_SANITIZE.

set(public_headers
    include/pawl/barrier.h
    include/pawl/base.h
    include/pawl/broadcast.h
    include/pawl/channel.h
    include/pawl/metrics.h
    include/pawl/mutex.h
    include/pawl/notify.h
    include/pawl/oneshot.h
    include/pawl/pawl.h
    include/pawl/poll.h
    include/pawl/runtime.h
    include/pawl/rwlock.h
    include/pawl/select.h
    include/pawl/semaphore.h
    include/pawl/sync.h
    include/pawl/task.h
    include/pawl/testing.h
    include/pawl/time.h
    include/pawl/timerq.h
    include/pawl/token.h
    include/pawl/wait.h
)
get_property(rooms GLOBAL PROPERTY PAWL_ROOMS)

function(finish_library library)
    target_sources(${library} PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${public_headers})
    target_link_libraries(${library} PRIVATE Threads::Threads PkgConfig::PAWL_URCU pawl::boost_context)
    set_target_properties(${library} PROPERTIES LINKER_LANGUAGE C)
endfunction()

add_library(pawl_plain STATIC)
add_library(pawl_shared SHARED)
foreach(library IN ITEMS pawl_plain pawl_shared)
    foreach(room IN LISTS rooms)
        target_sources(${library} PRIVATE $<TARGET_OBJECTS:${room}>)
    endforeach()
    finish_library(${library})
endforeach()
set_target_properties(pawl_plain PROPERTIES OUTPUT_NAME pawl EXPORT_NAME pawl)
set_target_properties(pawl_shared PROPERTIES
    OUTPUT_NAME pawl
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}
)

# Nothing of what is linked in can be seen from outside, and nothing is missing.
target_link_options(pawl_shared PRIVATE -Wl,--exclude-libs,ALL -Wl,-z,defs)

# The objects call a sanitizer's run-time by names that gcc's and clang's have in common; the program brings the
# run-time, of its own compiler. So whoever links a variant gets the flags too.
function(add_variant name)
    string(TOUPPER ${name} flags)
    add_library(pawl_${name} STATIC)
    foreach(room IN LISTS rooms)
        get_target_property(folder ${room} SOURCE_DIR)
        get_target_property(sources ${room} SOURCES)
        list(TRANSFORM sources PREPEND ${folder}/)
        target_sources(pawl_${name} PRIVATE ${sources})
    endforeach()
    finish_library(pawl_${name})
    pawl_compile_as_library(pawl_${name})
    target_compile_options(pawl_${name} PUBLIC ${PAWL_${flags}_COMPILE})
    target_link_options(pawl_${name} PUBLIC ${PAWL_${flags}_LINK})
    set_target_properties(pawl_${name} PROPERTIES EXPORT_NAME ${name})
    add_library(pawl::${name} ALIAS pawl_${name})
    if(NOT PAWL_INSTALL_SANITIZED)
        set_target_properties(pawl_${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    endif()
endfunction()

add_variant(asan)
add_variant(tsan)

add_library(pawl ALIAS pawl_${PAWL_VARIANT})
add_library(pawl::pawl ALIAS pawl_${PAWL_VARIANT})
add_library(pawl::pawl_shared ALIAS pawl_shared)

# Every public header compiles on its own.
set_target_properties(pawl_plain PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
