// The benchmarks of arena.c on Go's heap: plain allocation, and the collector takes back.
//
//	go run main.go
package main

import (
	"fmt"
	"strings"
	"testing"
)

type node struct {
	left, right *node
	values      [2]uint64
}

func build(depth uint) *node {
	n := &node{values: [2]uint64{uint64(depth)}}
	if depth > 0 {
		n.left = build(depth - 1)
		n.right = build(depth - 1)
	}
	return n
}

var (
	keepNode  *node
	keepBytes []byte
	kept      [1000]*[64]byte
	kept32    [1000]*[32]byte
	kept16    [1000]*[16]byte
	keepText  string
)

func report(name string, objects int, work func(b *testing.B)) {
	for round := 0; round < 3; round++ {
		result := testing.Benchmark(work)
		n := result.N * objects
		fmt.Printf("Benchmark%s/in=go\t%10d\t%12.3f ns/op\n", name, n, float64(result.T.Nanoseconds())/float64(n))
	}
}

func tree(depth uint) func(b *testing.B) {
	return func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			keepNode = build(depth)
		}
	}
}

func main() {
	testing.Init()
	report("Alloc/size=16", 1000, func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			for j := range kept16 {
				kept16[j] = new([16]byte)
			}
		}
	})
	report("Alloc/size=32", 1000, func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			for j := range kept32 {
				kept32[j] = new([32]byte)
			}
		}
	})
	report("Alloc/size=64", 1000, func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			for j := range kept {
				kept[j] = new([64]byte)
			}
		}
	})
	report("Request", 1, func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			for j := 0; j < 20; j++ {
				keepBytes = make([]byte, 16+j*20)
			}
			keepBytes = []byte("GET /index.html HTTP/1.1\r\nHost")
			keepBytes = make([]byte, 4096)
		}
	})
	report("Text", 1, func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			var text strings.Builder
			for j := 0; j < 1000; j++ {
				text.WriteString("0123456789")
			}
			keepText = text.String()
		}
	})
	report("Tree/nodes=64K/drop=end", 1<<16-1, tree(15))
	report("Tree/nodes=8M/drop=end", 1<<23-1, tree(22))
	report("Tree/nodes=16M/drop=end", 1<<24-1, tree(23))
}
