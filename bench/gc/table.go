// table: bench/gc/table.c in Go.
package main

const tableCount = 200 << 20 >> 3

var table [tableCount]*node

func main() {
	arguments := parseArguments(map[string]uint64{"used": 200 << 20, "seconds": 12})
	used := arguments["used"] / 8
	if used < 1 || used > tableCount {
		fail("used=8…200M")
	}
	for i := uint64(0); i < used; i++ {
		table[i] = &node{nil, i}
	}
	speedRun("table-go", float64(arguments["seconds"]), func(r *random) {
		i := r.below(used)
		table[i].check(i)
		table[i] = &node{nil, i}
		makeGarbage()
	})
}
