// cache: bench/gc/cache.c in Go.
package main

import (
	"fmt"
	"runtime"
)

type value struct {
	key   uint64
	words [3]uint64
}

type entry struct {
	chain        *entry
	newer, older *entry
	value        *value
	key          uint64
}

type cache struct {
	table          []*entry
	mask           uint64
	newest, oldest *entry
	count          uint64
}

func (c *cache) chainOf(key uint64) **entry {
	return &c.table[key*0x9E3779B97F4A7C15>>32&c.mask]
}

func (c *cache) unlinkUse(e *entry) {
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		c.newest = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		c.oldest = e.newer
	}
}

func (c *cache) linkNewest(e *entry) {
	e.newer = nil
	e.older = c.newest
	if c.newest != nil {
		c.newest.newer = e
	} else {
		c.oldest = e
	}
	c.newest = e
}

func (c *cache) add(key uint64) {
	chain := c.chainOf(key)
	e := &entry{chain: *chain, value: &value{key, [3]uint64{key, key, key}}, key: key}
	*chain = e
	c.linkNewest(e)
	c.count++
}

func (c *cache) dropOldest() {
	e := c.oldest
	link := c.chainOf(e.key)
	for *link != e {
		link = &(*link).chain
	}
	*link = e.chain
	c.unlinkUse(e)
	c.count--
	e.chain, e.newer, e.older, e.value = nil, nil, nil, nil
}

func (c *cache) use(key uint64) bool {
	for e := *c.chainOf(key); e != nil; e = e.chain {
		if e.key == key {
			if e.value.key != key {
				fail("a value is not its key's")
			}
			c.unlinkUse(e)
			c.linkNewest(e)
			return true
		}
	}
	c.dropOldest()
	c.add(key)
	return false
}

func newCache(entries uint64) *cache {
	chains := uint64(1)
	for chains < entries {
		chains *= 2
	}
	c := &cache{table: make([]*entry, chains), mask: chains - 1}
	for key := uint64(0); key < entries; key++ {
		c.add(key)
	}
	return c
}

func (c *cache) read(key uint64) bool {
	e := *c.chainOf(key)
	for e != nil && e.key != key {
		e = e.chain
	}
	if e != nil && e.value.key != key {
		fail("a value is not its key's")
	}
	return e != nil
}

func makeAnswer(size, key uint64) {
	answer := make([]byte, size)
	answer[0], answer[size-1] = byte(key), byte(key)
}

func run(c *cache, seconds float64, writes, answer uint64) {
	keys := c.count * 4
	var operations, hits uint64
	speedRun("cache-go", seconds, func(r *random) {
		key := r.below(keys)
		hit := false
		if writes >= 100 || r.below(100) < writes {
			hit = c.use(key)
		} else {
			hit = c.read(key)
		}
		if hit {
			hits++
		}
		operations++
		if answer > 0 {
			makeAnswer(answer, key)
		}
	})
	fmt.Printf("hits: %.1f %%\n", 100*float64(hits)/float64(operations))
}

func collect(c *cache, times uint64) {
	objects := float64(c.count*2 + 2)
	for i := uint64(0); i < times; i++ {
		start := now()
		runtime.GC()
		seconds := now() - start
		fmt.Printf("full collection: %.3f s, %.1f M objects/s\n", seconds, objects/seconds/1e6)
	}
}

func main() {
	const entrySize, valueSize = 40, 32
	arguments := parseArguments(map[string]uint64{"live": 1 << 30, "seconds": 30, "writes": 100, "answer": 0, "collect": 0})
	start := now()
	c := newCache(arguments["live"] / (entrySize + valueSize))
	fmt.Printf("filled in: %.3f s\n", now()-start)
	run(c, float64(arguments["seconds"]), arguments["writes"], arguments["answer"])
	collect(c, arguments["collect"])
	runtime.KeepAlive(c)
}
