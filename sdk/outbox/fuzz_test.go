package outbox_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

const (
	fuzzName = "d-0000000000000001-0000000100000002.seg"
	fuzzSalt = 0x0000000100000002
)

// seal writes marks and checksums over a chain of frames as FORMAT.md says, in
// an implementation of its own, so that the fuzzer gets behind them. Where a
// length leads outside, the rest stays as it is.
func seal(b []byte) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	seed := crc32.Checksum(binary.BigEndian.AppendUint64(nil, fuzzSalt), table) | 1
	out := bytes.Clone(b)
	for rest := out; len(rest) >= 12; {
		n := int(binary.BigEndian.Uint32(rest[8:]))
		if n < 12 || n > len(rest) {
			break
		}
		binary.BigEndian.PutUint32(rest, seed)
		binary.BigEndian.PutUint32(rest[4:], crc32.Update(seed, table, rest[8:n]))
		rest = rest[n:]
	}
	return out
}

// frameOf is a record in the layout of FORMAT.md.
func frameOf(r outbox.Record) []byte {
	be := binary.BigEndian
	b := be.AppendUint64(nil, 0)
	b = be.AppendUint32(b, uint32(56+len(r.Topic)+len(r.Payload)))
	b = append(b, byte(r.Class), 0)
	if r.Retain {
		b[13] = 1
	}
	b = be.AppendUint16(b, uint16(len(r.Topic)))
	b = be.AppendUint64(b, r.ID)
	b = be.AppendUint64(b, uint64(r.Time.UnixMilli()))
	b = append(append(b, r.Device[:]...), r.Anchor[:]...)
	b = be.AppendUint64(b, r.Seq)
	return append(append(b, r.Topic...), r.Payload...)
}

// FuzzSegment opens an outbox whose only segment holds what the fuzzer made,
// as it is and with its checksums put right. Whatever it is, Open and the
// readers get through, what they accept is in the file byte for byte, and the
// outbox goes on working.
func FuzzSegment(f *testing.F) {
	r := record(outbox.Data, 1, 50)
	r.ID = 1<<1 | 1
	one := frameOf(r)
	r.ID, r.Retain = 2<<1|1, true
	two := append(bytes.Clone(one), frameOf(r)...)
	acks := append(append(make([]byte, 11, 64), 26, 0xff, 0, 0, 0), 0, 0, 0, 0, 0, 0, 0, 1, 0, 1)
	for _, b := range [][]byte{nil, one, two, append(bytes.Clone(two), acks...), append(acks, two...), two[:100]} {
		f.Add(b, true)
		f.Add(seal(b), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, fix bool) {
		if len(b) > 50<<10 {
			return
		}
		if fix {
			b = seal(b)
		}
		dir := t.TempDir() + "/outbox"
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		file := make([]byte, 64<<10)
		copy(file[64:], b)
		if err := os.WriteFile(filepath.Join(dir, fuzzName), file, 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := small(dir)
		cfg.FS = &faultFS{FS: outbox.DirFS(dir), lazy: true}
		q := open(t, cfg)
		n := 0
		for _, r := range waiting(t, q) {
			want := seal(frameOf(r))
			if !bytes.Contains(file, want) {
				t.Fatalf("record %d is not in the file in these bytes", r.ID)
			}
			n++
		}
		if st := q.Stats(); st.Records != uint64(n) {
			t.Fatalf("%d records read, %+v", n, st)
		}
		id := add(t, q, record(outbox.Data, 7, 60))
		commit(t, q)
		_, live, backlog := q.Readers()
		if _, err := live.Next(); !errors.Is(err, io.EOF) {
			t.Fatal("live data that was committed before")
		}
		recs := drain(t, backlog)
		if len(recs) != n+1 || recs[n].ID != id {
			t.Fatalf("%d records after one more, want %d", len(recs), n+1)
		}
		closeQueue(t, q)
		check(t, dir)
	})
}
