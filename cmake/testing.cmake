# How every test of this project is built and judged.
#
# pawl_judge_test(<name> [TIMEOUT <seconds>])
#     makes an entry of add_test() red when a sanitizer has reported anything, whatever the exit status: Criterion
#     takes no notice of a leak found after a test's end.
#
# pawl_add_program(<name> SOURCES <file>...)
#     an executable on the library's internals, with the sanitizers' options built in.
#
# pawl_add_unit_test(<name> SOURCES <file>... [TIMEOUT <seconds>] [DEFINITIONS <macro>...] [CONFIGURATIONS <name>...])
#     a Criterion executable and its ctest entry. One test of it runs at a time: tests measure nothing, but time-outs
#     are wall-clock. Where valgrind is installed, the configuration "valgrind" (ctest --preset valgrind) has the entry
#     valgrind.<name> too: the same under memcheck.

# Every program from here on is watched, also one that does not link the library.
if(PAWL_SANITIZE)
    string(TOUPPER ${PAWL_VARIANT} flags)
    add_compile_options(${PAWL_${flags}_COMPILE})
    add_link_options(${PAWL_${flags}_LINK})
endif()

set(PAWL_TEST_TIMEOUT 120)

# "Tested: 0" is a filter that matched nothing; "Assertion Failed" is said by a failure in a .fini, which does not
# count for Criterion.
set(PAWL_TEST_RED
    "WARNING: ThreadSanitizer"
    "ERROR: AddressSanitizer"
    "ERROR: LeakSanitizer"
    "runtime error:"
    "Tested: 0 "
    "Assertion [Ff]ailed"
)

# memcheck, as every unit test is run under it. A block that is only possibly lost is an error too: it is one that
# nothing points to the front of, which in C is a leak until it is explained. What is still reachable at the end is not:
# Criterion and its libraries keep theirs. --quiet leaves of the output what is a report, and --fair-sched lets no
# thread that spins starve the one it spins for.
find_program(PAWL_VALGRIND valgrind)
mark_as_advanced(PAWL_VALGRIND)
set(PAWL_MEMCHECK
    ${PAWL_VALGRIND}
    --quiet
    --trace-children=yes # Criterion runs each test in a process of its own
    --leak-check=full
    --show-leak-kinds=definite,indirect,possible
    --errors-for-leak-kinds=definite,indirect,possible
    --error-exitcode=42
    --fair-sched=yes
    --suppressions=${PROJECT_SOURCE_DIR}/tests/support/valgrind.supp
)

# Criterion takes no notice of the exit status of a test's process, so a report is recognized by its mark.
set(PAWL_MEMCHECK_RED "==[0-9]+== ")

function(pawl_judge_test name)
    cmake_parse_arguments(PARSE_ARGV 1 test "" "TIMEOUT" "")
    if(NOT test_TIMEOUT)
        set(test_TIMEOUT ${PAWL_TEST_TIMEOUT})
    endif()
    set_tests_properties(${name} PROPERTIES TIMEOUT ${test_TIMEOUT} FAIL_REGULAR_EXPRESSION "${PAWL_TEST_RED}")
endfunction()

function(pawl_add_program name)
    cmake_parse_arguments(PARSE_ARGV 1 program "" "" "SOURCES")
    add_executable(${name} ${program_SOURCES})
    target_link_libraries(${name} PRIVATE pawl pawl_settings pawl_sanitizer_options Threads::Threads)
endfunction()

function(pawl_add_unit_test name)
    cmake_parse_arguments(PARSE_ARGV 1 test "" "TIMEOUT" "SOURCES;DEFINITIONS;CONFIGURATIONS")
    pawl_add_program(${name} SOURCES ${test_SOURCES})
    target_compile_definitions(${name} PRIVATE ${test_DEFINITIONS})
    target_link_libraries(${name} PRIVATE pawl_criterion)
    if(test_CONFIGURATIONS)
        set(configurations CONFIGURATIONS ${test_CONFIGURATIONS})
    endif()
    add_test(NAME ${name} COMMAND ${name} -j1 ${configurations})
    pawl_judge_test(${name} TIMEOUT "${test_TIMEOUT}")

    if(PAWL_VALGRIND AND NOT PAWL_SANITIZE)
        if(NOT test_CONFIGURATIONS)
            set(configurations CONFIGURATIONS valgrind)
        endif()
        add_test(NAME valgrind.${name} COMMAND ${PAWL_MEMCHECK} $<TARGET_FILE:${name}> -j1 ${configurations})
        pawl_judge_test(valgrind.${name} TIMEOUT 300)
        set_property(TEST valgrind.${name} APPEND PROPERTY FAIL_REGULAR_EXPRESSION ${PAWL_MEMCHECK_RED})
    endif()
endfunction()
