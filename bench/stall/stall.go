// stall: bench/stall/stall.c in Go.
package main

import (
	"fmt"
	"math/bits"
	"sync"
	"time"
)

const (
	subdivisions = 16
	buckets      = 64 * subdivisions
	batch        = 500
)

type histogram struct {
	counts       [buckets]uint64
	all, longest uint64
}

func bucketOf(ns uint64) uint64 {
	if ns < subdivisions {
		return ns
	}
	octave := uint64(bits.Len64(ns) - 1)
	return (octave-3)*subdivisions + ns>>(octave-4)%subdivisions
}

func (h *histogram) note(ns uint64) {
	h.counts[bucketOf(ns)]++
	h.all++
	if ns > h.longest {
		h.longest = ns
	}
}

func (h *histogram) add(other *histogram) {
	for bucket, count := range other.counts {
		h.counts[bucket] += count
	}
	h.all += other.all
	if other.longest > h.longest {
		h.longest = other.longest
	}
}

func (h *histogram) quantile(share float64) float64 {
	below, wanted := uint64(0), uint64(float64(h.all)*share)
	for bucket, count := range h.counts {
		if below += count; below > wanted {
			octave, part := uint64(bucket)/subdivisions+3, uint64(bucket)%subdivisions
			top := (subdivisions+part+1)<<(octave-4) - 1
			if bucket < subdivisions {
				top = uint64(bucket)
			}
			if top < h.longest {
				return float64(top) / 1e3
			}
			break
		}
	}
	return float64(h.longest) / 1e3
}

var arguments = map[string]uint64{"threads": 16, "seconds": 3, "live": 64 << 20, "burst": 64 << 20}

type thread struct {
	random  random
	share   uint64
	isLarge bool
	slots   [][]byte
	times   histogram
}

func (r *random) size(low, high uint64) uint64 {
	base := uint64(1) << (low + r.below(high-low))
	return base + r.below(base)
}

func (t *thread) replace() {
	at := t.random.below(uint64(len(t.slots)))
	size := t.random.size(5, 12)
	t.slots[at] = nil
	from := time.Now()
	block := make([]byte, size)
	t.times.note(uint64(time.Since(from)))
	block[0] = 1
	t.slots[at] = block
}

func (t *thread) burst() {
	low, high := uint64(16), uint64(20)
	if t.random.next()&1 == 0 {
		low, high = 21, 23
	}
	var blocks [][]byte
	for left := t.share; left > 0; {
		size := t.random.size(low, high)
		if size > left {
			size = left
		}
		block := make([]byte, size)
		for at := uint64(0); at < size; at += 4096 {
			block[at] = 1
		}
		blocks = append(blocks, block)
		left -= size
	}
}

func (t *thread) work(end float64) {
	for now() < end {
		if t.isLarge {
			t.burst()
		} else {
			for i := 0; i < batch; i++ {
				t.replace()
			}
		}
		time.Sleep(time.Millisecond)
	}
}

func main() {
	given := parseArguments(arguments)
	threads := make([]*thread, given["threads"])
	half := (given["threads"] + 1) / 2
	var running sync.WaitGroup
	end := now() + float64(given["seconds"])
	for i := range threads {
		t := &thread{random: random(i + 1), isLarge: i%2 == 1, share: given["live"] / half}
		if t.isLarge {
			t.share = given["burst"] / half
		}
		t.slots = make([][]byte, t.share/1000)
		threads[i] = t
		running.Add(1)
		go func() {
			t.work(end)
			running.Done()
		}()
	}
	running.Wait()
	var all histogram
	for _, t := range threads {
		all.add(&t.times)
	}
	fmt.Printf("99%%: %.3f us\n99.99%%: %.3f us\nlongest: %.3f ms\n", all.quantile(0.99), all.quantile(0.9999),
		float64(all.longest)/1e6)
	reportRate("stall", all.all, float64(given["seconds"]))
}
