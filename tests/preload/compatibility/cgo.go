package main

/*
#include <stdlib.h>
#include <string.h>
static void churn(int n) { for (int i = 0; i < n; i++) { char *g = malloc(1000); memset(g, 0xee, 1000); __asm__ volatile("" : : "r"(g) : "memory"); } }
static void *keep(int n) { char *p = malloc(n); memset(p, 7, n); return p; }
static int ok(void *p, int n) { for (int i = 0; i < n; i++) if (((char*)p)[i] != 7) return 0; return 1; }
*/
import "C"
import (
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

func main() {
	var wg sync.WaitGroup
	kept := make([]unsafe.Pointer, 100)
	for i := range kept {
		kept[i] = unsafe.Pointer(C.keep(500))
	}
	for g := 0; g < 8; g++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			m := map[int][]byte{}
			for i := 0; i < 200; i++ {
				C.churn(300)
				m[i] = make([]byte, 1000)
				if i%50 == 0 {
					runtime.GC()
				}
			}
		}()
	}
	wg.Add(1)
	go func() {
		defer wg.Done()
		for i := 0; i < 20; i++ {
			if out, err := exec.Command("/bin/echo", "x").Output(); err != nil || string(out) != "x\n" {
				panic(err)
			}
			time.Sleep(time.Millisecond)
		}
	}()
	wg.Wait()
	bad := 0
	for _, p := range kept {
		if C.ok(p, 500) == 0 {
			bad++
		}
	}
	fmt.Println("ok, bad:", bad)
}
