// shapes SHAPE: bench/gc/shapes.c in Go.
package main

import (
	"os"
	"sync"
)

type arguments map[string]uint64

// ---- list ----

const listWalk = 100

var list struct{ first, at *node }

func listBuild(given arguments) {
	for key := uint64(0); key < given["live"]/16; key++ {
		list.first = &node{list.first, key}
	}
	list.at = list.first
}

func listOperate(*random) {
	for i := 0; i < listWalk; i++ {
		n := list.at
		if n.next != nil {
			n.next.check(n.key - 1)
			list.at = n.next
		} else {
			list.at = list.first
		}
	}
	makeGarbage()
}

// ---- stacks ----

const stacksFrame = 64

var stacks struct {
	frames       uint64 // of each thread
	ready, ended sync.WaitGroup
	over         chan struct{}
}

//go:noinline
func stacksDescend(frames uint64) {
	var kept [stacksFrame]*node
	for i := range kept {
		kept[i] = &node{nil, frames + uint64(i)}
	}
	if frames > 0 {
		stacksDescend(frames - 1)
	} else {
		stacks.ready.Done()
		<-stacks.over
	}
	for i := range kept {
		kept[i].check(frames + uint64(i))
	}
}

func stacksBuild(given arguments) {
	stacks.frames = given["stack"] / (stacksFrame * 8)
	stacks.over = make(chan struct{})
	for i := uint64(0); i < given["threads"]; i++ {
		stacks.ready.Add(1)
		stacks.ended.Add(1)
		go func() {
			stacksDescend(stacks.frames)
			stacks.ended.Done()
		}()
	}
	stacks.ready.Wait()
}

func stacksOperate(*random) {
	makeGarbage()
}

func stacksEnd() {
	close(stacks.over)
	stacks.ended.Wait()
}

// ---- large ----

const (
	largeGroup    = 16
	largeGroups   = 1 << 20 >> 3 >> 4
	largeReplaced = 10
	largeEvery    = 2000
)

type largeObject [largeGroups][largeGroup]*node

var large []*largeObject

func (object *largeObject) set(group uint64) {
	n := &node{nil, group}
	for i := range object[group] {
		object[group][i] = n
	}
}

func largeBuild(given arguments) {
	large = make([]*largeObject, given["live"]>>20)
	for i := range large {
		large[i] = new(largeObject)
		for group := uint64(0); group < largeGroups; group++ {
			large[i].set(group)
		}
	}
}

func largeOperate(r *random) {
	count := uint64(len(large))
	for i := 0; i < largeReplaced; i++ {
		object := large[r.below(count)]
		group := r.below(largeGroups)
		object[group][largeGroup-1].check(group)
		object.set(group)
	}
	if r.below(largeEvery) == 0 {
		i := r.below(count)
		copied := new(largeObject)
		*copied = *large[i]
		large[i] = copied
	}
}

// ---- server ----

const (
	serverObjects = 100
	serverRefers  = 10
	serverEvery   = 100
)

type serverRecord struct {
	detail *node
	key    uint64
	words  [6]uint64
}

// Of a request.
type serverObject struct {
	next   *serverObject
	record *serverRecord
	key    uint64
	words  [3]uint64
}

var server []*serverRecord

func newServerRecord(key uint64) *serverRecord {
	return &serverRecord{detail: &node{nil, key}, key: key}
}

func serverBuild(given arguments) {
	server = make([]*serverRecord, given["live"]/(64+16))
	for i := range server {
		server[i] = newServerRecord(uint64(i))
	}
}

func serverBegin(r *random) *serverObject {
	var first *serverObject
	for i := uint64(0); i < serverObjects; i++ {
		key := i
		var record *serverRecord
		if i%serverRefers == 0 {
			key = r.below(uint64(len(server)))
			record = server[key]
		}
		first = &serverObject{next: first, record: record, key: key}
	}
	return first
}

func serverEnd(object *serverObject) {
	for ; object != nil; object = object.next {
		if object.record != nil {
			object.record.detail.check(object.key)
		}
	}
}

func serverOperate(r *random) {
	serverEnd(serverBegin(r))
	if r.below(serverEvery) == 0 {
		key := r.below(uint64(len(server)))
		server[key] = newServerRecord(key)
	}
}

// ---- all ----

var shapes = map[string]struct {
	build   func(given arguments)
	operate func(r *random)
	end     func()
}{
	"list":   {listBuild, listOperate, func() {}},
	"stacks": {stacksBuild, stacksOperate, stacksEnd},
	"large":  {largeBuild, largeOperate, func() {}},
	"server": {serverBuild, serverOperate, func() {}},
}

func main() {
	if len(os.Args) < 2 || shapes[os.Args[1]].build == nil {
		fail("usage: shapes list|stacks|large|server [NAME=VALUE…]")
	}
	name := os.Args[1]
	os.Args = os.Args[1:]
	given := parseArguments(map[string]uint64{"live": 500 << 20, "threads": 64, "stack": 256 << 10, "seconds": 12})
	shapes[name].build(given)
	speedRun(name+"-go", float64(given["seconds"]), shapes[name].operate)
	shapes[name].end()
}
