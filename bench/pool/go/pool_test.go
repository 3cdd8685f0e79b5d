// The same as ../pool.c, with Go's sync.Pool:
//
//	go test -bench .
//
// ns/op is per thread here, too: each of the threads does b.N operations.
package pool

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

const burst = 64

type object struct{ value uint64 }

var sink uint64

func work(rounds uint64) uint64 {
	x := rounds
	for i := uint64(0); i < rounds; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

var workRounds = func() uint64 {
	start := time.Now()
	sink += work(1000000)
	return uint64(200 / (float64(time.Since(start).Nanoseconds()) / 1e6))
}()

var kinds = []struct {
	name string
	make func() any
}{
	{"nothing", func() any { return new([64]byte) }},
	{"200ns", func() any { return &object{work(workRounds)} }},
	{"4KiB", func() any {
		p := new([4096]byte)
		for i := range p {
			p[i] = 1
		}
		return p
	}},
}

func threads(count int, run func()) {
	var wait sync.WaitGroup
	for i := 0; i < count; i++ {
		wait.Add(1)
		go func() { run(); wait.Done() }()
	}
	wait.Wait()
}

func each(b *testing.B, run func(n int, pool *sync.Pool)) {
	for _, kind := range kinds {
		for _, count := range []int{1, 2} {
			b.Run(fmt.Sprintf("source=sync.Pool/kind=%s/threads=%d", kind.name, count), func(b *testing.B) {
				pool := &sync.Pool{New: kind.make}
				threads(count, func() { run(b.N, pool) })
			})
		}
	}
}

func BenchmarkPair(b *testing.B) {
	each(b, func(n int, pool *sync.Pool) {
		for i := 0; i < n; i++ {
			pool.Put(pool.Get())
		}
	})
}

func BenchmarkBurst(b *testing.B) {
	each(b, func(n int, pool *sync.Pool) {
		var held [burst]any
		for i := 0; i < n; i += burst {
			for j := range held {
				held[j] = pool.Get()
			}
			for j := range held {
				pool.Put(held[j])
			}
		}
	})
}

// One takes, the other gives back, through a channel.
func BenchmarkPipe(b *testing.B) {
	for _, kind := range kinds {
		b.Run("source=sync.Pool/kind="+kind.name+"/threads=1", func(b *testing.B) {
			pool := &sync.Pool{New: kind.make}
			pipe, done := make(chan any, 1024), make(chan bool)
			go func() {
				for i := 0; i < b.N; i++ {
					pool.Put(<-pipe)
				}
				done <- true
			}()
			for i := 0; i < b.N; i++ {
				pipe <- pool.Get()
			}
			<-done
		})
	}
}
