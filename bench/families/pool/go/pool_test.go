// The same as ../pool.c, with Go's sync.Pool.
package pool

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

var sink uint64

func work(steps uint64) uint64 {
	x := steps
	for i := uint64(0); i < steps; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

var stepsOf200ns = func() uint64 {
	start := time.Now()
	sink += work(1000000)
	return uint64(200 / (float64(time.Since(start).Nanoseconds()) / 1e6))
}()

func make4KiB() any {
	p := new([4096]byte)
	for i := range p {
		p[i] = 1
	}
	return unsafe.Pointer(p)
}

var makes = []struct {
	name string
	make func() any
}{
	{"make=nothing", func() any { return unsafe.Pointer(new([64]byte)) }},
	{"make=200ns", func() any {
		p := new([8]uint64)
		p[0] = work(stepsOf200ns)
		return unsafe.Pointer(p)
	}},
	{"make=4KiB", make4KiB},
}

func each(b *testing.B, run func(b *testing.B, pool *sync.Pool)) {
	for _, m := range makes {
		pool := &sync.Pool{New: m.make}
		b.Run(m.name, func(b *testing.B) { run(b, pool) })
	}
}

func BenchmarkPair(b *testing.B) {
	each(b, func(b *testing.B, pool *sync.Pool) {
		for i := 0; i < b.N; i++ {
			pool.Put(pool.Get())
		}
	})
}

func bursts(n int, pool *sync.Pool, held []any) {
	for i := 0; i < n; i += len(held) {
		for j := range held {
			held[j] = pool.Get()
		}
		for j := range held {
			pool.Put(held[j])
		}
	}
}

func BenchmarkBurst_of_64(b *testing.B) {
	each(b, func(b *testing.B, pool *sync.Pool) {
		var held [64]any
		bursts(b.N, pool, held[:])
	})
}

func BenchmarkParallel_pair(b *testing.B) {
	each(b, func(b *testing.B, pool *sync.Pool) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				pool.Put(pool.Get())
			}
		})
	})
}

// The same ring as in C: a channel would cost more than the pool.
var ring [1024]unsafe.Pointer

func BenchmarkProducer_consumer(b *testing.B) {
	each(b, func(b *testing.B, pool *sync.Pool) {
		done := make(chan bool)
		go func() {
			for i := 0; i < b.N; i++ {
				place := &ring[i%len(ring)]
				p := atomic.LoadPointer(place)
				for p == nil {
					runtime.Gosched()
					p = atomic.LoadPointer(place)
				}
				atomic.StorePointer(place, nil)
				pool.Put(p)
			}
			done <- true
		}()
		b.ResetTimer()
		for i := 0; i < b.N; i++ {
			p := pool.Get().(unsafe.Pointer)
			place := &ring[i%len(ring)]
			for atomic.LoadPointer(place) != nil {
				runtime.Gosched()
			}
			atomic.StorePointer(place, p)
		}
		<-done
	})
}

var keepBlock []byte

func BenchmarkUnder_limit(b *testing.B) {
	b.Run("make=4KiB", func(b *testing.B) {
		pool := &sync.Pool{New: make4KiB}
		held := make([]any, 2048)
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(32 << 20))
		for i := 0; i < b.N; i++ {
			bursts(1, pool, held)
			keepBlock = make([]byte, 26<<20)
			for j := range keepBlock {
				keepBlock[j] = 1
			}
			keepBlock = nil
		}
	})
}
