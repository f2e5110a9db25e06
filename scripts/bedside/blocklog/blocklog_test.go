package blocklog_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/scripts/bedside/blocklog"
)

const sector = 512

// build writes a log as the kernel does.
func build(entries ...blocklog.Entry) []byte {
	le := binary.LittleEndian
	log := make([]byte, sector)
	le.PutUint64(log, 0x6a736677736872)
	le.PutUint64(log[8:], 1)
	le.PutUint64(log[16:], uint64(len(entries)))
	le.PutUint32(log[24:], sector)
	for _, e := range entries {
		head := make([]byte, sector)
		le.PutUint64(head, uint64(e.Offset/sector))
		le.PutUint64(head[8:], uint64(len(e.Data)/sector))
		le.PutUint64(head[16:], e.Flags)
		le.PutUint64(head[24:], uint64(len(e.Word)))
		copy(head[32:], e.Word)
		log = append(append(log, head...), e.Data...)
	}
	return log
}

// The disks of these tests have a first block, which is never torn, and four sectors.
const first, size = 8 * sector, 12 * sector

func blank() []byte { return bytes.Repeat([]byte("-"), size) }

// written is a write of whole sectors behind the first block, each filled with one
// letter.
func written(flags uint64, at int64, letters string) blocklog.Entry {
	e := blocklog.Entry{Flags: flags, Offset: first + at*sector}
	for _, letter := range letters {
		e.Data = append(e.Data, bytes.Repeat([]byte(string(letter)), sector)...)
	}
	return e
}

func letters(disk []byte) (s string) {
	for at := first; at < len(disk); at += sector {
		s += string(disk[at])
	}
	return s
}

var some = []blocklog.Entry{
	written(0, 0, "ab"), {Flags: blocklog.Flush}, {Flags: blocklog.Mark, Word: "c:1"},
	written(blocklog.FUA, 2, "c"), written(0, 0, "xy"), written(0, 3, "d"), {Flags: blocklog.Flush}, written(0, 1, "z"),
}

func TestRead(t *testing.T) {
	got, err := blocklog.Read(bytes.NewReader(build(some...)))
	if err != nil || len(got) != len(some) {
		t.Fatalf("%d entries, %v", len(got), err)
	}
	for i, e := range got {
		if w := some[i]; e.Flags != w.Flags || e.Offset != w.Offset || e.Word != w.Word || !bytes.Equal(e.Data, w.Data) {
			t.Errorf("entry %d: %+v, want %+v", i, e, w)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	log := build(some...)
	for name, c := range map[string]struct {
		change func([]byte) []byte
		want   string
	}{
		"nothing":     {func(b []byte) []byte { return nil }, "not a log"},
		"text":        {func(b []byte) []byte { b[0]++; return b }, "not a log"},
		"version":     {func(b []byte) []byte { b[8]++; return b }, "version 2"},
		"sector size": {func(b []byte) []byte { b[25] = 16; return b }, "sectors of 4096 bytes"},
		"cut short":   {func(b []byte) []byte { return b[:len(b)-1] }, "entry 7 of 8: unexpected EOF"},
		"too many":    {func(b []byte) []byte { b[16]++; return b }, "entry 8 of 9: EOF"},
		"long mark":   {func(b []byte) []byte { b[4*sector+32+24+sector] = 0xff; b[5*sector+25] = 9; return b }, "no entry"},
	} {
		if _, err := blocklog.Read(bytes.NewReader(c.change(bytes.Clone(log)))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestCut(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		at   int
		rule blocklog.Rule
		want string
		end  int
	}{
		{0, blocklog.KeepNone, "----", 1}, {0, blocklog.KeepOrder, "ab--", 1},
		{1, blocklog.KeepNone, "ab--", 6}, {2, blocklog.KeepOrder, "ab--", 6},
		{3, blocklog.KeepNone, "abc-", 6}, {4, blocklog.KeepOrder, "xyc-", 6},
		{6, blocklog.KeepNone, "xycd", 8}, {7, blocklog.KeepOrder, "xzcd", 8},
	} {
		image := make([]byte, size)
		end := blocklog.NewReplay(blank(), some).Cut(image, c.at, c.rule, rng)
		if got := letters(image); got != c.want || end != c.end {
			t.Errorf("cut behind %d by rule %d: %q and up to %d, want %q and %d", c.at, c.rule, got, end, c.want, c.end)
		}
	}
}

// Any writes may be kept, and any sectors, but nothing that may have waited for a
// write with FUA which is not.
func TestCutKeepsAny(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for at, want := range map[int]map[blocklog.Rule]string{
		1: {blocklog.KeepWrites: "ab-- abc- xyc- abcd xycd", blocklog.KeepSectors: "ab-- abc- abcd ayc- aycd xbc- xbcd xyc- xycd"},
		3: {blocklog.KeepWrites: "abc- xyc- abcd xycd", blocklog.KeepSectors: "abc- abcd ayc- aycd xbc- xbcd xyc- xycd"},
	} {
		for rule, all := range want {
			seen := map[string]bool{}
			for range 1000 {
				image := make([]byte, size)
				blocklog.NewReplay(blank(), some).Cut(image, at, rule, rng)
				seen[letters(image)] = true
			}
			for _, w := range strings.Fields(all) {
				if !seen[w] {
					t.Errorf("cut behind %d by rule %d: never %q", at, rule, w)
				}
				delete(seen, w)
			}
			if len(seen) > 0 {
				t.Errorf("cut behind %d by rule %d: %v too", at, rule, seen)
			}
		}
	}
}

// What a file system takes for granted is never torn.
func TestCutTearsNoSuperblock(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, e := range []blocklog.Entry{written(blocklog.FUA, 0, "xyz"), {Data: bytes.Repeat([]byte("x"), first)}} {
		for range 100 {
			image, want := make([]byte, size), blank()
			blocklog.NewReplay(blank(), []blocklog.Entry{{Flags: blocklog.Flush}, e}).Cut(image, 0, blocklog.KeepSectors, rng)
			if !bytes.Equal(image, want) {
				copy(want[e.Offset:], e.Data)
			}
			if !bytes.Equal(image, want) {
				t.Fatalf("a write at %d was torn", e.Offset)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(build(some...))
	f.Add(build())
	f.Fuzz(func(t *testing.T, log []byte) {
		entries, err := blocklog.Read(bytes.NewReader(log))
		if err != nil {
			return
		}
		again, err := blocklog.Read(bytes.NewReader(build(entries...)))
		if err != nil || len(again) != len(entries) {
			t.Fatalf("%d entries, and %d when written again: %v", len(entries), len(again), err)
		}
		disk, image := make([]byte, size), make([]byte, size)
		r, rng := blocklog.NewReplay(disk, entries), rand.New(rand.NewPCG(5, 6))
		for at := range entries {
			if end := r.Cut(image, at, blocklog.Rule(at)%blocklog.Rules, rng); end > len(entries) {
				t.Fatalf("a cut behind %d of %d reaches up to %d", at, len(entries), end)
			}
		}
	})
}
