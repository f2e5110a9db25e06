package cbor_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	fx "github.com/fxamacker/cbor/v2"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
)

func oracle(t testing.TB) fx.EncMode {
	t.Helper()
	options := fx.CoreDetEncOptions()
	options.BigIntConvert = fx.BigIntConvertNone // to this package a bignum is a tag and a byte string
	mode, err := options.EncMode()
	if err != nil {
		t.Fatal(err)
	}
	return mode
}

// interesting numbers lie at the borders of the head lengths.
func interesting() []uint64 {
	var out []uint64
	for _, n := range []uint64{0, 23, 24, 0xff, 0x100, 0xffff, 0x10000, 0xffffffff, 0x100000000, math.MaxInt64, math.MaxUint64} {
		out = append(out, n-1, n, n+1)
	}
	return out
}

func TestIntegersAgreeWithFxamacker(t *testing.T) {
	enc := oracle(t)
	for _, n := range interesting() {
		want, err := enc.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		got := cbor.AppendUint(nil, n)
		if !bytes.Equal(got, want) {
			t.Errorf("AppendUint(%d) = %x, fxamacker %x", n, got, want)
		}
		if cbor.HeadLen(n) != len(want) {
			t.Errorf("HeadLen(%d) = %d, want %d", n, cbor.HeadLen(n), len(want))
		}
		for _, s := range []int64{int64(n), -int64(n)} {
			want, _ := enc.Marshal(s)
			got := cbor.AppendInt(nil, s)
			if !bytes.Equal(got, want) {
				t.Errorf("AppendInt(%d) = %x, fxamacker %x", s, got, want)
			}
			r := cbor.NewReader(got)
			if back := r.Int(); back != s || r.Done() != nil {
				t.Errorf("Int of %x = %d, %v; want %d", got, back, r.Err(), s)
			}
		}
	}
}

// appendRandom writes one random item with the appenders and returns the same
// item as fxamacker takes it.
func appendRandom(rng *rand.Rand, dst []byte, depth int) ([]byte, any) {
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	switch rng.IntN(kinds) {
	case 0:
		n := rng.Uint64() >> rng.IntN(64)
		return cbor.AppendUint(dst, n), n
	case 1:
		n := int64(rng.Uint64()) >> rng.IntN(64)
		return cbor.AppendInt(dst, n), n
	case 2:
		b := make([]byte, rng.IntN(300))
		return cbor.AppendBytes(dst, b), b
	case 3:
		s := string(bytes.Repeat([]byte("é"), rng.IntN(140)))
		return cbor.AppendText(dst, s), s
	case 4:
		b := rng.IntN(2) == 0
		return cbor.AppendBool(dst, b), b
	case 5:
		return cbor.AppendNull(dst), nil
	case 6:
		n := rng.IntN(30)
		dst = cbor.AppendArray(dst, n)
		items := make([]any, n)
		for i := range items {
			dst, items[i] = appendRandom(rng, dst, depth-1)
		}
		return dst, items
	default:
		n := rng.IntN(30)
		dst = cbor.AppendMap(dst, n)
		m := map[uint64]any{}
		for i := range uint64(n) {
			dst = cbor.AppendUint(dst, i*17)
			dst, m[i*17] = appendRandom(rng, dst, depth-1)
		}
		return dst, m
	}
}

func TestNestedItemsAgreeWithFxamacker(t *testing.T) {
	enc := oracle(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		got, item := appendRandom(rng, nil, 3)
		want, err := enc.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("appenders %x\nfxamacker %x", got, want)
		}
		if back := reencode(t, got); !bytes.Equal(back, got) {
			t.Fatalf("%x re-encodes to %x", got, back)
		}
	}
}

// reencode reads whatever item comes and writes it again.
func reencode(t testing.TB, in []byte) []byte {
	r := cbor.NewReader(in)
	out, ok := copyItem(&r, nil, in, 16)
	if !ok || r.Done() != nil {
		t.Fatalf("reading %x: %v", in, r.Err())
	}
	return out
}

// copyItem finds the type of the next item by its first byte, which the Reader
// does not tell: its users know what must come.
func copyItem(r *cbor.Reader, out, in []byte, depth int) ([]byte, bool) {
	if r.Len() == 0 || depth == 0 {
		return nil, false
	}
	switch first := in[r.Offset()]; first >> 5 {
	case 0:
		out = cbor.AppendUint(out, r.Uint())
	case 1:
		out = cbor.AppendInt(out, r.Int())
	case 2:
		out = cbor.AppendBytes(out, r.Bytes())
	case 3:
		out = cbor.AppendText(out, string(r.Text(1<<20)))
	case 4:
		n := r.Array()
		out = cbor.AppendArray(out, n)
		for range n {
			var ok bool
			if out, ok = copyItem(r, out, in, depth-1); !ok {
				return nil, false
			}
		}
	case 5:
		n := r.Map()
		out = cbor.AppendMap(out, n)
		for range 2 * n {
			var ok bool
			if out, ok = copyItem(r, out, in, depth-1); !ok {
				return nil, false
			}
		}
	case 6:
		out = cbor.AppendTag(out, r.Tag())
		return copyItem(r, out, in, depth-1)
	default:
		if r.Null() {
			return cbor.AppendNull(out), true
		}
		out = cbor.AppendBool(out, r.Bool())
	}
	return out, r.Err() == nil
}

func TestReaderRefuses(t *testing.T) {
	tests := []struct {
		name string
		in   string
		read func(*cbor.Reader)
		want error
	}{
		{"empty", "", func(r *cbor.Reader) { r.Uint() }, cbor.ErrTruncated},
		{"uint in two bytes that fits one", "1817", func(r *cbor.Reader) { r.Uint() }, cbor.ErrNotCanonical},
		{"uint in three bytes that fits two", "1900ff", func(r *cbor.Reader) { r.Uint() }, cbor.ErrNotCanonical},
		{"uint in five bytes that fits three", "1a0000ffff", func(r *cbor.Reader) { r.Uint() }, cbor.ErrNotCanonical},
		{"uint in nine bytes that fits five", "1b00000000ffffffff", func(r *cbor.Reader) { r.Uint() }, cbor.ErrNotCanonical},
		{"reserved additional information", "1c", func(r *cbor.Reader) { r.Uint() }, cbor.ErrNotCanonical},
		{"indefinite bytes", "5f4100ff", func(r *cbor.Reader) { r.Bytes() }, cbor.ErrNotCanonical},
		{"indefinite array", "9f00ff", func(r *cbor.Reader) { r.Array() }, cbor.ErrNotCanonical},
		{"head cut", "19ff", func(r *cbor.Reader) { r.Uint() }, cbor.ErrTruncated},
		{"bytes cut", "4401", func(r *cbor.Reader) { r.Bytes() }, cbor.ErrTruncated},
		{"bytes of 2^64-1", "5bffffffffffffffff", func(r *cbor.Reader) { r.Bytes() }, cbor.ErrTruncated},
		{"array of 2^32 in five bytes of input", "9b0000000100000000", func(r *cbor.Reader) { r.Array() }, cbor.ErrTruncated},
		{"map of three pairs in four bytes", "a300000000", func(r *cbor.Reader) { r.Map() }, cbor.ErrTruncated},
		{"negative below int64", "3bffffffffffffffff", func(r *cbor.Reader) { r.Int() }, cbor.ErrRange},
		{"int of a text", "6161", func(r *cbor.Reader) { r.Int() }, cbor.ErrType},
		{"float for a number", "f93c00", func(r *cbor.Reader) { r.Uint() }, cbor.ErrType},
		{"undefined for a bool", "f7", func(r *cbor.Reader) { r.Bool() }, cbor.ErrType},
		{"text that is not UTF-8", "62c328", func(r *cbor.Reader) { r.Text(9) }, cbor.ErrUTF8},
		{"text too long", "63616161", func(r *cbor.Reader) { r.Text(2) }, cbor.ErrRange},
		{"bytes of another length", "420102", func(r *cbor.Reader) { r.BytesLen(3) }, cbor.ErrRange},
		{"array of another length", "820102", func(r *cbor.Reader) { r.ArrayLen(3) }, cbor.ErrRange},
		{"map of another length", "a10102", func(r *cbor.Reader) { r.MapLen(2) }, cbor.ErrRange},
		{"number over the limit", "1864", func(r *cbor.Reader) { r.UintMax(99) }, cbor.ErrRange},
		{"number under the limit", "20", func(r *cbor.Reader) { r.IntRange(0, 9) }, cbor.ErrRange},
		{"trailing byte", "0000", func(r *cbor.Reader) { r.Uint() }, cbor.ErrTrailing},
	}
	for _, tt := range tests {
		in, err := hex.DecodeString(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		r := cbor.NewReader(in)
		tt.read(&r)
		if err := r.Done(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %x: error %v, want %v", tt.name, in, err, tt.want)
		}
		if n := r.Uint(); n != 0 {
			t.Errorf("%s: %d was read after an error", tt.name, n)
		}
	}
}

// TestAppendixA reads the published examples: what is deterministic and of a
// type that this package has must re-encode, all else must be refused.
func TestAppendixA(t *testing.T) {
	raw, err := os.ReadFile("../../../../shared/vectors/cbor/appendix_a.json")
	if err != nil {
		t.Skip("shared data absent: ../shared/vectors/cbor/appendix_a.json is not beside the checkout")
	}
	var rows []struct {
		Hex       string `json:"hex"`
		Roundtrip bool   `json:"roundtrip"`
	}
	if err := json.Unmarshal(raw, &rows); err != nil {
		t.Fatal(err)
	}
	accepted := 0
	for _, row := range rows {
		in, err := hex.DecodeString(row.Hex)
		if err != nil {
			t.Fatal(err)
		}
		r := cbor.NewReader(in)
		out, ok := copyItem(&r, nil, in, 16)
		if !ok || r.Done() != nil {
			continue
		}
		accepted++
		if !bytes.Equal(out, in) || !row.Roundtrip {
			t.Errorf("%x was accepted and re-encodes to %x (roundtrip %v)", in, out, row.Roundtrip)
		}
	}
	// 43 rows are deterministic and hold no float, no undefined, no simple value
	// and no integer beyond int64.
	if accepted != 43 {
		t.Errorf("%d of %d examples accepted, want 43", accepted, len(rows))
	}
}

func FuzzReader(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 32 {
		seed, _ := appendRandom(rng, nil, 2)
		f.Add(seed)
	}
	f.Add([]byte("\xc2\x45\xb8\x40\x6f\xc7\x40")) // a bignum is shorter than the integer, sometimes
	enc := oracle(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		r := cbor.NewReader(in)
		out, ok := copyItem(&r, nil, in, 16)
		if !ok || r.Done() != nil {
			return
		}
		if !bytes.Equal(out, in) {
			t.Fatalf("%x was accepted and re-encodes to %x", in, out)
		}
		var item any
		if fx.Unmarshal(in, &item) != nil {
			return // duplicate map keys: order and uniqueness are the caller's, who names the keys
		}
		if back, err := enc.Marshal(item); err == nil && len(back) > len(in) {
			t.Fatalf("%x was accepted and fxamacker makes %x of it", in, back)
		}
	})
}

func TestAppendersAndReaderAllocateNothing(t *testing.T) {
	buf := make([]byte, 0, 256)
	payload := make([]byte, 64)
	allocs := testing.AllocsPerRun(100, func() {
		b := cbor.AppendArray(buf, 3)
		b = cbor.AppendBytes(b, payload)
		b = cbor.AppendText(b, "MDC_PULS_OXIM_SAT_O2")
		b = cbor.AppendInt(b, -98)
		r := cbor.NewReader(b)
		r.ArrayLen(3)
		r.Bytes()
		r.Text(64)
		r.Int()
		if r.Done() != nil {
			panic(r.Err())
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}
