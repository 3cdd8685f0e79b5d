// What the Go programs share: what bench/workloads/workload.h is to the C programs.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func fail(what string) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(1)
}

// NAME=VALUE, the value with a binary factor K, M or G.
func parseArguments(arguments map[string]uint64) map[string]uint64 {
	for _, argument := range os.Args[1:] {
		name, text, _ := strings.Cut(argument, "=")
		digits := strings.TrimRight(text, "KMG")
		value, err := strconv.ParseUint(digits, 10, 64)
		if _, known := arguments[name]; !known || err != nil || len(text) > len(digits)+1 {
			fail(fmt.Sprintf("%s: expected NAME=VALUE of %v", argument, arguments))
		}
		if factor := text[len(digits):]; factor != "" {
			value <<= 10 * (1 + strings.Index("KMG", factor))
		}
		arguments[name] = value
	}
	return arguments
}

var begin = time.Now()

// Seconds, monotonic.
func now() float64 {
	return time.Since(begin).Seconds()
}

// xorshift64* (Vigna 2016); never zero.
type random uint64

func (r *random) next() uint64 {
	*r ^= *r >> 12
	*r ^= *r << 25
	*r ^= *r >> 27
	return uint64(*r) * 0x2545F4914F6CDD1D
}

// Uniform below a bound that is less than 2^32.
func (r *random) below(bound uint64) uint64 {
	return (r.next() >> 32) * bound >> 32
}

func reportRate(name string, operations uint64, seconds float64) {
	fmt.Printf("%s: %.0f operations/s (%d in %.3f s)\n", name, float64(operations)/seconds, operations, seconds)
}
