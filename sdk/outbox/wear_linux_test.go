package outbox_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// wearCase is one store at one pace on a disk of its own.
type wearCase struct {
	store   string
	records int // a commit
	rate    int // commits a second; 0: as fast as they go
	commits int

	written int
	err     error
}

var wearStores = map[string]func(dir string) (store, error){
	"floor": newBigFloor, "drained": newOutbox, "offline": newOffline,
}

// newBigFloor is a bare append and fdatasync into a preallocated file.
func newBigFloor(dir string) (store, error) {
	f, err := outbox.DirFS(dir).Create("log", wearBytes)
	return &bare{f: f, size: wearBytes}, err
}

const (
	wearCommits = 5000 // as many of 100 records as the file takes without a second round
	wearBytes   = 200 << 20
	wearVolume  = 400 << 20
)

func (c *wearCase) run(t testing.TB, v *volume) {
	st, err := wearStores[c.store](v.dir)
	if err != nil {
		c.err = err
		return
	}
	payload := make([]byte, envelope-len("vs1/site/gateway/device/data"))
	n := 0
	put := func() {
		for range c.records {
			if err := st.put(n, payload); err != nil {
				c.err = err
			}
			n++
		}
		if err := st.commit(); err != nil {
			c.err = err
		}
	}
	put() // the first one makes files
	before := written(t, v.dir)
	var tick <-chan time.Time
	if c.rate > 0 {
		ticker := time.NewTicker(time.Second / time.Duration(c.rate))
		defer ticker.Stop()
		tick = ticker.C
	}
	for range c.commits {
		if tick != nil {
			<-tick
		}
		put()
	}
	c.written = written(t, v.dir) - before
	if err := st.close(); err != nil {
		c.err = err
	}
}

// wear runs cases at the same time, each on an ext4 of its own on a loop
// device, whose counters tell what reached the device, the journal included.
func wear(t testing.TB, cases []*wearCase) {
	var wg sync.WaitGroup
	for _, c := range cases {
		v := newVolume(t, wearVolume, "-b", "4096") // what a disk of usual size has
		wg.Add(1)
		go func() {
			defer wg.Done()
			c.run(t, v)
		}()
	}
	wg.Wait()
	for _, c := range cases {
		if c.err != nil {
			t.Fatalf("%+v: %v", *c, c.err)
		}
	}
}

func wearTable(t testing.TB, cases []*wearCase) (worst float64) {
	floor := map[[2]int]int{}
	for _, c := range cases {
		if c.store == "floor" {
			floor[[2]int{c.records, c.rate}] = c.written
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-8s %8s %8s %8s %14s %14s %9s\n", "store", "records", "rate", "commits", "bytes/commit", "bytes/byte", "of floor")
	for _, c := range cases {
		ratio := float64(c.written) / float64(floor[[2]int{c.records, c.rate}])
		if c.store == "offline" {
			worst = max(worst, ratio)
		}
		fmt.Fprintf(&b, "%-8s %8d %8d %8d %14.0f %14.2f %9.3f\n", c.store, c.records, c.rate, c.commits,
			float64(c.written)/float64(c.commits), float64(c.written)/float64(c.commits*c.records*envelope), ratio)
	}
	t.Log(b.String())
	return worst
}

// What reaches the block device for a commit, beside the floor: a bare append
// and fdatasync into a preallocated file on the same file system. It runs as
// fast as it goes; OUTBOX_WEAR is a number of seconds to run 1, 10 and 100
// commits a second for instead.
func TestWear(t *testing.T) {
	seconds := int(fromEnv(t, "OUTBOX_WEAR", 0))
	var cases []*wearCase
	rates := []int{0}
	if seconds > 0 {
		rates = []int{1, 10, 100}
	}
	for _, rate := range rates {
		for _, records := range []int{1, 10, 100} {
			for _, name := range []string{"floor", "offline", "drained"} {
				cases = append(cases, &wearCase{store: name, records: records, rate: rate, commits: max(min(rate*seconds, wearCommits), b2i(rate == 0)*300)})
			}
		}
	}
	wear(t, cases)
	if worst := wearTable(t, cases); worst > 1.2 {
		t.Errorf("%.3f times what a bare append writes, want at most 1.2", worst)
	}
}
