// The same as ../arena.c on Go's heap: objects are allocated one by one, and the collector frees them.
package arena

import (
	"strings"
	"testing"
)

var (
	kept16 [1000]*[16]byte
	kept32 [1000]*[32]byte
	kept64 [1000]*[64]byte
)

func BenchmarkAlloc(b *testing.B) {
	b.Run("size=16", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			kept16[i%1000] = new([16]byte)
		}
	})
	b.Run("size=32", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			kept32[i%1000] = new([32]byte)
		}
	})
	b.Run("size=64", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			kept64[i%1000] = new([64]byte)
		}
	})
}

type node struct {
	left, right *node
	values      [2]uint64
}

func build(nodes int) *node {
	if nodes == 0 {
		return nil
	}
	left := (nodes - 1) / 2
	n := &node{values: [2]uint64{uint64(nodes)}}
	n.left = build(left)
	n.right = build(nodes - 1 - left)
	return n
}

var keepNode *node

func tree(nodes int) func(b *testing.B) {
	return func(b *testing.B) {
		keepNode = build(nodes)
		b.ResetTimer()
		for i := 0; i < b.N; i++ {
			keepNode = build(nodes)
		}
		b.StopTimer()
		keepNode = nil
	}
}

func BenchmarkTree(b *testing.B) {
	b.Run("nodes=64K/drop=end", tree(64*1024))
	b.Run("nodes=10M/drop=end", tree(10000000))
}

var keepBytes []byte

func BenchmarkRequest(b *testing.B) {
	for i := 0; i < b.N; i++ {
		for j := 0; j < 20; j++ {
			keepBytes = make([]byte, 16+j*20)
		}
		keepBytes = []byte("GET /index.html HTTP/1.1\r\nHost")
		keepBytes = make([]byte, 4096)
	}
}

var keepText string

func BenchmarkText(b *testing.B) {
	for i := 0; i < b.N; i++ {
		var text strings.Builder
		for j := 0; j < 1000; j++ {
			text.WriteString("0123456789")
		}
		keepText = text.String()
	}
}
