// The small objects of shapes.go and table.go: bench/gc/node.h in Go.
package main

const nodeGarbage = 10 // objects

type node struct {
	next *node
	key  uint64
}

func (n *node) check(key uint64) {
	if n.key != key {
		fail("an object lost its contents")
	}
}

func makeGarbage() {
	var list *node
	for key := uint64(0); key < nodeGarbage; key++ {
		list = &node{list, key}
	}
	for key := nodeGarbage; key > 0; key-- {
		list.check(uint64(key - 1))
		list = list.next
	}
}
