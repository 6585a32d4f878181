package main

// The command line, the repetitions and the JSON lines, as in peer.h.

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const impl = "go"

var (
	workload string
	workers  = 2
	reps     = 5
	seconds  = 3 // of a repetition of idle
	given    = 0 // --n; 0: the workload's default
	check    = false
	spectrum = false // --histogram
	counted  int64
)

func fail(what ...any) {
	fmt.Fprintln(os.Stderr, append([]any{impl, workload + ":"}, what...)...)
	os.Exit(1)
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: PROGRAM WORKLOAD [--workers W] [--n N] [--reps R] [--seconds S] [--histogram] [--check]")
	os.Exit(2)
}

func parse() {
	if len(os.Args) < 2 {
		usage()
	}
	workload = os.Args[1]
	numbers := map[string]*int{"--workers": &workers, "--n": &given, "--reps": &reps, "--seconds": &seconds}
	flags := map[string]*bool{"--check": &check, "--histogram": &spectrum}
	for i := 2; i < len(os.Args); i++ {
		if flag := flags[os.Args[i]]; flag != nil {
			*flag = true
			continue
		}
		number := numbers[os.Args[i]]
		i++
		if number == nil || i == len(os.Args) {
			usage()
		}
		value, err := strconv.Atoi(os.Args[i])
		if err != nil || value < 1 {
			usage()
		}
		*number = value
	}
}

// n of this run, rounded down to a multiple of parts.
func size(usual, parts int) int {
	n := usual
	if given != 0 {
		n = given
	}
	if n < parts {
		fail("--n is too small")
	}
	return n / parts * parts
}

func tick() {
	if check {
		atomic.AddInt64(&counted, 1)
	}
}

func expect(count int) {
	if check {
		if got := atomic.SwapInt64(&counted, 0); got != int64(count) {
			fail(got, "operations counted,", count, "expected")
		}
	}
}

func median(values []float64) float64 {
	sorted := append([]float64{}, values...)
	sort.Float64s(sorted)
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func figure(value float64) string {
	return strconv.FormatFloat(value, 'g', 5, 64)
}

func list(values []float64) string {
	texts := []string{}
	for _, value := range values {
		texts = append(texts, figure(value))
	}
	return "[" + strings.Join(texts, ",") + "]"
}

// figures: keys and figures, each with a comma before it.
func line(unit string, n int, figures string) {
	fmt.Printf("{\"impl\":%q,\"workload\":%q,\"workers\":%d,\"n\":%d,\"unit\":%q%s}\n",
		impl, workload, workers, n, unit, figures)
}

// more: further keys and figures, each with a comma before it.
func report(unit string, n int, values []float64, more string) {
	line(unit, n, fmt.Sprintf(",\"values\":%s,\"median\":%s%s", list(values), figure(median(values)), more))
}

// Measures the repetitions of rep(n), which does n operations; one goes before them to warm up.
func throughput(n int, rep func(n int)) {
	values := []float64{}
	for r := 0; r <= reps; r++ {
		start := time.Now()
		rep(n)
		took := time.Since(start)
		expect(n)
		if r > 0 {
			values = append(values, float64(took)/float64(n))
		}
	}
	report("ns_per_op", n, values, "")
}

func skip() {
	fmt.Printf("{\"impl\":%q,\"workload\":%q,\"skip\":\"no such workload here\"}\n", impl, workload)
}
