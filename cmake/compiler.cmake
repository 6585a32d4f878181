# How the sources are compiled: two interface targets, and the flags of the sanitizers.
#
#   pawl_settings          include path, language and macros of every target of this project
#   pawl_warnings          strict warnings, for what is not written in another project's macros

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Kind of build" FORCE)
endif()

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# What a sanitizer asks of everything that is to be watched: the library's variant, and every program that links it.
# The first report of undefined behaviour ends the program, as one of AddressSanitizer does.
set(PAWL_ASAN_COMPILE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
set(PAWL_ASAN_LINK -fsanitize=address,undefined)
set(PAWL_TSAN_COMPILE -fsanitize=thread -fno-omit-frame-pointer)
set(PAWL_TSAN_LINK -fsanitize=thread)

if(PAWL_SANITIZE STREQUAL "address")
    set(PAWL_VARIANT asan)
elseif(PAWL_SANITIZE STREQUAL "thread")
    set(PAWL_VARIANT tsan)
elseif(PAWL_SANITIZE STREQUAL "")
    set(PAWL_VARIANT plain)
else()
    message(FATAL_ERROR "PAWL_SANITIZE is '${PAWL_SANITIZE}': give address, thread or nothing")
endif()

# Everything tells libFuzzer where it has been; the targets themselves, in tests/fuzz, get libFuzzer's main.
if(PAWL_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "PAWL_FUZZ needs clang: libFuzzer comes with it")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
    add_link_options(-fsanitize=fuzzer-no-link)
endif()

# Includes start at the root: -Itime would shadow <time.h>, -Isched <sched.h>.
add_library(pawl_settings INTERFACE)
target_include_directories(pawl_settings INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_compile_definitions(pawl_settings INTERFACE
    $<$<BOOL:${PAWL_DEBUG}>:PAWL_DEBUG=1>
    $<$<BOOL:${PAWL_NOISE}>:PAWL_NOISE=1>
)
target_compile_options(pawl_settings INTERFACE
    -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=
    -Wall -Wextra $<$<BOOL:${PAWL_WERROR}>:-Werror>
    # ThreadSanitizer does not see fences, and gcc says so. It need not: none of ours carries data (base/fence.h).
    $<$<C_COMPILER_ID:GNU>:-Wno-tsan>
)

add_library(pawl_warnings INTERFACE)
target_compile_options(pawl_warnings INTERFACE
    -Wpedantic
    -Wconversion
    -Wformat=2
    -Wimplicit-fallthrough
    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
    -Wpointer-arith
    -Wshadow
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
    -Wundef
    -Wvla
    -Wwrite-strings
)
