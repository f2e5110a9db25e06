package cbor

import (
	"errors"
	"unicode/utf8"
)

// Why a Reader refuses input. The first cause is kept.
var (
	ErrTruncated    = errors.New("cbor: input ends inside an item")
	ErrNotCanonical = errors.New("cbor: not in core deterministic encoding")
	ErrType         = errors.New("cbor: an item of another type was expected")
	ErrRange        = errors.New("cbor: number or length out of range")
	ErrUTF8         = errors.New("cbor: text is not valid UTF-8")
	ErrTrailing     = errors.New("cbor: bytes after the last item")
)

// Reader reads items from a byte slice. After an error every method returns
// zero values and Err the first error, so that callers check once.
//
// Byte strings and texts returned alias the input.
type Reader struct {
	in  []byte
	off int
	err error
}

// NewReader returns a Reader over in.
func NewReader(in []byte) Reader { return Reader{in: in} }

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Offset returns how many bytes have been read.
func (r *Reader) Offset() int { return r.off }

// Len returns how many bytes are left.
func (r *Reader) Len() int { return len(r.in) - r.off }

// Fail makes err the sticky error, unless there is one already, and is how a
// caller reports that an item was well formed but not allowed.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Done returns the sticky error, or ErrTrailing if input is left.
func (r *Reader) Done() error {
	if r.err == nil && r.off != len(r.in) {
		r.err = ErrTrailing
	}
	return r.err
}

// Uint reads an unsigned integer.
func (r *Reader) Uint() uint64 { return r.head(majorUint) }

// UintMax reads an unsigned integer of at most max.
func (r *Reader) UintMax(max uint64) uint64 {
	n := r.head(majorUint)
	if n > max {
		r.Fail(ErrRange)
		return 0
	}
	return n
}

// Int reads a signed integer that fits into 64 bits.
func (r *Reader) Int() int64 {
	major, n := r.anyHead()
	if r.err != nil {
		return 0
	}
	if major != majorUint && major != majorNegInt {
		r.Fail(ErrType)
		return 0
	}
	if n > 1<<63-1 {
		r.Fail(ErrRange)
		return 0
	}
	if major == majorNegInt {
		return ^int64(n)
	}
	return int64(n)
}

// IntRange reads a signed integer from min to max.
func (r *Reader) IntRange(min, max int64) int64 {
	n := r.Int()
	if r.err == nil && (n < min || n > max) {
		r.Fail(ErrRange)
		return 0
	}
	return n
}

// Bytes reads a byte string.
func (r *Reader) Bytes() []byte { return r.take(r.head(majorBytes)) }

// BytesLen reads a byte string of exactly n bytes; another length is ErrRange.
func (r *Reader) BytesLen(n int) []byte {
	b := r.Bytes()
	if r.err == nil && len(b) != n {
		r.Fail(ErrRange)
		return nil
	}
	return b
}

// Text reads a text string of at most max bytes as a slice of the input.
func (r *Reader) Text(max int) []byte {
	b := r.take(r.head(majorText))
	if len(b) > max {
		r.Fail(ErrRange)
		return nil
	}
	if !utf8.Valid(b) {
		r.Fail(ErrUTF8)
		return nil
	}
	return b
}

// Array reads the head of an array and returns the number of its items. Every
// item takes a byte or more, so a number beyond the input is refused at once.
func (r *Reader) Array() int { return r.count(majorArray, 1) }

// ArrayLen reads the head of an array of exactly n items.
func (r *Reader) ArrayLen(n int) {
	if got := r.Array(); r.err == nil && got != n {
		r.Fail(ErrRange)
	}
}

// Map reads the head of a map and returns the number of its pairs. The caller
// reads keys in the order in which they must come, which is how the order and
// the uniqueness of keys are enforced.
func (r *Reader) Map() int { return r.count(majorMap, 2) }

// MapLen reads the head of a map of exactly n pairs.
func (r *Reader) MapLen(n int) {
	if got := r.Map(); r.err == nil && got != n {
		r.Fail(ErrRange)
	}
}

// Tag reads a tag number.
func (r *Reader) Tag() uint64 { return r.head(majorTag) }

// Bool reads true or false.
func (r *Reader) Bool() bool {
	switch b := r.peek(); {
	case r.err != nil:
	case b == simpleTrue, b == simpleFalse:
		r.off++
		return b == simpleTrue
	default:
		r.Fail(ErrType)
	}
	return false
}

// Null reads null if it is next and reports whether it was.
func (r *Reader) Null() bool {
	if r.err != nil || r.off >= len(r.in) || r.in[r.off] != simpleNull {
		return false
	}
	r.off++
	return true
}

// NextIsBytes reports whether a byte string comes next; it reads nothing.
func (r *Reader) NextIsBytes() bool { return r.nextIs(majorBytes) }

// NextIsArray reports whether an array comes next; it reads nothing.
func (r *Reader) NextIsArray() bool { return r.nextIs(majorArray) }

func (r *Reader) nextIs(major byte) bool {
	return r.err == nil && r.off < len(r.in) && r.in[r.off]&0xe0 == major
}

func (r *Reader) peek() byte {
	if r.err != nil {
		return 0
	}
	if r.off >= len(r.in) {
		r.err = ErrTruncated
		return 0
	}
	return r.in[r.off]
}

func (r *Reader) count(major byte, itemBytes uint64) int {
	n := r.head(major)
	if n > uint64(r.Len())/itemBytes {
		r.Fail(ErrTruncated)
		return 0
	}
	return int(n)
}

func (r *Reader) take(n uint64) []byte {
	if r.err != nil {
		return nil
	}
	if n > uint64(r.Len()) {
		r.err = ErrTruncated
		return nil
	}
	start := r.off
	r.off += int(n)
	return r.in[start:r.off:r.off]
}

func (r *Reader) head(want byte) uint64 {
	major, n := r.anyHead()
	if r.err == nil && major != want {
		r.err = ErrType
	}
	if r.err != nil {
		return 0
	}
	return n
}

// anyHead reads a head of any major type but 7 and refuses all that is longer
// than it must be: the additional information 24 to 27 with a small argument,
// 28 to 30 (reserved) and 31 (indefinite length).
func (r *Reader) anyHead() (major byte, n uint64) {
	first := r.peek()
	if r.err != nil {
		return 0, 0
	}
	major, info := first&0xe0, first&0x1f
	if major == majorSimple {
		r.err = ErrType
		return 0, 0
	}
	if info < 24 {
		r.off++
		return major, uint64(info)
	}
	if info > 27 {
		r.err = ErrNotCanonical
		return 0, 0
	}
	size := 1 << (info - 24)
	if r.Len() < 1+size {
		r.err = ErrTruncated
		return 0, 0
	}
	for _, b := range r.in[r.off+1 : r.off+1+size] {
		n = n<<8 | uint64(b)
	}
	if HeadLen(n) != 1+size {
		r.err = ErrNotCanonical
		return 0, 0
	}
	r.off += 1 + size
	return major, n
}
