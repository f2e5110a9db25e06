package outbox_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// When little is left on the disk, data stop and say why, alerts go on into
// what data leave, and dropping data or a disk with room again lets data go on.
func TestHeadroom(t *testing.T) {
	const seg = 64 << 10
	for name, set := range map[string]func(d *disk, segments int64){
		"bytes":  func(d *disk, n int64) { d.free, d.files = 1<<20+n*seg, 1<<20 },
		"inodes": func(d *disk, n int64) { d.free, d.files = 1<<40, 10+n },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(rand.New(rand.NewPCG(1, 2)))
			set(d, 4) // one is the urgent lane's
			cfg := small(t.TempDir() + "/outbox")
			cfg.FS, cfg.Headroom, cfg.HeadroomFiles = d, 1<<20, 10
			q := open(t, cfg)
			n := 0
			fill := func() error {
				for range 2000 {
					_, err := q.Append(record(outbox.Data, n, 1000))
					if errors.Is(err, outbox.ErrUncommitted) {
						commit(t, q)
						continue
					}
					if err != nil {
						commit(t, q)
						return err
					}
					n++
				}
				return nil
			}
			if err := fill(); !errors.Is(err, outbox.ErrHeadroom) {
				t.Fatalf("data on a disk with little left: %v", err)
			}
			if st := q.Stats(); !st.Low || st.Segments != 3 || st.DiskFree != d.free || st.DiskInodes != d.files {
				t.Fatalf("%+v with %d bytes, %d inodes", st, d.free, d.files)
			}
			for a := range 100 { // more than one segment
				add(t, q, record(outbox.Alert, 10000+a, 1000))
				commit(t, q)
			}
			if ok, err := q.DropOldest(func([]outbox.Range) ([]outbox.Record, error) {
				return []outbox.Record{record(outbox.Dropped, 20000, 100)}, nil
			}); !ok || err != nil {
				t.Fatal(ok, err)
			}
			commit(t, q)
			before := n
			if err := fill(); !errors.Is(err, outbox.ErrHeadroom) || n-before < 40 {
				t.Fatalf("%d records after a drop: %v", n-before, err)
			}
			set(d, 100)
			commit(t, q)
			if err := fill(); !errors.Is(err, outbox.ErrFull) {
				t.Fatalf("data on a disk with room again: %v", err)
			}
			closeQueue(t, q)
		})
	}
}

// A disk that is full to the last byte and the last inode, which headroom could
// not prevent: nothing that was committed suffers, and all goes on when there is
// room again.
func TestFullDisk(t *testing.T) {
	for name, set := range map[string]func(d *disk, room int64){
		"bytes":  func(d *disk, room int64) { d.free = room << 20 },
		"inodes": func(d *disk, room int64) { d.files = room },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(rand.New(rand.NewPCG(1, 2)))
			cfg := small(t.TempDir() + "/outbox")
			cfg.FS, cfg.Headroom, cfg.HeadroomFiles = d, -1, -1
			q := open(t, cfg)
			addMany(t, q, 0, 50)
			commit(t, q)
			set(d, 0)
			n := 50
			for ; ; n++ {
				_, err := q.Append(record(outbox.Data, n, 300))
				if errors.Is(err, outbox.ErrHeadroom) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				commit(t, q)
			}
			alerts := 0 // they have a file beforehand
			for err := error(nil); err == nil; alerts++ {
				if _, err := q.Append(record(outbox.Alert, 9000+alerts, 300)); err != nil {
					t.Fatalf("an alert is refused while it may find room yet: %v", err)
				}
				err = q.Commit()
			}
			if got := waiting(t, q); len(got) != n+alerts-1 || alerts < 150 {
				t.Fatalf("%d records wait, want %d and %d alerts", len(got), n, alerts-1)
			}
			set(d, 100)
			commit(t, q)
			if got := waiting(t, q); len(got) != n+alerts || number(t, got[alerts-1]) != 9000+alerts-1 {
				t.Fatalf("%d records wait, want %d", len(got), n+alerts)
			}
			closeQueue(t, q)
		})
	}
}
