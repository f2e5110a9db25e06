package outbox_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// image is a closed outbox kept in memory, to be damaged over and over.
type image map[string][]byte

func snapshot(t testing.TB, dir string) image {
	t.Helper()
	img := image{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		img[e.Name()] = b
	}
	return img
}

// restore writes the image to dir, which then holds nothing else.
func (img image) restore(t testing.TB, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, b := range img {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// last returns the only segment of the data lane of a few records, and where
// its frames end.
func (img image) last() (name string, end int) {
	for n := range img {
		if strings.HasPrefix(n, "d-") {
			name = n
		}
	}
	return name, first + few*frame
}

// salvage opens a damaged outbox that had count data records and reports how
// many are left and how many were counted as lost. It fails if a record is
// there that was not put in, twice, or out of order.
func salvage(t *testing.T, dir string, count int, what ...any) (kept, counted int) {
	t.Helper()
	cfg := small(dir)
	cfg.FS = &faultFS{FS: outbox.DirFS(dir), lazy: true}
	q := open(t, cfg)
	last := -1
	for _, r := range waiting(t, q) {
		n := number(t, r)
		if n <= last || n >= count {
			t.Fatalf("%v: record %d after %d of %d", what, n, last, count)
		}
		last = n
		kept++
	}
	st := q.Stats()
	counted = int(st.Corrupt) + st.Torn
	// Whatever was found, the outbox goes on working.
	add(t, q, record(outbox.Data, count, 300))
	commit(t, q)
	closeQueue(t, q)
	check(t, dir)
	q = open(t, cfg)
	if got := waiting(t, q); len(got) == 0 || number(t, got[len(got)-1]) != count || len(got) != kept+1 {
		t.Fatalf("%v: %d records after going on, want %d", what, len(got), kept+1)
	}
	closeQueue(t, q)
	return kept, counted
}

// A record's frame is 84 bytes and its payload; the first one follows the
// header and an empty frame of acknowledgements.
const (
	frame = 56 + len("vs1/site/gateway/device/data") + 8
	first = 64 + 24
	few   = 4
)

// filled makes an outbox of count small data records in commits of four.
func filled(t *testing.T, dir string, count int) image {
	t.Helper()
	cfg := small(dir)
	cfg.FS = &faultFS{FS: outbox.DirFS(dir), lazy: true}
	q := open(t, cfg)
	for n := range count {
		add(t, q, record(outbox.Data, n, 8))
		if n%4 == 3 {
			commit(t, q)
		}
	}
	closeQueue(t, q)
	check(t, dir)
	return snapshot(t, dir)
}

// A file that ends anywhere within the last commits loses what is cut off and
// nothing else.
func TestTruncatedAtEveryByte(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	img := filled(t, dir, few)
	name, end := img.last()
	whole := img[name]
	for at := 0; at <= end+8; at++ {
		img[name] = whole[:at]
		img.restore(t, dir)
		kept, counted := salvage(t, dir, few, "cut at", at)
		if want := max(at-first, 0) / frame; kept != want || kept < few && at >= 64 && counted == 0 {
			t.Fatalf("cut at %d of %d: kept %d of %d, want %d; %d counted", at, end, kept, few, want, counted)
		}
	}
}

// A torn write leaves zeros, or what the recycled file held, from any byte on.
func TestTornAtEveryByte(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	img := filled(t, dir, few)
	name, end := img.last()
	whole := img[name]
	for at := 64; at < end; at++ {
		b := append([]byte(nil), whole...)
		for i := at; i < end+4; i++ {
			b[i] = 0
			if at%2 == 1 {
				b[i] = 0x5a
			}
		}
		img[name] = b
		img.restore(t, dir)
		want := 0 // a frame that ends in what it is torn to is whole
		for want < few && bytes.Equal(b[first:first+(want+1)*frame], whole[first:first+(want+1)*frame]) {
			want++
		}
		if kept, _ := salvage(t, dir, few, "torn at", at); kept != want {
			t.Fatalf("torn at %d of %d: kept %d of %d, want %d", at, end, kept, few, want)
		}
	}
}

// One flipped bit costs at most the record it is in, and that is counted.
func TestFlippedBits(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	img := filled(t, dir, few)
	name, end := img.last()
	for bit := range (end + 4) * 8 {
		img[name][bit/8] ^= 1 << (bit % 8)
		img.restore(t, dir)
		kept, counted := salvage(t, dir, few, "bit", bit)
		img[name][bit/8] ^= 1 << (bit % 8)
		if kept < few-1 || kept+counted < few {
			t.Fatalf("bit %d of byte %d: kept %d of %d, counted %d", bit%8, bit/8, kept, few, counted)
		}
	}
}

// The same anywhere in an outbox of many segments, whose sealed ones are not
// read when it is opened; with a lost page in place of the bit every other
// time.
func TestDamageAnywhere(t *testing.T) {
	dir := t.TempDir() + "/outbox"
	const count = 3000
	img := filled(t, dir, count)
	names := make([]string, 0, len(img))
	for n := range img {
		names = append(names, n)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range 40 {
		name := names[rng.IntN(len(names))]
		whole := img[name]
		b := append([]byte(nil), whole...)
		at, most := rng.IntN(len(b)), 1
		if i%2 == 0 {
			b[at] ^= 1 << rng.IntN(8)
		} else {
			at &^= 4095
			clear(b[at : at+4096])
			most = 4096/frame + 2
		}
		img[name] = b
		img.restore(t, dir)
		kept, counted := salvage(t, dir, count, "seed", seed, "damage", i, name, at)
		img[name] = whole
		if kept < count-most || kept < count && counted == 0 || i%2 == 0 && kept+counted < count {
			t.Fatalf("seed %d: %q at %d: kept %d of %d, counted %d", seed, name, at, kept, count, counted)
		}
	}
}
