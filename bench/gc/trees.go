// trees: bench/gc/trees.c in Go.
package main

const (
	leastDepth = 4
	depthStep  = 4
)

type node struct {
	left, right *node
}

func newTree(depth uint) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{newTree(depth - 1), newTree(depth - 1)}
}

func (n *node) count() int {
	if n.left == nil {
		return 1
	}
	return 1 + n.left.count() + n.right.count()
}

func (n *node) check(depth uint) {
	if n.count() != 2<<depth-1 {
		fail("a tree lost nodes")
	}
}

func main() {
	arguments := parseArguments(map[string]uint64{"depth": 20})
	depth := uint(arguments["depth"])

	start := now()
	nodes := uint64(4) << depth
	newTree(depth + 1).check(depth + 1)
	lasting := newTree(depth)
	for d := uint(leastDepth); d <= depth; d += depthStep {
		trees := 1 << (depth - d + leastDepth)
		for i := 0; i < trees; i++ {
			newTree(d).check(d)
		}
		nodes += uint64(trees) * (2 << d)
	}
	lasting.check(depth)
	reportRate("trees-go", nodes, now()-start)
}
