package outbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// rot flips a bit in records in the middle of a segment.
func rot(t *testing.T, dir, name string, at ...int64) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, off := range at {
		var b [1]byte
		if _, err := f.ReadAt(b[:], off); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 4
		if _, err := f.WriteAt(b[:], off); err != nil {
			t.Fatal(err)
		}
	}
}

func segments(t *testing.T, dir, prefix, suffix string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && strings.HasSuffix(e.Name(), suffix) {
			names = append(names, e.Name())
		}
	}
	return names
}

// Damage in a sealed segment is reported once, with the sequence numbers it
// cost; the file stays aside when all else in it is done with, also over a
// restart, within the bound.
func TestDamageIsReported(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	filled(t, dir, 3000)
	names := segments(t, dir, "d-", ".seg")
	rot(t, dir, names[1], first+100*int64(frame), first+101*int64(frame)+60, first+300*int64(frame)+80)
	q, _ := failing(t, dir)
	if d := q.TakeDamage(); len(d) != 0 {
		t.Fatalf("Open knows of %+v", d)
	}
	got := waiting(t, q)
	lost := map[int]bool{}
	for n := range 3000 {
		lost[n] = true
	}
	for _, r := range got {
		delete(lost, number(t, r))
	}
	damage := q.TakeDamage()
	if len(damage) != 1 || len(q.TakeDamage()) != 0 {
		t.Fatalf("%d reports, want one, once", len(damage))
	}
	d := damage[0]
	if len(lost) != 3 || d.Kind != outbox.DamageRecords || d.Records != 3 || d.Segment != names[1] || d.Urgent || d.Bytes != 3*int64(frame) {
		t.Fatalf("%d lost, reported %+v", len(lost), d)
	}
	var count uint64
	for _, r := range d.Ranges {
		count += r.Count
		for seq := r.From; seq <= r.To; seq++ {
			n := int(seq)*3 + int(r.Device[1])
			if !lost[n] || r.Anchor[1] != r.Device[1] {
				t.Errorf("range %+v: record %d is not lost", r, n)
			}
		}
	}
	if count != d.Records {
		t.Errorf("ranges %+v name %d of %d records", d.Ranges, count, d.Records)
	}
	for _, r := range got {
		ack(t, q, r.ID)
	}
	if bad := segments(t, dir, "", ".bad"); len(bad) != 1 || bad[0] != d.Kept || q.Stats().Quarantined != 1 {
		t.Fatalf("kept aside: %q, want %q: %+v", bad, d.Kept, q.Stats())
	}
	closeQueue(t, q)
	if rep := check(t, dir); rep.Quarantined != 1 {
		t.Errorf("%+v", rep)
	}
	q, _ = failing(t, dir)
	if st := q.Stats(); st.Quarantined != 1 || len(q.TakeDamage()) != 0 || st.Corrupt != 0 {
		t.Errorf("after a restart %+v", st)
	}
	drops := 0
	for n := 0; drops < 20; n++ { // long after the outbox is full, the bound is kept
		class := outbox.Data
		if n%20 == 0 && n < 1000 {
			class = outbox.Alert
		}
		if _, err := q.Append(record(class, 5000+n, 3000)); err != nil {
			ok, err := q.DropOldest(nil)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			drops++
		}
		commit(t, q)
		if st := q.Stats(); st.Bytes > st.MaxBytes {
			t.Fatalf("%+v", st)
		}
	}
	closeQueue(t, q)
}

// However much is damaged, reports and files kept aside are bounded, and the
// sum is right.
func TestMuchDamage(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	cfg := small(dir)
	cfg.MaxBytes = 64 * 64 << 10
	cfg.FS = &faultFS{FS: outbox.DirFS(dir), lazy: true}
	q := open(t, cfg)
	count := 0
	for ; len(segments(t, dir, "d-", ".seg")) < 45; count++ {
		add(t, q, record(outbox.Data, count, 1000))
		if count%10 == 9 {
			commit(t, q)
		}
	}
	closeQueue(t, q)
	names := segments(t, dir, "d-", ".seg")
	for _, name := range names {
		rot(t, dir, name, 10000)
	}
	q = open(t, cfg)
	got := waiting(t, q)
	for _, r := range got {
		ack(t, q, r.ID)
	}
	var records uint64
	damage := q.TakeDamage()
	for _, d := range damage {
		records += d.Records
	}
	if len(damage) != 33 || damage[32].Kind != outbox.DamageMore || int(records) != count-len(got) || records != q.Stats().Corrupt {
		t.Errorf("%d reports of %d records, %d of %d lost: %+v", len(damage), records, count-len(got), count, q.Stats())
	}
	if bad := segments(t, dir, "", ".bad"); len(bad) != 4 || slices.Max(bad) != bad[3] || q.Stats().Quarantined != 4 {
		t.Errorf("kept aside %q", bad)
	}
	closeQueue(t, q)
	check(t, dir)
}

// What a crash tore off is reported as a tail.
func TestTornTailIsReported(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	img := filled(t, dir, few)
	name, end := img.last()
	clear(img[name][end-frame/2 : end+4])
	for i := range img[name][end-frame/2 : end+4] {
		img[name][end-frame/2+i] = 0x5a
	}
	img.restore(t, dir)
	q, _ := failing(t, dir)
	damage := q.TakeDamage()
	if len(damage) != 1 || fmt.Sprint(damage[0].Kind) != "tail" || damage[0].Segment != name || damage[0].Kept != "" {
		t.Errorf("reported %+v", damage)
	}
	closeQueue(t, q)
}

// A segment whose file somebody removed is damage too.
func TestMissingFile(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	filled(t, dir, 3000)
	q, _ := failing(t, dir)
	names := segments(t, dir, "d-", ".seg")
	if err := os.Remove(filepath.Join(dir, names[1])); err != nil {
		t.Fatal(err)
	}
	got := waiting(t, q)
	damage := q.TakeDamage()
	if len(damage) != 1 || int(damage[0].Records) != 3000-len(got) || damage[0].Segment != names[1] {
		t.Errorf("%d of 3000 records, %+v", len(got), damage)
	}
	closeQueue(t, q)
	check(t, dir)
}
