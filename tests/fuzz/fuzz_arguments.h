/* The command lines that fuzz_arguments gives to each program's parser. Each file checks what its parser promises. */
#ifndef PAWL_TESTS_FUZZ_ARGUMENTS_H
#define PAWL_TESTS_FUZZ_ARGUMENTS_H

void check_sum_line(int argc, char **argv);
void check_bench_line(int argc, char **argv);
void check_stress_line(int argc, char **argv);

#endif
