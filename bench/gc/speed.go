// How fast a program goes while the collector works: bench/gc/speed.h in Go. When cycles ran and stopped the program says
// GODEBUG=gctrace=1, in seconds since the start, as now() does.
package main

import (
	"fmt"
	"runtime"
	"syscall"
)

const speedWindows = 100 // in a second

func cpuSeconds() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) * 1e-9
}

// Calls operate for so many seconds. The collection at the end is for the line of a cycle that still runs.
func speedRun(name string, seconds float64, operate func(r *random)) {
	r := random(42)
	windows := make([]uint32, int(seconds*speedWindows))
	var operations uint64
	cpu, begin := cpuSeconds(), now()
	last, longest := begin, 0.0
	for {
		operate(&r)
		t := now()
		window := int((t - begin) * speedWindows)
		operations++
		if t-last > longest {
			longest = t - last
		}
		last = t
		if window >= len(windows) {
			break
		}
		windows[window]++
	}
	cpu = cpuSeconds() - cpu
	reportRate(name, operations, last-begin)
	fmt.Printf("longest operation: %.3f ms\nCPU: %.3f s\n", longest*1e3, cpu)
	fmt.Printf("run: %.6f s to %.6f s\nwindows:", begin, last)
	for _, count := range windows {
		fmt.Printf(" %d", count)
	}
	fmt.Println()
	runtime.GC()
}
